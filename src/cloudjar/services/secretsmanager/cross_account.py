"""Replication to another account: a secret there, under a key of its own, that follows a primary of the same Region.

Source: "Replicate AWS Secrets Manager secrets across accounts", AWS Secrets Manager User Guide.
"""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.organization import Member
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import errors, values
from cloudjar.services.secretsmanager.records import Secret, Version, find_live, find_writable, home, lookup, on_secret, versions

POLICY = "cross-account-replication"
"""The name of the policy that Secrets Manager gives a replica."""
PRINCIPAL = "secretsmanager.amazonaws.com"
_ACCEPT = "secretsmanager:AcceptCrossAccountReplication"
_NOT_WITH = ("SecretString", "SecretBinary", "Description", "AddReplicaRegions", "Type")


def check_request(ctx: Context, req: dict[str, Any]) -> None:
    """What CreateSecret wants of a replica: no value of its own, and a key that the primary's account can be let in to."""
    arn = req["CrossAccountPrimaryARN"]
    for member in _NOT_WITH:
        if member in req:
            raise errors.not_with_cross_account_primary(member)
    if not _is_beside(ctx, arn):
        raise errors.bad_cross_account_primary()
    if not req.get("KmsKeyId") or req["KmsKeyId"].endswith(values.DEFAULT_KEY):
        raise errors.customer_key_needed()


def _is_beside(ctx: Context, arn: str) -> bool:
    """Whether an ARN is that of a secret in another account, in this Region and partition."""
    parts = arn.split(":", 6)
    return len(parts) == 7 and parts[:4] == ["arn", ctx.partition, "secretsmanager", ctx.region] and parts[4] != ctx.account


def policy(secret: Secret) -> str:
    """The managed policy of a replica: the primary's account may associate it."""
    parts = secret.cross_primary.split(":")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{parts[1]}:iam::{parts[4]}:root"},
        "Action": _ACCEPT,
        "Resource": secret.arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@operation(on=on_secret)
def associate_cross_account_replica(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret, arn = find_writable(ctx, req["SecretId"]), req["CrossAccountReplicaARN"]
    if secret.account != ctx.account:
        raise errors.request("A cross-account replica is associated from the account that owns the primary secret.")
    if not _is_beside(ctx, arn):
        raise errors.bad_cross_account_replica()
    replica = lookup(ctx, arn)
    if replica is None:
        raise errors.secret_not_found()
    for action, asked in (("secretsmanager:GetSecretValue", secret.arn), (_ACCEPT, replica.arn)):
        if not ctx.world.host.allowed(ctx, action, asked):
            raise errors.access_denied(ctx.principal.arn, action, asked)
    if replica.cross_primary != secret.arn or replica.deletion is not None:
        raise errors.not_meant_for_primary(replica.arn)
    if secret.cross_replica not in ("", replica.arn):
        raise errors.one_cross_account_replica()
    if req.get("ReplicaRestriction", "SameOrg") == "SameOrg" and not _same_organization(ctx, replica.account):
        raise errors.other_organization()
    secret = replace(secret, cross_replica=replica.arn, cross_role=req.get("ReplicationRoleARN") or "", cross_status="Pending")
    _check_keys(_replicator(ctx, secret), secret, replica)
    secret = copy(ctx, ctx.put(secret))
    return {"ARN": secret.arn, "CrossAccountReplicaARN": replica.arn, "ReplicationStatus": secret.cross_status}


def _same_organization(ctx: Context, account: str) -> bool:
    mine, its = ctx.get(Member, ctx.account), ctx.get(Member, account)
    return mine is not None and its is not None and mine.organization == its.organization


def _replicator(ctx: Context, secret: Secret) -> Context:
    return ctx.assume(secret.cross_role, PRINCIPAL, secret.arn) if secret.cross_role else ctx


def _check_keys(ctx: Context, secret: Secret, replica: Secret) -> None:
    """The dry runs that tell whether replication can work; KMS's errors."""
    current = next((version for version in versions(ctx, secret) if version.sealed), None)
    if current is not None:
        values.unseal(ctx, current)
    dry = {"KeyId": _key_of(replica), "Plaintext": b"-", "DryRun": True}
    try:
        ctx.call("kms", "Encrypt", dry)
    except AwsError as problem:
        if problem.code != "DryRunOperationException":
            raise


def _key_of(replica: Secret) -> str:
    """A replica's key, by an ARN: it is in another account than the caller."""
    if replica.kms_key.startswith("arn:"):
        return replica.kms_key
    parts = replica.arn.split(":")
    name = replica.kms_key if replica.kms_key.startswith("alias/") else f"key/{replica.kms_key}"
    return f"arn:{parts[1]}:kms:{parts[3]}:{parts[4]}:{name}"


def copy(ctx: Context, secret: Secret) -> Secret:
    """Brings the replica in the other account up to date, and notes on both sides how that went; gives the primary back."""
    replica = lookup(ctx, secret.cross_replica)
    if replica is None or replica.cross_primary != secret.arn:
        return home(ctx, secret).put(
            replace(secret, cross_status="Detached", cross_message="The replica is no longer linked to this secret.")
        )
    status, message = "InSync", ""
    try:
        with ctx.transaction():
            _copy_values(_replicator(ctx, secret), secret, replica)
    except AwsError as problem:
        status, message = "Failed", problem.message
    there = home(ctx, replica)
    there.put(replace(replica, cross_status=status, cross_message=message, changed=ctx.now if status == "InSync" else replica.changed))
    return home(ctx, secret).put(replace(secret, cross_status=status, cross_message=message))


def _copy_values(ctx: Context, secret: Secret, replica: Secret) -> None:
    there = home(ctx, replica)
    wanted = {version.id: version for version in versions(ctx, secret) if version.sealed and version.stages}
    for stale in list(there.where(Version, arn=replica.arn)):
        if stale.id not in wanted:
            there.delete(stale)
    for version in wanted.values():
        held = there.get(Version, replica.arn, version.id)
        if held is None:
            fresh = replace(version, arn=replica.arn, sealed=b"", wrapped_key=b"", accessed=None)
            held = values.seal_under(ctx, _key_of(replica), fresh, values.unseal(ctx, version))
        there.put(replace(held, stages=version.stages))


@operation(on=on_secret)
def disassociate_cross_account_replica(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret, arn = find_live(ctx, req["SecretId"]), req["CrossAccountReplicaARN"]
    if not secret.cross_replica or secret.cross_replica != arn:
        raise errors.not_associated(arn)
    home(ctx, secret).put(replace(secret, cross_replica="", cross_role="", cross_status="", cross_message=""))
    replica = lookup(ctx, arn)
    if replica is not None and replica.cross_primary == secret.arn:
        home(ctx, replica).put(replace(replica, cross_status="Detached", cross_message=""))
    return {"ARN": secret.arn, "CrossAccountReplicaARN": arn}


def stop(ctx: Context, replica: Secret) -> Secret:
    """Makes a replica a secret on its own; its managed policy goes, and the primary learns of it."""
    if not ctx.world.host.allowed(ctx, "secretsmanager:DeleteResourcePolicy", replica.arn):
        raise errors.access_denied(ctx.principal.arn, "secretsmanager:DeleteResourcePolicy", replica.arn)
    primary = lookup(ctx, replica.cross_primary)
    if primary is not None and primary.cross_replica == replica.arn:
        home(ctx, primary).put(replace(primary, cross_status="Detached", cross_message=""))
    return home(ctx, replica).put(replace(replica, cross_primary="", cross_status="", cross_message=""))


def to_wire(secret: Secret) -> dict[str, Any]:
    """DescribeSecret's members on replication between accounts."""
    about = {"ReplicationStatus": secret.cross_status} | ({"StatusMessage": secret.cross_message} if secret.cross_message else {})
    if secret.cross_primary:
        return {"CrossAccountPrimary": {"PrimarySecretARN": secret.cross_primary, **about}}
    if not secret.cross_replica:
        return {}
    role = {"ReplicationRoleARN": secret.cross_role} if secret.cross_role else {}
    return {"CrossAccountReplicas": [{"ReplicaSecretARN": secret.cross_replica, **role, **about}]}
