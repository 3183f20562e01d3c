"""Replication: new versions copied to other buckets, of any Region and account, after they are committed.

Source: "Replicating objects within and across Regions" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Call, Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import ENFORCED, Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import absent, configuration, configure, unconfigure
from cloudjar.services.s3.encryption import CUSTOMER, begin, open_key
from cloudjar.services.s3.extents import reseal
from cloudjar.services.s3.objects import NULL, Object, Stored, find_object, find_version, remove, store
from cloudjar.services.s3.replication_rules import check

KIND = "replication"
PRINCIPAL = "s3.amazonaws.com"
MOST_RULES = 1000
_REASONS = {"NoSuchBucket": "DstBucketNotFound", "AccessDenied": "DstPutObjectNotPermitted"}


@operation(on=bucket_arn)
def put_bucket_replication(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    wanted = req["ReplicationConfiguration"]
    if bucket.versioning != "Enabled":
        raise errors.invalid_request("Versioning must be 'Enabled' on the bucket to apply a replication configuration")
    rules = wanted["Rules"]
    if not 1 <= len(rules) <= MOST_RULES:
        raise errors.malformed_xml()
    if len({rule.get("ID") for rule in rules if "ID" in rule}) < len([rule for rule in rules if "ID" in rule]):
        raise errors.invalid_argument("Rule Id must be unique. Found same Id for more than one rule")
    kept = [rule | {"ID": rule.get("ID") or ctx.ids.uuid()} for rule in rules]
    for rule in kept:
        check(ctx, bucket, rule)
    priorities = [rule["Priority"] for rule in kept if "Priority" in rule]
    if len(set(priorities)) < len(priorities):
        raise errors.invalid_request("Found duplicate priorities across rules")
    configure(ctx, bucket, KIND, {**wanted, "Rules": kept})


@operation(on=bucket_arn)
def get_bucket_replication(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    found = configuration(ctx, bucket, KIND)
    if found is None:
        raise absent(bucket, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
    return {"ReplicationConfiguration": found}


@operation(on=bucket_arn)
def delete_bucket_replication(ctx: Context, req: dict[str, Any]) -> None:
    unconfigure(ctx, find_bucket(ctx, req), KIND)


def _rules_for(rules: list[dict[str, Any]], stored: Stored) -> list[dict[str, Any]]:
    """The rules that an object falls under: for each destination the one with the highest priority."""
    found: dict[str, dict[str, Any]] = {}
    for rule in sorted(rules, key=lambda rule: rule.get("Priority", 0)):
        wanted = rule.get("Filter") or {}
        both = wanted.get("And") or wanted
        tags = both.get("Tags") or ([wanted["Tag"]] if "Tag" in wanted else [])
        if rule["Status"] != "Enabled" or not stored.key.startswith(rule.get("Prefix") or both.get("Prefix", "")):
            continue
        if any(stored.tags.get(tag["Key"]) != tag["Value"] for tag in tags):
            continue
        markers = (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled" and not tags
        # Rules of the first version, which have no filter, replicate delete markers.
        if stored.is_delete_marker and not markers and ("Filter" in rule or "DeleteMarkerReplication" in rule):
            continue
        criteria = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
        if stored.encryption is not None and stored.encryption.algorithm != CUSTOMER and criteria.get("Status") != "Enabled":
            continue
        found[rule["Destination"]["Bucket"]] = rule
    return list(found.values())


def replicate(ctx: Context, bucket: Bucket, stored: Stored) -> None:
    """Has a new version or delete marker copied where the bucket's rules say. Replicas are not replicated again."""
    wanted = configuration(ctx, bucket, KIND)
    if wanted is None or stored.replication == "REPLICA" or (stored.encryption is not None and stored.encryption.algorithm == CUSTOMER):
        return
    rules = _rules_for(wanted["Rules"], stored)
    if not rules:
        return
    if not stored.is_delete_marker:
        ctx.put(replace(stored, replication="PENDING"))
    there = ctx.at(account=bucket.account, region=bucket.region)
    there.effect(copy_out, bucket.name, stored.key, stored.version_id or NULL, [rule["ID"] for rule in rules])


def is_eligible(ctx: Context, bucket: Bucket, stored: Stored) -> bool:
    """Whether a version falls under one of a bucket's rules, whenever it was stored."""
    wanted = configuration(ctx, bucket, KIND)
    customer = stored.encryption is not None and stored.encryption.algorithm == CUSTOMER
    return wanted is not None and not customer and bool(_rules_for(wanted["Rules"], stored))


async def replicate_existing(ctx: Context, caller: Context, name: str, key: str, version_id: str) -> None:
    """Copies a version that is there already, as S3 Batch Replication does; the caller needs s3:InitiateReplication.

    Raises AccessDenied, NoSuchBucket, NoSuchKey, NoSuchVersion, InvalidRequest, and what the destination answers.
    """
    with ctx.transaction():
        bucket = ctx.get(Bucket, name)
        if bucket is None:
            raise errors.no_such_bucket(name)
        if not ctx.world.host.allowed(caller, "s3:InitiateReplication", f"{bucket.arn}/{key}"):
            raise errors.access_denied()
        stored = find_object(ctx, bucket, key, version_id or None)
        if not is_eligible(ctx, bucket, stored):
            raise errors.invalid_request("The object is not eligible for replication under the bucket's replication configuration.")
        wanted = configuration(ctx, bucket, KIND) or {"Rules": ()}
        rules = [rule["ID"] for rule in _rules_for(wanted["Rules"], stored)]
        there = ctx.at(account=bucket.account, region=bucket.region)
    failure: AwsError | None = None
    for rule_id in rules:
        try:
            await _copy(there, name, key, stored.version_id or NULL, rule_id)
        except AwsError as error:
            failure = error
    with ctx.transaction():
        fresh = find_version(ctx, bucket, key, stored.version_id or NULL)
        if fresh is not None and fresh.replication != "REPLICA":
            ctx.put(replace(fresh, replication="FAILED" if failure else "COMPLETED"))
    if failure is not None:
        raise failure


@effect
async def copy_out(ctx: Context, name: str, key: str, version_id: str, rule_ids: list[str]) -> None:
    """Copies one version to each destination, and notes how it went."""
    failed: dict[str, str] = {}
    for rule_id in rule_ids:
        try:
            await _copy(ctx, name, key, version_id, rule_id)
        except AwsError as error:
            # No leave, or no bucket: S3 marks the version, and does not try for ever.
            failed[rule_id] = _REASONS.get(error.code, "DstPutObjectNotPermitted")
    with ctx.transaction():
        bucket = ctx.get(Bucket, name)
        stored = find_version(ctx, bucket, key, version_id) if bucket is not None else None
        if bucket is None or stored is None:
            return
        if stored.replication == "PENDING":
            stored = ctx.put(replace(stored, replication="FAILED" if failed else "COMPLETED"))
        _tell_of_failures(ctx, bucket, stored, failed)


def _tell_of_failures(ctx: Context, bucket: Bucket, stored: Stored, failed: dict[str, str]) -> None:
    """Publishes what could not be replicated, for rules that have metrics: those that S3 watches."""
    from cloudjar.services.s3.events import instant, notify

    for rule in (configuration(ctx, bucket, KIND) or {"Rules": ()})["Rules"]:
        destination = rule["Destination"]
        if rule["ID"] in failed and (destination.get("Metrics") or {}).get("Status") == "Enabled":
            data = {
                "replicationRuleId": rule["ID"],
                "destinationBucket": destination["Bucket"],
                "s3Operation": "OBJECT_DELETE" if stored.is_delete_marker else "OBJECT_PUT",
                "requestTime": instant(stored.modified),
                "failureReason": failed[rule["ID"]],
            }
            notify(ctx, bucket, "Replication:OperationFailedReplication", stored, {"replicationEventData": data})


async def _copy(ctx: Context, name: str, key: str, version_id: str, rule_id: str) -> None:
    with ctx.transaction():
        bucket = ctx.get(Bucket, name)
        wanted = configuration(ctx, bucket, KIND) if bucket is not None else None
        stored = find_version(ctx, bucket, key, version_id) if bucket is not None else None
        rule = next((rule for rule in wanted["Rules"] if rule["ID"] == rule_id), None) if wanted else None
        if bucket is None or wanted is None or stored is None or rule is None:
            return
        destination = rule["Destination"]
        role = ctx.assume(wanted["Role"], PRINCIPAL, bucket.arn)
        # To KMS the call comes through S3, as a client's own does.
        role.call_info = Call(service="s3", operation="ReplicateObject")
        target = _target(ctx, role, destination, stored)
        key_id = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
        asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if stored.encryption is not None and key_id else {}
        source_key = open_key(role, bucket, stored.encryption, {})
        encryption, seal = begin(role.at(region=target.region), target, key, asked)
    extents = stored.extents
    if source_key is not None or seal is not None:
        extents = await ctx.offload(reseal, ctx.blobs, extents, source_key, seal)
    with ctx.transaction():
        fresh = ctx.get(Bucket, target.name)
        if fresh is None:
            raise errors.no_such_bucket(target.name)
        there = ctx.at(account=fresh.account, region=fresh.region)
        _store(there, fresh, stored, destination, extents=extents, encryption=encryption, account=_owner(bucket, fresh, destination))


def replicate_change(ctx: Context, bucket: Bucket, stored: Stored, action: str = "s3:ReplicateObject") -> None:
    """Has later changes of a version (its tags, its list, its locks) made to its replicas, too.

    What is changed of a replica goes on only where a rule says so: ReplicaModifications.
    """
    wanted = configuration(ctx, bucket, KIND) if stored.replication else None
    if wanted is None:
        return
    rules = _rules_for(wanted["Rules"], stored)
    if stored.replication == "REPLICA":
        criteria = [rule.get("SourceSelectionCriteria") or {} for rule in rules]
        enabled = [(one.get("ReplicaModifications") or {}).get("Status") == "Enabled" for one in criteria]
        rules = [rule for rule, goes_on in zip(rules, enabled, strict=True) if goes_on]
    there = ctx.at(account=bucket.account, region=bucket.region)
    for rule in rules:
        there.effect(copy_change, bucket.name, stored.key, stored.version_id or NULL, rule["ID"], action)


@effect
async def copy_change(ctx: Context, name: str, key: str, version_id: str, rule_id: str, action: str) -> None:
    """Gives a replica its original's tags, list and locks."""
    with ctx.transaction():
        bucket = ctx.get(Bucket, name)
        wanted = configuration(ctx, bucket, KIND) if bucket is not None else None
        stored = find_version(ctx, bucket, key, version_id) if bucket is not None else None
        rule = next((rule for rule in wanted["Rules"] if rule["ID"] == rule_id), None) if wanted else None
        target = ctx.get(Bucket, rule["Destination"]["Bucket"].rpartition(":")[2]) if rule is not None else None
        replica = find_version(ctx, target, key, version_id) if target is not None else None
        if wanted is None or stored is None or target is None or replica is None:
            return
        try:
            role = ctx.assume(wanted["Role"], PRINCIPAL)
        except AwsError:
            return
        if not ctx.world.host.allowed(role, action, f"{target.arn}/{key}"):
            return
        changes: dict[str, Any] = {"tags": stored.tags}
        if target.object_lock:
            changes |= {"lock_mode": stored.lock_mode, "lock_until": stored.lock_until, "legal_hold": stored.legal_hold}
        if target.ownership != ENFORCED:
            changes["grants"] = stored.grants
        ctx.put(replace(replica, **changes))


def _owner(bucket: Bucket, target: Bucket, destination: dict[str, Any]) -> str:
    return target.account if "AccessControlTranslation" in destination else bucket.account


def _target(ctx: Context, role: Context, destination: dict[str, Any], stored: Stored) -> Bucket:
    """The destination, if the role may write there. Raises AccessDenied or NoSuchBucket."""
    name = destination["Bucket"].rpartition(":")[2]
    target = ctx.get(Bucket, name)
    if target is None or target.versioning != "Enabled":
        raise errors.no_such_bucket(name)
    action = "s3:ReplicateDelete" if stored.is_delete_marker else "s3:ReplicateObject"
    if not ctx.world.host.allowed(role, action, f"{target.arn}/{stored.key}"):
        raise errors.access_denied()
    return target


def _store(ctx: Context, target: Bucket, stored: Stored, destination: dict[str, Any], **fields: Any) -> None:
    """A replica keeps its version id, times and metadata. One that is there already is left alone."""
    from cloudjar.services.s3.events import notify

    if find_version(ctx, target, stored.key, stored.version_id or NULL) is not None:
        return
    if stored.is_delete_marker:
        marker = remove(ctx, target, stored.key, ctx.get(Object, target.name, stored.key))
        if marker is not None:
            ctx.delete(marker)
            ctx.put(replace(marker, version_id=stored.version_id, modified=stored.modified, replication="REPLICA"))
        return
    values = {name: getattr(stored, name) for name in stored.__struct_fields__}
    values |= {"bucket": target.name, "order": 0, "replication": "REPLICA", "restoring": False, "restored_until": None}
    values |= {"accessed": None, "archive_tier": "", **fields}
    if "StorageClass" in destination:
        values["storage_class"] = destination["StorageClass"]
    if not target.object_lock:
        values |= {"lock_mode": "", "lock_until": None, "legal_hold": ""}
    made = store(ctx, target, Object(**values))
    replica = ctx.put(replace(made, version_id=stored.version_id))
    notify(ctx, target, "ObjectCreated:Put", replica)
