"""Log events: put, get, filter."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import decode, encode
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.logs import data_protection, embedded_metrics, errors, live_tail, metric_filters, subscriptions, transformers
from cloudjar.services.logs.account_policies import policy_for
from cloudjar.services.logs.account_policy_record import SUBSCRIPTION, AccountPolicy
from cloudjar.services.logs.encryption import Vault
from cloudjar.services.logs.filter_pattern import compile_pattern
from cloudjar.services.logs.groups import NAMESPACE, LogEvent, LogGroup, find_group, milliseconds, named_group
from cloudjar.services.logs.reading import Reader, check_unmask, masked
from cloudjar.services.logs.streams import LogStream, find_stream, stream_resource

LARGEST_BATCH = 1_048_576
EVENT_OVERHEAD = 26
"""Bytes that AWS adds to each message when it measures a batch."""
DAY = 86_400_000
TOO_OLD = 14 * DAY
TOO_NEW = 2 * 3_600_000
LARGEST_ANSWER = 1_048_576
MOST_EVENTS = 10_000
SCANNED_IN_A_STEP = 1000
"""Events that a search looks at before other calls have their turn."""
SCANNED_AT_ONCE = 200_000
"""Events that one FilterLogEvents call looks at before it answers with a token, as AWS does for long searches."""


@operation(on=stream_resource)
def put_log_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = find_group(ctx, req["logGroupName"])
    stream = find_stream(ctx, group, req["logStreamName"])
    batch = req["logEvents"]
    sizes = _check_batch(batch)
    now = milliseconds(ctx.now)
    expired = group.oldest(ctx.now)
    rejected: dict[str, int] = {}
    first_seq = ctx.world.step(ctx._open(), "logs") << 20
    kept: list[LogEvent] = []
    size = 0
    # Most accounts have none: one look spares three.
    has_policies = ctx.where(AccountPolicy).first() is not None
    guard = data_protection.guard_of(ctx, group) if has_policies or group.guarded else None
    steps = transformers.of_group(ctx, group) if has_policies or group.transforms else None
    vault = Vault(ctx, group)
    for at, event in enumerate(batch):
        time = event["timestamp"]
        if time > now + TOO_NEW:
            rejected.setdefault("tooNewLogEventStartIndex", at)
        elif time < now - TOO_OLD:
            rejected["tooOldLogEventEndIndex"] = at + 1
        elif expired is not None and time < expired:
            rejected["expiredLogEventEndIndex"] = at + 1
        else:
            fresh = LogEvent(group.uid, stream.uid, time, first_seq + at, event["message"], now)
            if guard:
                fresh = guard.marked(fresh)
            if steps:
                fresh = transformers.apply(steps, fresh)
            ctx.put(vault.sealed(fresh))
            kept.append(fresh)
            size += sizes[at]
    if kept:
        ctx.put(
            replace(
                stream,
                first_event=kept[0].time if stream.first_event is None else min(stream.first_event, kept[0].time),
                last_event=kept[-1].time if stream.last_event is None else max(stream.last_event, kept[-1].time),
                last_ingestion=now,
            )
        )
        ctx.put(replace(group, stored_bytes=group.stored_bytes + size))
        for dimensions in ((("LogGroupName", group.name),), ()):
            ctx.metric(NAMESPACE, "IncomingLogEvents", dimensions, float(len(kept)), "None")
            ctx.metric(NAMESPACE, "IncomingBytes", dimensions, float(size), "Bytes")
        if guard:
            guard.report(ctx)
            # What leaves is masked: metrics, subscribers and live tails see no more than other readers.
            kept = [masked(event) for event in kept]
        if group.group_class == "STANDARD":
            embedded_metrics.observe(ctx, group, kept)
        if group.metric_filters:
            metric_filters.observe(ctx, group, kept)
        live_tail.observe(ctx, group, stream.name, kept)
        if group.subscriptions:
            subscriptions.observe(ctx, group, stream.name, kept)
        if has_policies and (policy := policy_for(ctx, SUBSCRIPTION, group.name)):
            subscriptions.observe_account(ctx, policy, group, stream.name, kept)
    answer: dict[str, Any] = {"nextSequenceToken": f"{first_seq:056d}"}
    if rejected:
        answer["rejectedLogEventsInfo"] = rejected
    return answer


def _check_batch(batch: list[dict[str, Any]]) -> list[int]:
    """The events' sizes, if the batch may be put."""
    sizes = [len(event["message"].encode("utf-8", "surrogatepass")) + EVENT_OVERHEAD for event in batch]
    if max(sizes) > LARGEST_BATCH:
        raise errors.event_too_large(max(sizes), LARGEST_BATCH)
    if sum(sizes) > LARGEST_BATCH:
        raise errors.batch_too_large(sum(sizes), LARGEST_BATCH)
    times = [event["timestamp"] for event in batch]
    if times != sorted(times):
        raise errors.events_out_of_order()
    if times[-1] - times[0] > DAY:
        raise errors.batch_too_long()
    return sizes


@operation(on=stream_resource)
def get_log_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = named_group(ctx, req)
    stream = find_stream(ctx, group, req["logStreamName"])
    limit = req.get("limit") or MOST_EVENTS
    if req.get("unmask"):
        check_unmask(ctx, group)
    start, end = _span(ctx, group, req)
    rows = ctx.where(LogEvent, group=group.uid, stream=stream.uid).starting(start)
    if end is not None:
        rows = rows.ending(end)
    token = req.get("nextToken")
    forwards = bool(req.get("startFromHead"))
    if token:
        forwards = token.startswith("f/")
        if not token.startswith(("f/", "b/")):
            raise errors.invalid_token()
        position = paging.decode_token(token[2:], errors.invalid_token())
        rows = (rows if forwards else rows.backwards()).resuming(position)
    elif not forwards:
        rows = rows.backwards()
    read = Reader(ctx, group, unmask=bool(req.get("unmask")))
    found: list[tuple[bytes, LogEvent]] = []
    size = 0
    for position, event in rows.positions():
        event = read(event)
        size += len(event.message) + EVENT_OVERHEAD
        if len(found) == limit or (found and size > LARGEST_ANSWER):
            break
        found.append((position, event))
    if not forwards:
        found.reverse()
    if found:
        first, last = found[0][0], found[-1][0]
    elif token:
        # At either end AWS gives the same token back: that is how a reader knows. The other one leads back over the last event read.
        first = last = paging.decode_token(token[2:], errors.invalid_token())
        if forwards:
            first += b"\0"
        else:
            last = last[:-1]
    else:
        first = last = encode(("", "", LogEvent.__table__.name, group.uid, stream.uid, start))
    return {
        "events": [{"timestamp": e.time, "message": e.message, "ingestionTime": e.ingested} for _, e in found],
        "nextForwardToken": "f/" + paging.encode_token(last),
        "nextBackwardToken": "b/" + paging.encode_token(first),
    }


@operation(on=stream_resource)
async def filter_log_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    names, prefix = req.get("logStreamNames"), req.get("logStreamNamePrefix")
    with ctx.transaction():
        group = named_group(ctx, req)
        if names and prefix:
            raise errors.invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
        if req.get("unmask"):
            check_unmask(ctx, group)
        search = Search(ctx, group, req)
    while True:
        with ctx.transaction():
            if search.step(ctx):
                return search.answer
        # Other calls have their turn: a long search must not keep them waiting.
        await asyncio.sleep(0)


class Search:
    """One FilterLogEvents call, some events at a time."""

    def __init__(self, ctx: Context, group: LogGroup, req: dict[str, Any]) -> None:
        self._group = group
        self._names = req.get("logStreamNames")
        self._prefix = req.get("logStreamNamePrefix")
        self._matches = compile_pattern(req.get("filterPattern") or "")
        self._span = _span(ctx, group, req)
        self._read = Reader(ctx, group, unmask=bool(req.get("unmask")))
        self._limit = req.get("limit") or MOST_EVENTS
        self._after = _position(req["nextToken"]) if req.get("nextToken") else None
        self._size = self._scanned = 0
        self._found: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"events": self._found, "searchedLogStreams": []}

    def step(self, ctx: Context) -> bool:
        """Looks at the next events; says whether the answer is complete."""
        start, end = self._span
        # Past the last event that was looked at: many may have its time.
        first: tuple[int, ...] = (start,)
        if self._after is not None and self._after[0] >= start:
            start, first = self._after[0], (self._after[0], self._after[1] + 1)
        streams = _streams(ctx, self._group, self._names, self._prefix, start, end)
        left = SCANNED_IN_A_STEP
        for time, seq, event, stream in heapq.merge(*(_walk(ctx, stream, first, end) for stream in streams)):
            if not left:
                return False
            if len(self._found) == self._limit or self._size > LARGEST_ANSWER or self._scanned == SCANNED_AT_ONCE:
                assert self._after is not None
                self.answer["nextToken"] = paging.encode_token(encode(self._after))
                return True
            left -= 1
            self._scanned += 1
            self._after = (time, seq)
            event = self._read(event)
            if self._matches(event.message):
                self._size += len(event.message) + EVENT_OVERHEAD
                self._found.append(
                    {
                        "logStreamName": stream,
                        "timestamp": event.time,
                        "message": event.message,
                        "ingestionTime": event.ingested,
                        "eventId": event.id,
                    }
                )
        return True


def _position(token: str) -> tuple[int, int]:
    try:
        time, seq = decode(paging.decode_token(token, errors.invalid_token()))
    except (ValueError, IndexError):
        raise errors.invalid_token() from None
    if not isinstance(time, int) or not isinstance(seq, int):
        raise errors.invalid_token()
    return time, seq


def _streams(ctx: Context, group: LogGroup, names: list[str] | None, prefix: str | None, start: int, end: int | None) -> list[LogStream]:
    if names:
        streams = [find_stream(ctx, group, name) for name in dict.fromkeys(names)]
    else:
        rows = ctx.where(LogStream, group=group.uid)
        streams = list(rows.starting(prefix).ending(prefix + "\U0010ffff") if prefix else rows)
    return [
        stream
        for stream in streams
        if stream.last_event is not None
        and stream.first_event is not None
        and stream.last_event >= start
        and (end is None or stream.first_event < end)
    ]


def _walk(ctx: Context, stream: LogStream, first: tuple[int, ...], end: int | None) -> Iterator[tuple[int, int, LogEvent, str]]:
    rows = ctx.where(LogEvent, group=stream.group, stream=stream.uid).starting(*first)
    for event in rows if end is None else rows.ending(end):
        yield event.time, event.seq, event, stream.name


def _span(ctx: Context, group: LogGroup, req: dict[str, Any]) -> tuple[int, int | None]:
    """The milliseconds [start, end) that a request asks for, without what has expired."""
    start, end = req.get("startTime") or 0, req.get("endTime")
    if end is not None and end < start:
        raise errors.invalid("endTime must be greater than or equal to startTime.")
    # FilterLogEvents and GetLogEvents leave out what has expired but is not yet removed.
    return max(start, group.oldest(ctx.now) or 0), end
