"""Intelligent-Tiering's archive tiers: objects that nobody reads for long enough are archived, until they are restored.

Source: "Amazon S3 Intelligent-Tiering storage class" in the Amazon S3 User Guide. The tiers that can be read at once differ in their
price alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.analyses import delete_numbered, get_numbered, list_numbered, put_numbered
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import configuration, configurations, configure
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.lifecycle_runs import BATCH, keys_from
from cloudjar.services.s3.objects import Object, Stored, Version

KIND = "tiering"
RUN = "tiering-run"
CLASS = "INTELLIGENT_TIERING"
LEAST_DAYS = {"ARCHIVE_ACCESS": 90, "DEEP_ARCHIVE_ACCESS": 180}
"""The archive tiers, the deeper one last, and after how many days without access they can begin."""
MOST_DAYS = 730
SMALLEST = 128 * 1024
"""Bytes below which objects are not watched."""


@operation(on=bucket_arn)
def put_bucket_intelligent_tiering_configuration(ctx: Context, req: dict[str, Any]) -> None:
    wanted = req["IntelligentTieringConfiguration"]
    tierings = wanted["Tierings"]
    tiers = [tiering["AccessTier"] for tiering in tierings]
    if (
        wanted["Status"] not in ("Enabled", "Disabled")
        or not tierings
        or not set(tiers) <= LEAST_DAYS.keys()
        or len(set(tiers)) < len(tiers)
    ):
        raise errors.malformed_xml()
    for tiering in tierings:
        least = LEAST_DAYS[tiering["AccessTier"]]
        if not least <= tiering["Days"] <= MOST_DAYS:
            words = f"'Days' for the access tier {tiering['AccessTier']} must be between {least} and {MOST_DAYS}"
            raise errors.invalid_argument(words, "Days", tiering["Days"])
    if len(wanted.get("Filter") or {}) > 1:
        raise errors.malformed_xml()
    put_numbered(ctx, req, KIND, wanted)
    _schedule(ctx, find_bucket(ctx, req))


@operation(on=bucket_arn)
def delete_bucket_intelligent_tiering_configuration(ctx: Context, req: dict[str, Any]) -> None:
    delete_numbered(ctx, req, KIND)


@operation(on=bucket_arn)
def get_bucket_intelligent_tiering_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return get_numbered(ctx, req, KIND, "IntelligentTieringConfiguration")


@operation(on=bucket_arn)
def list_bucket_intelligent_tiering_configurations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return list_numbered(ctx, req, KIND, "IntelligentTieringConfigurationList")


def note_access(ctx: Context, stored: Stored) -> None:
    """An object that was read counts its days anew; one write a day is enough for that."""
    last = stored.accessed or stored.modified
    if ctx.now - last >= timedelta(days=1):
        ctx.put(replace(stored, accessed=ctx.now))


def _schedule(ctx: Context, bucket: Bucket) -> None:
    """Has the bucket's objects looked at from next midnight on; the timers of earlier configurations end."""
    midnight = ctx.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    run = ctx.ids.hex(16)
    configure(ctx, bucket, RUN, {"Run": run})
    ctx.at(account=bucket.account, region=bucket.region).after(look, bucket.name, run, "", at=midnight)


@timer
def look(ctx: Context, name: str, run: str, start: str) -> None:
    """Archives what is due among the keys from `start` on; goes on with the next ones at once, and with all tomorrow."""
    bucket = ctx.get(Bucket, name)
    if bucket is None or (configuration(ctx, bucket, RUN) or {}).get("Run") != run:
        return
    rules = [found.value for found in configurations(ctx, bucket, KIND)]
    if not rules:
        return
    keys = keys_from(ctx, bucket, start)
    for key in keys[:BATCH]:
        current = ctx.get(Object, name, key)
        stored: list[Stored] = [*([current] if current is not None else ()), *ctx.where(Version, bucket=name, key=key)]
        for each in stored:
            _archive(ctx, bucket, rules, each)
    if len(keys) > BATCH:
        ctx.after(look, name, run, keys[BATCH])
    else:
        _schedule(ctx, bucket)


def _archive(ctx: Context, bucket: Bucket, rules: list[dict[str, Any]], stored: Stored) -> None:
    if stored.storage_class != CLASS or stored.size < SMALLEST or stored.restoring or stored.is_delete_marker:
        return
    idle = ctx.now - (stored.accessed or stored.modified)
    due = [
        tiering["AccessTier"]
        for rule in rules
        if rule["Status"] == "Enabled" and _applies(rule, stored)
        for tiering in rule["Tierings"]
        if idle >= timedelta(days=tiering["Days"])
    ]
    order = ["", *LEAST_DAYS]
    deepest = max(due, key=order.index, default="")
    if order.index(deepest) > order.index(stored.archive_tier):
        moved = ctx.put(replace(stored, archive_tier=deepest))
        told = {"intelligentTieringEventData": {"destinationAccessTier": deepest}}
        notify(ctx, bucket, "IntelligentTiering", moved, told, {"destination-access-tier": deepest})


def _applies(rule: dict[str, Any], stored: Stored) -> bool:
    wanted = rule.get("Filter") or {}
    both = wanted.get("And") or wanted
    tags = both.get("Tags") or ([wanted["Tag"]] if "Tag" in wanted else [])
    return stored.key.startswith(both.get("Prefix", "")) and all(stored.tags.get(tag["Key"]) == tag["Value"] for tag in tags)
