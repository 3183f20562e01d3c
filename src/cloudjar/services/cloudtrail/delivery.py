"""Delivery: gzipped files of events into the trail's bucket, every five minutes."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import ALNUM
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.cloudtrail import digests
from cloudjar.services.cloudtrail.events import event_of
from cloudjar.services.cloudtrail.recorder import CallEvent, Head, Recorder
from cloudjar.services.cloudtrail.selectors import takes
from cloudjar.services.cloudtrail.trails import Trail, folder, note_data, on_trail, own_trail
from cloudjar.services.cloudtrail.writing import put

DELIVER_SECONDS = 300
MOST_IN_A_FILE = 5000
_GLOBAL = frozenset(
    {"iam.amazonaws.com", "sts.amazonaws.com", "cloudfront.amazonaws.com", "route53.amazonaws.com", "organizations.amazonaws.com"}
)


@operation(on=on_trail)
async def start_logging(ctx: Context, req: dict[str, Any]) -> None:
    ctx.world.part(Recorder).store()
    with ctx.transaction():
        trail = own_trail(ctx, req)
        if trail.logging:
            return
        trail = replace(
            trail,
            logging=True,
            started=ctx.now,
            # What was before does not belong to the trail.
            cursors={head.region: head.number for head in ctx.where(Head)},
            timer=ctx.after(tick, trail.name, seconds=DELIVER_SECONDS),
            digest_timer=ctx.after(digests.tick, trail.name, seconds=digests.DIGEST_SECONDS),
        )
        ctx.put(trail)
        note_data(ctx, trail)


@operation(on=on_trail)
def stop_logging(ctx: Context, req: dict[str, Any]) -> None:
    trail = own_trail(ctx, req)
    if not trail.logging:
        return
    for each in (trail.timer, trail.digest_timer):
        ctx.cancel(each)
    trail = ctx.put(replace(trail, logging=False, stopped=ctx.now, timer="", digest_timer=""))
    note_data(ctx, trail)
    ctx.effect(deliver, trail.name)


@timer
def tick(ctx: Context, name: str) -> None:
    """Time to deliver, and to set the next time."""
    trail = ctx.get(Trail, name)
    if trail is None or not trail.logging:
        return
    ctx.put(replace(trail, timer=ctx.after(tick, name, seconds=DELIVER_SECONDS)))
    ctx.effect(deliver, name)


@effect
async def deliver(ctx: Context, name: str) -> None:
    """Writes what has happened since the last delivery into files, one for each Region."""
    ctx.world.part(Recorder).store()
    while True:
        with ctx.transaction():
            files, more = _due(ctx, name)
        for region, number, key, content in files:
            problem = await put(ctx, name, key, content, {"ContentEncoding": "gzip", "ContentType": "application/json"})
            with ctx.transaction():
                _note(ctx, name, region, number, key, content, problem)
            if problem:
                return
        if not more:
            return


def _due(ctx: Context, name: str) -> tuple[list[tuple[str, int, str, bytes]], bool]:
    trail = ctx.get(Trail, name)
    files: list[tuple[str, int, str, bytes]] = []
    more = False
    if trail is None:
        return files, more
    for head in list(ctx.where(Head)):
        since = trail.cursors.get(head.region, 0)
        if head.number <= since or not (
            trail.multi_region or head.region == ctx.region or (trail.global_events and head.region == "us-east-1")
        ):
            continue
        there = ctx.at(region=head.region)
        events, last = [], since
        for call in there.where(CallEvent).starting(since + 1):
            last = call.number
            event = event_of(call, head.region, ctx.account)
            elsewhere = head.region != ctx.region and not trail.multi_region
            if takes(trail, event) and not (elsewhere and event["eventSource"] not in _GLOBAL):
                events.append(event)
            if len(events) >= MOST_IN_A_FILE:
                more = True
                break
        if events:
            content = gzip.compress(json.dumps({"Records": events}, separators=(",", ":")).encode(), mtime=0)
            files.append((head.region, last, _key(ctx, trail, head.region), content))
        else:
            trail = ctx.put(replace(trail, cursors={**trail.cursors, head.region: last}))
    return files, more


def _key(ctx: Context, trail: Trail, region: str) -> str:
    now = ctx.now
    stamp = now.strftime("%Y%m%dT%H%MZ")
    name = f"{ctx.account}_CloudTrail_{region}_{stamp}_{ctx.ids.text(ALNUM, 16)}.json.gz"
    return f"{folder(ctx, trail)}AWSLogs/{ctx.account}/CloudTrail/{region}/{now:%Y/%m/%d}/{name}"


def _note(ctx: Context, name: str, region: str, number: int, key: str, content: bytes, problem: str) -> None:
    trail = ctx.get(Trail, name)
    if trail is None:
        return
    trail = replace(trail, attempted=ctx.now, error=problem)
    if not problem:
        file = {
            "s3Bucket": trail.bucket,
            "s3Object": key,
            "hashValue": hashlib.sha256(gzip.decompress(content)).hexdigest(),
            "at": ctx.now.isoformat(),
        }
        files = [*trail.files, file] if trail.validated else []
        trail = replace(trail, delivered=ctx.now, cursors={**trail.cursors, region: number}, files=files)
    ctx.put(trail)
