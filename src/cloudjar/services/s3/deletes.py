"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import asks, errors, names
from cloudjar.services.s3.buckets import Bucket, find_bucket, object_arn
from cloudjar.services.s3.conditions import check_delete
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.locks import check_unlocked
from cloudjar.services.s3.mfa import ENABLED, check_mfa
from cloudjar.services.s3.objects import NULL, Object, Stored, find_version, remove, remove_version

LARGEST_BATCH = 1000


@operation(on=object_arn)
def delete_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    if bucket.mfa_delete == ENABLED and "VersionId" in req:
        check_mfa(ctx, req)
    return _delete(ctx, bucket, req["Key"], req.get("VersionId"), req)


def _delete(ctx: Context, bucket: Bucket, key: str, version_id: str | None, conditions: dict[str, Any]) -> dict[str, Any]:
    """Deletes a key or one version; gives DeleteMarker and VersionId, as the answer has them."""
    found: Stored | None
    if version_id is None:
        found = ctx.get(Object, bucket.name, key)
        check_delete(conditions, found, key)
        marker = remove(ctx, bucket, key, found)
        if marker is not None:
            notify(ctx, bucket, "ObjectRemoved:DeleteMarkerCreated", marker)
            return {"DeleteMarker": True, "VersionId": marker.version_id or NULL}
        if found is not None:
            notify(ctx, bucket, "ObjectRemoved:Delete", found)
        return {}
    found = find_version(ctx, bucket, key, version_id)
    check_delete(conditions, found, key)
    answer: dict[str, Any] = {"VersionId": version_id}
    if found is not None:
        if bucket.object_lock:
            check_unlocked(ctx, found, conditions)
        remove_version(ctx, bucket, found)
        notify(ctx, bucket, "ObjectRemoved:Delete", found)
        if found.is_delete_marker:
            answer["DeleteMarker"] = True
    return answer if bucket.versioning else {}


@operation(on=asks.delete_many)
def delete_objects(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    wanted = req["Delete"]["Objects"]
    quiet = bool(req["Delete"].get("Quiet"))
    if not 1 <= len(wanted) <= LARGEST_BATCH:
        raise errors.malformed_xml()
    # One code is for all the versions of a request.
    if bucket.mfa_delete == ENABLED and any("VersionId" in item for item in wanted):
        check_mfa(ctx, req)
    bypass = {"BypassGovernanceRetention": True} if req.get("BypassGovernanceRetention") else {}
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    refusals = ctx.world.host.refusals(ctx, asks.deletions(ctx, req["Bucket"], wanted), req)
    for item, refusal in zip(wanted, refusals, strict=True):
        key, version_id = item["Key"], item.get("VersionId")
        named = {"Key": key} if version_id is None else {"Key": key, "VersionId": version_id}
        try:
            if refusal is not None:
                raise refusal
            names.check_key(key)
            done = _delete(ctx, bucket, key, version_id, _conditions(item) | bypass)
        except AwsError as error:
            failed.append({**named, "Code": error.code, "Message": error.message})
            continue
        if quiet:
            continue
        if done.get("DeleteMarker"):
            named |= {"DeleteMarker": True, "DeleteMarkerVersionId": done["VersionId"]}
        deleted.append(named)
    answer: dict[str, Any] = {}
    if deleted:
        answer["Deleted"] = deleted
    if failed:
        answer["Errors"] = failed
    return answer


def _conditions(item: dict[str, Any]) -> dict[str, Any]:
    names_in_request = {"ETag": "IfMatch", "LastModifiedTime": "IfMatchLastModifiedTime", "Size": "IfMatchSize"}
    return {name: item[member] for member, name in names_in_request.items() if member in item}
