"""What S3 tells others of its objects."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.objects import Stored

_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "LifecycleTransition": "Object Storage Class Changed",
    "ObjectAcl:Put": "Object ACL Updated",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "LifecycleExpiration:Delete": "Lifecycle Expiration",
    "LifecycleExpiration:DeleteMarkerCreated": "Lifecycle Expiration",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


def notify(ctx: Context, bucket: Bucket, name: str, stored: Stored) -> None:
    """Publishes an event ("ObjectCreated:Put") if the bucket's owner asked for events."""
    if "replication" in bucket.configured and (name.startswith("ObjectCreated") or name.endswith("DeleteMarkerCreated")):
        from cloudjar.services.s3.replication import replicate

        replicate(ctx, bucket, stored)
    if bucket.notifies:
        from cloudjar.services.s3.notifications import tell

        tell(ctx, bucket, name, stored, sequencer(ctx))
    if not bucket.event_bridge:
        return
    detail_type = _DETAIL_TYPES.get(name) or _DETAIL_TYPES[name.partition(":")[0]]
    ctx.emit("aws.s3", detail_type, detail(ctx, bucket, name, stored), [bucket.arn])


def detail(ctx: Context, bucket: Bucket, name: str, stored: Stored) -> dict[str, Any]:
    """The detail of an event in EventBridge's shape. Source: "EventBridge event message structure" in the Amazon S3 User Guide."""
    about: dict[str, Any] = {"key": stored.key}
    removed = name.startswith(("ObjectRemoved", "LifecycleExpiration"))
    if not removed:
        about["size"] = stored.size
    if not stored.is_delete_marker:
        about["etag"] = stored.etag
    if stored.version_id:
        about["version-id"] = stored.version_id
    if not name.startswith("ObjectTagging"):
        about["sequencer"] = sequencer(ctx)
    told: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": about,
        "request-id": ctx.call_info.request_id,
        "requester": ctx.principal.account or ctx.principal.arn,
        "source-ip-address": ctx.call_info.source_ip,
    }
    if name in _REASONS:
        told["reason"] = _REASONS[name]
    if removed:
        told["deletion-type"] = "Delete Marker Created" if stored.is_delete_marker else "Permanently Deleted"
    return told


def sequencer(ctx: Context) -> str:
    """A hexadecimal number that grows with each event of a key."""
    return f"{int(ctx.now.timestamp() * 1_000_000):018X}"
