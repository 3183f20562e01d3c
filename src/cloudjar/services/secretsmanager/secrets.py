"""Secrets: made, changed, described, deleted, restored."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from cloudjar.kernel import keys, tags, trail
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.ids import ALNUM
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import cross_account, errors, replication, stages, values
from cloudjar.services.secretsmanager.records import (
    CURRENT,
    Secret,
    Version,
    find,
    find_primary,
    find_writable,
    home,
    lookup,
    on_secret,
    versions,
)

DEFAULT_DAYS = 30
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}").fullmatch


def on_new_secret(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a secret is going to have; its suffix is not known yet."""
    found = ctx.get(Secret, req["Name"])
    return found.arn if found else ctx.arn("secretsmanager", f"secret:{req['Name']}-??????")


@operation(on=on_new_secret)
def create_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Name"]
    if not _NAME(name):
        raise errors.bad_name()
    _refuse_managed(ctx, req)
    primary = req.get("CrossAccountPrimaryARN") or ""
    if primary:
        cross_account.check_request(ctx, req)
    secret_tags = _tags(req.get("Tags") or [])
    value = values.given(req)
    token = req.get("ClientRequestToken") or ctx.ids.uuid()
    old = ctx.get(Secret, name)
    if old is not None:
        return _same_again(ctx, old, token, value)
    arn = ctx.arn("secretsmanager", f"secret:{name}-{ctx.ids.text(ALNUM, 6)}")
    secret = ctx.put(
        Secret(
            name,
            arn,
            ctx.now,
            ctx.now,
            description=req.get("Description") or "",
            kms_key=req.get("KmsKeyId") or "",
            cross_primary=primary,
            cross_status="Pending" if primary else "",
        )
    )
    if primary and not ctx.world.host.allowed(ctx, "secretsmanager:PutResourcePolicy", arn):
        # It gets a policy that lets the primary's account associate it.
        raise errors.access_denied(ctx.principal.arn, "secretsmanager:PutResourcePolicy", arn)
    ctx.set_tags(arn, secret_tags)
    answer: dict[str, Any] = {"ARN": arn, "Name": name}
    if value is not None:
        add_version(ctx, secret, token, value, [CURRENT])
        answer["VersionId"] = token
    if req.get("AddReplicaRegions"):
        secret = replication.add(ctx, secret, req["AddReplicaRegions"], bool(req.get("ForceOverwriteReplicaSecret")))
        answer["ReplicationStatus"] = replication.to_wire(secret)
    return answer


def _tags(given: list[dict[str, str]]) -> dict[str, str]:
    """The tags in a request; the model lets keys be left out, AWS does not."""
    if not all(each.get("Key") for each in given):
        raise errors.parameter("A tag needs a key.")
    found = tags.from_list(given)
    if len(found) < len(given):
        raise errors.parameter("Tag keys must not repeat.")
    tags.check(found, "InvalidParameterException")
    return found


def _refuse_managed(ctx: Context, req: dict[str, Any]) -> None:
    if req.get("Type"):
        raise not_implemented("secretsmanager", ctx.call_info.operation, "managed external secrets")


def _same_again(ctx: Context, old: Secret, token: str, value: tuple[bytes, bool] | None) -> dict[str, Any]:
    """A request that was answered before is answered alike; any other clashes."""
    if old.deletion is not None:
        raise errors.name_is_being_deleted()
    version = ctx.get(Version, old.arn, token)
    if version is None or value is None:
        raise errors.secret_exists(old.name)
    if (values.unseal(ctx, version), version.binary) != value:
        raise errors.token_in_use(token, old.arn)
    return {"ARN": old.arn, "Name": old.name, "VersionId": token}


def add_version(ctx: Context, secret: Secret, token: str, value: tuple[bytes, bool], labels: list[str]) -> Version:
    """A version with a value and its labels. The same again is nothing new; another value for the token is refused."""
    there = home(ctx, secret)
    version = there.get(Version, secret.arn, token)
    if version is not None and version.sealed:
        if (values.unseal(ctx, version), version.binary) != value:
            raise errors.token_in_use(token, secret.arn)
        return version
    version = there.put(values.seal(ctx, secret, version or Version(secret.arn, token, ctx.now), *value))
    for label in labels:
        stages.move(ctx, secret, label, version)
    stages.prune(ctx, secret)
    found = there.get(Version, secret.arn, token)
    assert found is not None
    return found


@operation(on=on_secret)
def put_secret_value(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_writable(ctx, req["SecretId"])
    value = values.given(req)
    if value is None:
        raise errors.no_value()
    labels = list(req.get("VersionStages") or [CURRENT])
    # The first version is the current one, whatever else it is called.
    if CURRENT not in labels and not any(CURRENT in version.stages for version in versions(ctx, secret)):
        labels.append(CURRENT)
    version = add_version(ctx, secret, req.get("ClientRequestToken") or ctx.ids.uuid(), value, labels)
    secret = home(ctx, secret).put(replace(secret, changed=ctx.now))
    replication.copy_out(ctx, secret)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version.id, "VersionStages": version.stages}


@operation(on=on_secret)
def update_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_primary(ctx, req["SecretId"])
    _refuse_managed(ctx, req)
    value = values.given(req)
    if secret.cross_primary and value is not None:
        raise errors.is_cross_account_replica()
    there = home(ctx, secret)
    changes: dict[str, Any] = {"changed": ctx.now}
    if "Description" in req:
        changes["description"] = req["Description"]
    if "KmsKeyId" in req:
        changes["kms_key"] = req["KmsKeyId"]
    moved = changes.get("kms_key", secret.kms_key) != secret.kms_key
    secret = there.put(replace(secret, **changes))
    if moved:
        values.reseal_all(ctx, secret)
    answer = {"ARN": secret.arn, "Name": secret.name}
    if value is not None:
        answer["VersionId"] = add_version(ctx, secret, req.get("ClientRequestToken") or ctx.ids.uuid(), value, [CURRENT]).id
    replication.copy_out(ctx, secret)
    return answer


@operation(on=on_secret)
def delete_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    days, force = req.get("RecoveryWindowInDays"), bool(req.get("ForceDeleteWithoutRecovery"))
    if force and days is not None:
        raise errors.window_and_force()
    if days is not None and not 7 <= days <= 30:
        raise errors.bad_window()
    secret = lookup(ctx, req["SecretId"])
    if secret is None and force:
        # Deleting by force what is not there is no error.
        return {"ARN": on_secret(ctx, req), "Name": req["SecretId"], "DeletionDate": ctx.now}
    secret = find(ctx, req["SecretId"])
    if secret.deletion is not None and not force:
        raise errors.already_marked()
    if secret.primary_region and secret.primary_region != secret.region:
        raise errors.is_replica()
    if secret.replicas:
        raise errors.still_replicated(secret.name, sorted(secret.replicas))
    if secret.cross_replica:
        raise errors.still_associated(secret.name, secret.cross_replica)
    there = home(ctx, secret)
    if force:
        end(there, secret)
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": ctx.now}
    due = ctx.now + timedelta(days=days or DEFAULT_DAYS)
    there.put(replace(secret, deletion=due, marked=ctx.now))
    there.after(delete_when_due, secret.name, keys.microseconds(due), at=due)
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": due}


@timer
def delete_when_due(ctx: Context, name: str, due: int) -> None:
    """Ends a secret, unless it was restored, or deleted anew, meanwhile."""
    secret = ctx.get(Secret, name)
    if secret is not None and secret.deletion is not None and keys.microseconds(secret.deletion) == due:
        end(ctx, secret)
        resource = ("AWS::SecretsManager::Secret", secret.arn)
        trail.announce(ctx, "secretsmanager", "EndSecretVersionDelete", resource, additionalEventData={"SecretId": secret.arn})


def end(ctx: Context, secret: Secret) -> None:
    """Removes a secret and all that belongs to it."""
    for version in list(ctx.where(Version, arn=secret.arn)):
        ctx.delete(version)
    ctx.set_tags(secret.arn, {})
    ctx.delete(secret)


@operation(on=on_secret)
def restore_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find(ctx, req["SecretId"])
    home(ctx, secret).put(replace(secret, deletion=None, marked=None))
    return {"ARN": secret.arn, "Name": secret.name}


@operation(on=on_secret)
def describe_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find(ctx, req["SecretId"])
    wire = to_wire(home(ctx, secret), secret)
    wire["VersionIdsToStages"] = wire.pop("SecretVersionsToStages")
    if secret.primary_region and secret.primary_region == secret.region:
        wire["ReplicationStatus"] = replication.to_wire(secret)
    return wire | cross_account.to_wire(secret)


def to_wire(ctx: Context, secret: Secret) -> dict[str, Any]:
    """A secret as ListSecrets shows it, and DescribeSecret nearly so."""
    wire: dict[str, Any] = {
        "ARN": secret.arn,
        "Name": secret.name,
        "CreatedDate": secret.created,
        "LastChangedDate": secret.changed,
        "SecretVersionsToStages": {version.id: version.stages for version in versions(ctx, secret) if version.stages},
        "Tags": tags.to_list(ctx.tags(secret.arn)),
    }
    optional = {
        "Description": secret.description,
        "KmsKeyId": secret.kms_key,
        "LastAccessedDate": secret.accessed,
        "DeletedDate": secret.marked,
        "PrimaryRegion": secret.primary_region,
        "RotationLambdaARN": secret.rotation_function,
        "RotationRules": secret.rotation_rules,
        "LastRotatedDate": secret.last_rotated,
        "NextRotationDate": secret.next_rotation,
    }
    if secret.rotation_function:
        wire["RotationEnabled"] = secret.rotation_enabled
    return wire | {member: value for member, value in optional.items() if value}


@operation(on=on_secret)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    secret = find_primary(ctx, req["SecretId"])
    added = _tags(req["Tags"])
    tags.check({**ctx.tags(secret.arn), **added}, "InvalidParameterException")
    ctx.add_tags(secret.arn, added)
    replication.copy_out(ctx, secret)


@operation(on=on_secret)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    secret = find_primary(ctx, req["SecretId"])
    ctx.remove_tags(secret.arn, req["TagKeys"])
    replication.copy_out(ctx, secret)
