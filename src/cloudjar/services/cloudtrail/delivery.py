"""Delivery: gzipped files of events into the trail's bucket, every five minutes."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from cloudjar.identity.organization import Member
from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import ALNUM
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.cloudtrail import digests
from cloudjar.services.cloudtrail.events import event_of
from cloudjar.services.cloudtrail.recorder import CallEvent, Head, Recorder
from cloudjar.services.cloudtrail.selectors import takes
from cloudjar.services.cloudtrail.trails import Trail, folder, note_data, on_trail, own_trail
from cloudjar.services.cloudtrail.writing import LogFile, announce, put

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
            cursors={
                cursor_of(ctx, account, head.region): head.number
                for account in accounts_of(ctx, trail)
                for head in ctx.at(account=account).where(Head)
            },
            timer=ctx.after(tick, trail.name, seconds=DELIVER_SECONDS, housekeeping=True),
            digest_timer=ctx.after(digests.tick, trail.name, seconds=digests.DIGEST_SECONDS, housekeeping=True),
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
    ctx.put(replace(trail, timer=ctx.after(tick, name, seconds=DELIVER_SECONDS, housekeeping=True)))
    ctx.effect(deliver, name)


@effect
async def deliver(ctx: Context, name: str) -> None:
    """Writes what has happened since the last delivery into files, one for each account and Region."""
    ctx.world.part(Recorder).store()
    while True:
        with ctx.transaction():
            files, more = _due(ctx, name)
        for file in files:
            problem = await put(ctx, name, file.key, file.content, {"ContentEncoding": "gzip", "ContentType": "application/json"})
            with ctx.transaction():
                _note(ctx, name, file, problem)
            if problem:
                return
            await announce(ctx, name, file)
        if not more:
            return


def accounts_of(ctx: Context, trail: Trail) -> list[str]:
    """The accounts that a trail covers."""
    if not trail.organization:
        return [ctx.account]
    return [member.account for member in ctx.where(Member, organization=trail.organization)]


def cursor_of(ctx: Context, account: str, region: str) -> str:
    """Under what name a trail keeps how far it is with an account's Region."""
    return region if account == ctx.account else f"{account} {region}"


def _due(ctx: Context, name: str) -> tuple[list[LogFile], bool]:
    trail = ctx.get(Trail, name)
    files: list[LogFile] = []
    more = False
    if trail is None:
        return files, more
    for account in accounts_of(ctx, trail):
        for head in list(ctx.at(account=account).where(Head)):
            cursor = cursor_of(ctx, account, head.region)
            since = trail.cursors.get(cursor, 0)
            if head.number <= since or not (
                trail.multi_region or head.region == ctx.region or (trail.global_events and head.region == "us-east-1")
            ):
                continue
            events, last, full = _events(ctx.at(account=account), trail, head.region, since, elsewhere=head.region != ctx.region)
            more = more or full
            if events:
                content = gzip.compress(json.dumps({"Records": events}, separators=(",", ":")).encode(), mtime=0)
                files.append(LogFile(account, head.region, cursor, last, _key(ctx, trail, account, head.region), content, events))
            else:
                trail = ctx.put(replace(trail, cursors={**trail.cursors, cursor: last}))
    return files, more


def _events(ctx: Context, trail: Trail, region: str, since: int, *, elsewhere: bool) -> tuple[list[dict[str, Any]], int, bool]:
    """The next events that the trail takes, the number of the last call that was looked at, and whether there may be more."""
    found: list[dict[str, Any]] = []
    last = since
    for call in ctx.at(region=region).where(CallEvent).starting(since + 1):
        last = call.number
        event = event_of(call, region, ctx.account)
        if takes(trail, event) and not (elsewhere and not trail.multi_region and event["eventSource"] not in _GLOBAL):
            found.append(event)
        if len(found) >= MOST_IN_A_FILE:
            return found, last, True
    return found, last, False


def _key(ctx: Context, trail: Trail, account: str, region: str) -> str:
    now = ctx.now
    stamp = now.strftime("%Y%m%dT%H%MZ")
    name = f"{account}_CloudTrail_{region}_{stamp}_{ctx.ids.text(ALNUM, 16)}.json.gz"
    owner = f"{trail.organization}/{account}" if trail.organization else account
    return f"{folder(ctx, trail)}AWSLogs/{owner}/CloudTrail/{region}/{now:%Y/%m/%d}/{name}"


def _note(ctx: Context, name: str, written: LogFile, problem: str) -> None:
    trail = ctx.get(Trail, name)
    if trail is None:
        return
    trail = replace(trail, attempted=ctx.now, error=problem)
    if not problem:
        file = {
            "s3Bucket": trail.bucket,
            "s3Object": written.key,
            "hashValue": hashlib.sha256(gzip.decompress(written.content)).hexdigest(),
            "at": ctx.now.isoformat(),
        }
        files = [*trail.files, file] if trail.validated else []
        trail = replace(trail, delivered=ctx.now, cursors={**trail.cursors, written.cursor: written.last}, files=files)
    ctx.put(trail)
