"""What S3 tells others of its objects: which event, to whom, and in which of its two shapes.

Sources: "Event message structure" and "EventBridge event message structure" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from cloudjar.kernel.context import Context
from cloudjar.services.s3 import names
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.objects import Stored

DETAIL_TYPES = {
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
    "IntelligentTiering": "Object Access Tier Changed",
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
_VERSIONS = {
    "Replication": "2.2",
    "Lifecycle": "2.3",
    "ObjectAcl": "2.3",
    "ObjectTagging": "2.3",
    "ObjectRestore:Delete": "2.3",
    "IntelligentTiering": "2.3",
}
"""The version of a record's shape, by the beginning of its event's name; 2.1 for all others."""
_ORDERED = ("ObjectCreated", "ObjectRemoved", "LifecycleExpiration")
"""Families of events that have a sequencer."""
_REMOVALS = ("ObjectRemoved", "LifecycleExpiration")
_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
"""The MD5 of no bytes: the entity tag that events give a delete marker."""
S3 = "s3.amazonaws.com"
_NOTIFIED = {"etag": "eTag", "version": "versionId", "order": "sequencer"}
"""How notifications spell what they tell of an object."""
_BRIDGED = {"etag": "etag", "version": "version-id", "order": "sequencer"}
"""How EventBridge's events spell it."""


def notify(
    ctx: Context, bucket: Bucket, name: str, stored: Stored, record: dict[str, Any] | None = None, detail: dict[str, Any] | None = None
) -> None:
    """Publishes an event ("ObjectCreated:Put") if the bucket's owner asked for events.

    `record` and `detail` are what this event alone has, in the shape of notifications and in EventBridge's.
    """
    if "replication" in bucket.configured and (name.startswith("ObjectCreated") or name.endswith("DeleteMarkerCreated")):
        from cloudjar.services.s3.replication import replicate

        replicate(ctx, bucket, stored)
    if "replication" in bucket.configured and name.startswith(("ObjectTagging", "ObjectAcl")):
        from cloudjar.services.s3.replication import replicate_change

        replicate_change(ctx, bucket, stored, "s3:ReplicateTags" if name.startswith("ObjectTagging") else "s3:ReplicateObject")
    if not (bucket.notifies or bucket.event_bridge):
        return
    order = sequencer(ctx) if name.startswith(_ORDERED) else ""
    if bucket.notifies:
        from cloudjar.services.s3.notifications import tell

        tell(ctx, bucket, stored.key, record_of(ctx, bucket, name, stored, order) | (record or {}))
    detail_type = DETAIL_TYPES.get(name) or DETAIL_TYPES.get(name.partition(":")[0])
    if bucket.event_bridge and detail_type is not None:
        told = detail_of(ctx, bucket, name, stored, order) | (detail or {})
        # The event is the bucket's, whoever made the call.
        ctx.at(account=bucket.account, region=bucket.region).emit("aws.s3", detail_type, told, [bucket.arn])


def record_of(ctx: Context, bucket: Bucket, name: str, stored: Stored, order: str) -> dict[str, Any]:
    """The event as queues, topics and functions get it, but for the configuration that it is sent by."""
    own = ctx.principal.kind == "service" and not ctx.call_info.source_ip
    who = ctx.principal.user_id or ctx.principal.account
    caller = S3 if own else "Anonymous" if ctx.principal.kind == "anonymous" else f"AWS:{who}"
    return {
        "eventVersion": next((version for start, version in _VERSIONS.items() if name.startswith(start)), "2.1"),
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": instant(ctx.now),
        "eventName": name,
        "userIdentity": {"principalId": caller},
        "requestParameters": {"sourceIPAddress": S3 if own else ctx.call_info.source_ip},
        "responseElements": {"x-amz-request-id": ctx.call_info.request_id, "x-amz-id-2": host_id(ctx)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "",
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": names.canonical_user(bucket.account)}, "arn": bucket.arn},
            "object": _about(name, stored, order, quote_plus(stored.key, safe="/"), _NOTIFIED),
        },
    }


def detail_of(ctx: Context, bucket: Bucket, name: str, stored: Stored, order: str) -> dict[str, Any]:
    """The detail of an event in EventBridge's shape."""
    own = ctx.principal.kind == "service"
    told: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": _about(name, stored, order, stored.key, _BRIDGED),
        "request-id": ctx.call_info.request_id,
        "requester": S3 if own else ctx.principal.account or ctx.principal.arn,
    }
    if ctx.call_info.source_ip:
        told["source-ip-address"] = ctx.call_info.source_ip
    if name in _REASONS:
        told["reason"] = _REASONS[name]
    if name.startswith(_REMOVALS):
        told["deletion-type"] = "Delete Marker Created" if name.endswith("DeleteMarkerCreated") else "Permanently Deleted"
    return told


def _about(name: str, stored: Stored, order: str, key: str, spelling: dict[str, str]) -> dict[str, Any]:
    """The object that an event is about, with the members' names in the spelling of its shape."""
    about: dict[str, Any] = {"key": key}
    etag = stored.etag
    if name.startswith(_REMOVALS):
        etag = _NOTHING if name.endswith("DeleteMarkerCreated") else ""
    else:
        about["size"] = stored.size
    about |= {spelling[what]: value for what, value in (("etag", etag), ("version", stored.version_id), ("order", order)) if value}
    return about


def sequencer(ctx: Context) -> str:
    """A hexadecimal number that grows with each event, even while the clock stands."""
    return f"{int(ctx.now.timestamp() * 1_000_000):013X}{ctx.world.step(ctx._open(), 's3-event') & 0xFFFFF:05X}"


def host_id(ctx: Context) -> str:
    """The second, longer id of the request behind a context."""
    from cloudjar.wire.protocols.rest_xml import host_id

    return host_id(ctx.call_info.request_id)


def instant(moment: datetime) -> str:
    """ "2026-11-28T12:00:00.000Z"."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
