"""Log streams."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import LogGroup, find_group, group_arn, milliseconds, named_group, purge_stream


@record("logs.stream", key=("group", "name"), scope="world", indexes={"latest": ("group", "last_event", "name")})
class LogStream(Record):
    """A log stream; `group` is its group's uid; event times are milliseconds since 1970."""

    group: int
    name: str
    uid: int
    created: datetime
    first_event: int | None = None
    last_event: int | None = None
    last_ingestion: int | None = None


def stream_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return group_arn(ctx, req.get("logGroupName") or "*") + f":log-stream:{req.get('logStreamName') or '*'}"


def find_stream(ctx: Context, group: LogGroup, name: str) -> LogStream:
    """The stream of that name, or ResourceNotFoundException."""
    found = ctx.get(LogStream, group.uid, name)
    if found is None:
        raise errors.stream_not_found()
    return found


@operation(on=stream_resource)
def create_log_stream(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["logGroupName"])
    if ctx.get(LogStream, group.uid, req["logStreamName"]):
        raise errors.stream_exists()
    ctx.put(LogStream(group.uid, req["logStreamName"], ctx.world.step(ctx._open(), "logs"), ctx.now))


@operation(on=stream_resource)
def delete_log_stream(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["logGroupName"])
    stream = find_stream(ctx, group, req["logStreamName"])
    ctx.delete(stream)
    ctx.after(purge_stream, group.uid, stream.uid)


@operation(on=stream_resource)
def describe_log_streams(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = named_group(ctx, req)
    prefix = req.get("logStreamNamePrefix")
    if req.get("orderBy") == "LastEventTime":
        if prefix:
            raise errors.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        rows = ctx.ordered_by(LogStream, "latest", group.uid)
    else:
        rows = ctx.where(LogStream, group=group.uid)
        if prefix:
            rows = rows.starting(prefix).ending(prefix + "\U0010ffff")
    if req.get("descending"):
        rows = rows.backwards()
    return ctx.page(req, rows, lambda stream: stream_to_wire(ctx, group, stream), default=50, maximum=50, error=errors.invalid_token())


def stream_to_wire(ctx: Context, group: LogGroup, stream: LogStream) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": milliseconds(stream.created),
        "arn": group_arn(ctx, group.name) + f":log-stream:{stream.name}",
        "storedBytes": 0,  # AWS reports 0 for every stream since 2019.
        "uploadSequenceToken": f"{stream.uid:056d}",
    }
    if stream.last_event is not None:
        wire["firstEventTimestamp"] = stream.first_event
        wire["lastEventTimestamp"] = stream.last_event
        wire["lastIngestionTime"] = stream.last_ingestion
    return wire
