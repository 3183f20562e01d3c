"""GetLogRecord and GetLogGroupFields: the fields that events have."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import LogEvent, LogGroup, group_resource, milliseconds, named_group
from cloudjar.services.logs.insights_expression import shown
from cloudjar.services.logs.insights_rows import discovered
from cloudjar.services.logs.reading import Reader, check_unmask
from cloudjar.services.logs.streams import LogStream

_EVENTS = 1000
"""How many of a group's newest events are looked at."""
_OWN = ("@ingestionTime", "@log", "@logStream", "@message", "@timestamp")
_BEFORE = 8 * 60_000
_RECENT = 15 * 60_000
"""Milliseconds: eight minutes to each side of a time that is given; else the last fifteen minutes."""


def fields_text(event: LogEvent) -> str:
    """The text that an event's fields are found in."""
    return event.transformed or event.message


@operation(on=group_resource)
def get_log_group_fields(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = named_group(ctx, req)
    now = milliseconds(ctx.now)
    given = req.get("time")
    middle = given * 1000 if given else None
    start, end = (middle - _BEFORE, middle + _BEFORE) if middle else (now - _RECENT, now + 1)
    counts: Counter[str] = Counter()
    seen = 0
    reader = Reader(ctx, group)
    for stream in ctx.where(LogStream, group=group.uid):
        for event in ctx.where(LogEvent, group=group.uid, stream=stream.uid).starting(start).ending(end).backwards():
            if seen == _EVENTS:
                break
            seen += 1
            counts.update(_OWN)
            counts.update(discovered(fields_text(reader(event))).keys())
    fields = [{"name": name, "percent": round(100 * times / seen)} for name, times in counts.items()]
    return {"logGroupFields": sorted(fields, key=lambda field: (-field["percent"], field["name"]))}


@operation()
def get_log_record(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pointer = req["logRecordPointer"]
    if not pointer.isdecimal() or len(pointer) != 56:
        raise errors.invalid("The specified logRecordPointer is invalid.")
    time, seq = int(pointer[:24]), int(pointer[24:])
    for group in ctx.where(LogGroup):
        for stream in ctx.where(LogStream, group=group.uid):
            event = ctx.get(LogEvent, group.uid, stream.uid, time, seq)
            if event is None:
                continue
            if req.get("unmask"):
                check_unmask(ctx, group)
            event = Reader(ctx, group, unmask=bool(req.get("unmask")))(event)
            record = {
                "@timestamp": str(event.time),
                "@ingestionTime": str(event.ingested),
                "@message": event.message,
                "@logStream": stream.name,
                "@log": f"{ctx.account}:{group.name}",
            }
            return {"logRecord": record | {name: shown(value) for name, value in discovered(fields_text(event)).items()}}
    raise errors.resource_not_found(pointer)
