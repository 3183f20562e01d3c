"""Lifecycle rules carried out: every midnight (UTC) of the world's clock, for each bucket that has any, some keys at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.configurations import configuration, configure
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.lifecycle import KIND, SMALL, VARIES, applies, due, expiry
from cloudjar.services.s3.lifecycle_rules import tests_of
from cloudjar.services.s3.locks import is_held
from cloudjar.services.s3.metadata import ARCHIVED
from cloudjar.services.s3.multipart import Upload, drop_upload
from cloudjar.services.s3.objects import Object, Stored, Version, remove, remove_version

BATCH = 500
"""Keys looked at in one transaction."""
COLDER = ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
"""Objects move down this list, never up."""


def schedule(ctx: Context, bucket: Bucket) -> None:
    """Has a bucket's rules run from next midnight on. Earlier timers of the bucket see that they are not the last and end."""
    wanted = configuration(ctx, bucket, KIND)
    if wanted is None:
        return
    midnight = ctx.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    run = ctx.ids.hex(16)
    configure(ctx, bucket, f"{KIND}-run", {"Run": run})
    ctx.at(account=bucket.account, region=bucket.region).after(run_rules, bucket.name, run, "", at=midnight)


@timer
def run_rules(ctx: Context, name: str, run: str, start: str) -> None:
    """Acts on the keys from `start` on; goes on with the next ones at once, and with the whole bucket tomorrow."""
    bucket = ctx.get(Bucket, name)
    wanted = configuration(ctx, bucket, KIND) if bucket is not None else None
    if bucket is None or wanted is None or (configuration(ctx, bucket, f"{KIND}-run") or {}).get("Run") != run:
        return
    minimum = {"Minimum": wanted.get("TransitionDefaultMinimumObjectSize", "")}
    rules = [rule | minimum for rule in wanted["Rules"] if rule["Status"] == "Enabled"]
    if not start:
        _abort_uploads(ctx, bucket, rules)
    keys = keys_from(ctx, bucket, start)
    for key in keys[:BATCH]:
        _act(ctx, bucket, rules, key)
    if len(keys) > BATCH:
        ctx.after(run_rules, name, run, keys[BATCH])
    else:
        schedule(ctx, bucket)


def keys_from(ctx: Context, bucket: Bucket, start: str) -> list[str]:
    """The next keys that have any version, and one more if there is one."""
    found: set[str] = set()
    for rows in (ctx.where(Object, bucket=bucket.name), ctx.where(Version, bucket=bucket.name)):
        seen: set[str] = set()
        for stored in rows.starting(start):
            seen.add(stored.key)
            if len(seen) > BATCH:
                break
        found |= seen
    return sorted(found, key=str.encode)[: BATCH + 1]


def _abort_uploads(ctx: Context, bucket: Bucket, rules: list[dict[str, Any]]) -> None:
    for upload in list(ctx.where(Upload, bucket=bucket.name)):
        for rule in rules:
            days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
            if days and upload.key.startswith(tests_of(rule)[0]) and due(upload.initiated, days) <= ctx.now:
                drop_upload(ctx, upload)
                break


def _act(ctx: Context, bucket: Bucket, rules: list[dict[str, Any]], key: str) -> None:
    current = ctx.get(Object, bucket.name, key)
    older = list(ctx.where(Version, bucket=bucket.name, key=key))
    marker = older[0] if current is None and older and older[0].is_delete_marker else None
    # Each version became noncurrent when the next one came.
    newer: Stored | None = current or marker
    noncurrent = [version for version in older if version is not marker]
    for index, version in enumerate(noncurrent):
        since = newer.modified if newer is not None else version.modified
        newer = version
        _act_on_noncurrent(ctx, bucket, rules, version, since, index)
    if current is not None:
        ends = expiry(rules, current)
        if ends is not None and ends[0] <= ctx.now:
            _expire(ctx, bucket, current)
        else:
            _move(
                ctx, bucket, current, [(rule, item, current.modified) for rule in rules for item in rule.get("Transitions") or ()], "Days"
            )
    elif marker is not None and ctx.where(Version, bucket=bucket.name, key=key).count() == 1:
        _drop_marker(ctx, bucket, rules, marker)


def _expire(ctx: Context, bucket: Bucket, current: Object) -> None:
    if not bucket.versioning and is_held(ctx, current):
        return
    made = remove(ctx, bucket, current.key, current)
    notify(ctx, bucket, "LifecycleExpiration:DeleteMarkerCreated" if made else "LifecycleExpiration:Delete", made or current)


def _drop_marker(ctx: Context, bucket: Bucket, rules: list[dict[str, Any]], marker: Version) -> None:
    """A delete marker with nothing below it goes, where a rule says so or expires by age."""
    for rule in rules:
        expiration = rule.get("Expiration") or {}
        old = "Days" in expiration and due(marker.modified, expiration["Days"]) <= ctx.now
        if marker.key.startswith(tests_of(rule)[0]) and not tests_of(rule)[1] and (expiration.get("ExpiredObjectDeleteMarker") or old):
            remove_version(ctx, bucket, marker)
            notify(ctx, bucket, "LifecycleExpiration:Delete", marker)
            return


def _act_on_noncurrent(ctx: Context, bucket: Bucket, rules: list[dict[str, Any]], version: Version, since: datetime, index: int) -> None:
    for rule in rules:
        wanted = rule.get("NoncurrentVersionExpiration")
        if not wanted or not applies(rule, version) or index < wanted.get("NewerNoncurrentVersions", 0):
            continue
        if due(since, wanted["NoncurrentDays"]) <= ctx.now and not is_held(ctx, version):
            ctx.delete(version)
            notify(ctx, bucket, "LifecycleExpiration:Delete", version)
            return
    moves = [
        (rule, item, since)
        for rule in rules
        for item in rule.get("NoncurrentVersionTransitions") or ()
        if index >= item.get("NewerNoncurrentVersions", 0)
    ]
    if not version.is_delete_marker:
        _move(ctx, bucket, version, moves, "NoncurrentDays")


def _move(ctx: Context, bucket: Bucket, stored: Stored, moves: list[tuple[dict[str, Any], dict[str, Any], datetime]], days: str) -> None:
    """Gives an object the coldest storage class that is due."""
    target = stored.storage_class
    for rule, item, since in moves:
        if not applies(rule, stored):
            continue
        _, _, greater, less = tests_of(rule)
        archives = rule["Minimum"] == VARIES and item["StorageClass"] in ARCHIVED
        if stored.size < SMALL and greater < 0 and less is None and not archives:
            continue
        when = item["Date"] if "Date" in item else due(since, item.get(days, 0))
        if when <= ctx.now and COLDER.index(item["StorageClass"]) > COLDER.index(target):
            target = item["StorageClass"]
    if target != stored.storage_class:
        moved = ctx.put(replace(stored, storage_class=target))
        told = {"lifecycleEventData": {"transitionEventData": {"destinationStorageClass": target}}}
        notify(ctx, bucket, "LifecycleTransition", moved, told, {"destination-storage-class": target})
