"""RestoreObject: archived objects are readable for some days, after the hours that their tier takes, by the world's clock.

Source: "Restoring an archived object" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, find_bucket, object_arn
from cloudjar.services.s3.events import instant, notify
from cloudjar.services.s3.lifecycle import due
from cloudjar.services.s3.metadata import ARCHIVED
from cloudjar.services.s3.objects import NULL, Stored, find_object, find_version

ARCHIVE_TIERS = ("ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS")
HOURS = {
    ("GLACIER", "Expedited"): 1 / 12,
    ("GLACIER", "Standard"): 5.0,
    ("GLACIER", "Bulk"): 12.0,
    ("DEEP_ARCHIVE", "Standard"): 12.0,
    ("DEEP_ARCHIVE", "Bulk"): 48.0,
    ("ARCHIVE_ACCESS", "Expedited"): 1 / 12,
    ("ARCHIVE_ACCESS", "Standard"): 5.0,
    ("ARCHIVE_ACCESS", "Bulk"): 12.0,
    ("DEEP_ARCHIVE_ACCESS", "Standard"): 12.0,
    ("DEEP_ARCHIVE_ACCESS", "Bulk"): 48.0,
}
"""How long a restore takes at most."""


def is_readable(ctx: Context, stored: Stored) -> bool:
    """Whether an object's bytes can be read now."""
    if stored.storage_class not in ARCHIVED:
        return not stored.archive_tier
    return not stored.restoring and stored.restored_until is not None and stored.restored_until > ctx.now


def restore_header(ctx: Context, stored: Stored) -> dict[str, str]:
    """The member that tells of a restore."""
    if stored.restoring:
        return {"Restore": 'ongoing-request="true"'}
    if stored.restored_until is None or stored.restored_until <= ctx.now:
        return {}
    from email.utils import format_datetime

    return {"Restore": f'ongoing-request="false", expiry-date="{format_datetime(stored.restored_until, usegmt=True)}"'}


@operation(on=object_arn)
def restore_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    wanted = req.get("RestoreRequest") or {}
    if wanted.get("Type") == "SELECT" or "SelectParameters" in wanted or "OutputLocation" in wanted:
        raise not_implemented("s3", "RestoreObject", "select")
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"), "POST")
    place = stored.archive_tier or stored.storage_class
    if place not in (*ARCHIVED, *ARCHIVE_TIERS):
        raise errors.object_not_archived()
    days = wanted.get("Days", 0)
    # What Intelligent-Tiering archived comes back for good.
    if stored.archive_tier and "Days" in wanted:
        raise errors.invalid_argument("Days must not be specified for objects of the storage class INTELLIGENT_TIERING", "Days", days)
    if days <= 0 and not stored.archive_tier:
        raise errors.malformed_xml()
    tier = wanted.get("Tier") or (wanted.get("GlacierJobParameters") or {}).get("Tier") or "Standard"
    if (place, tier) not in HOURS:
        raise errors.invalid_argument(f"{tier} retrievals are not supported for {place}", "Tier", tier)
    if stored.restoring:
        raise AwsError("RestoreAlreadyInProgress", "Object restore is already in progress", status=409)
    if is_readable(ctx, stored):
        # The copy is there: only its days are counted anew. S3 answers 200 then.
        ctx.put(replace(stored, restored_until=due(ctx.now, days)))
        return {}
    ctx.put(replace(stored, restoring=True))
    hours = HOURS[place, tier]
    there = ctx.at(account=bucket.account, region=bucket.region)
    there.after(finish, bucket.name, stored.key, stored.version_id or NULL, stored.order, days, seconds=hours * 3600)
    notify(ctx, bucket, "ObjectRestore:Post", stored, detail={"source-storage-class": stored.storage_class})
    return {}


@timer
def finish(ctx: Context, name: str, key: str, version_id: str, order: int, days: int) -> None:
    """The copy is ready; it is readable until a midnight."""
    bucket = ctx.get(Bucket, name)
    stored = find_version(ctx, bucket, key, version_id) if bucket is not None else None
    if bucket is None or stored is None or stored.order != order or not stored.restoring:
        return
    if stored.archive_tier:
        ready = ctx.put(replace(stored, restoring=False, archive_tier="", accessed=ctx.now))
        told = {"glacierEventData": {"restoreEventData": {"lifecycleRestoreStorageClass": stored.storage_class}}}
        notify(ctx, bucket, "ObjectRestore:Completed", ready, told, {"source-storage-class": stored.storage_class})
        return
    until = due(ctx.now, days)
    ready = ctx.put(replace(stored, restoring=False, restored_until=until))
    ends = instant(until)
    data = {"lifecycleRestorationExpiryTime": ends, "lifecycleRestoreStorageClass": stored.storage_class}
    told = {"glacierEventData": {"restoreEventData": data}}
    notify(ctx, bucket, "ObjectRestore:Completed", ready, told, {"restore-expiry-time": ends, "source-storage-class": stored.storage_class})
    there = ctx.at(account=bucket.account, region=bucket.region)
    there.after(forget, name, key, version_id, order, at=until + timedelta(seconds=1))


@timer
def forget(ctx: Context, name: str, key: str, version_id: str, order: int) -> None:
    """The copy is gone again."""
    bucket = ctx.get(Bucket, name)
    stored = find_version(ctx, bucket, key, version_id) if bucket is not None else None
    if bucket is None or stored is None or stored.order != order or stored.restored_until is None or stored.restored_until > ctx.now:
        return
    notify(ctx, bucket, "ObjectRestore:Delete", ctx.put(replace(stored, restored_until=None)))
