"""The records of a table's streams; the one module that DynamoDB Streams shares with DynamoDB."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel import keys, watches
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import Record, record
from cloudjar.services.dynamodb import storage
from cloudjar.services.dynamodb.schema import Table
from cloudjar.services.dynamodb.values import Item, equal, item_size

KEPT = timedelta(hours=24)
TRIMMED_AT_ONCE = 1000


@record("dynamodb.stream", key="number", indexes={"table": ("table", "label")})
class Stream(Record):
    """A stream, which outlives its table by a day. It has one shard."""

    number: int
    table: str
    label: str
    view: str
    created: datetime
    hash: str
    range: str
    status: str = "ENABLED"
    ended: datetime | None = None
    last_sequence: int = 0
    """The last sequence number when the shard was closed."""
    policy: str = ""
    policy_revision: str = ""


def stream_arn(ctx: Context, stream: Stream) -> str:
    """A stream's ARN."""
    return ctx.arn("dynamodb", f"table/{stream.table}/stream/{stream.label}")


def stream_at(ctx: Context, arn: str) -> tuple[Context, Stream | None] | None:
    """The context of the account and Region in a stream's ARN, and the stream; None for what is no stream's ARN."""
    parts = arn.split(":", 5)
    names = parts[5].split("/", 3) if len(parts) == 6 else []
    if len(names) != 4 or names[0] != "table" or names[2] != "stream":
        return None
    there = ctx.at(account=parts[4], region=parts[3])
    found = there.where(Stream, table=names[1], label=names[3]).first()
    return there, found if found is not None and stream_arn(there, found) == arn else None


def stream_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """A stream's own policy; None for what is no stream, or is not there."""
    place = stream_at(ctx, arn)
    if place is None or place[1] is None:
        return None
    return ResourcePolicy(place[0].account, place[1].policy or None, arn)


@record("dynamodb.stream_record", key=("stream", "sequence"), scope="world")
class StreamRecord(Record):
    """One change of one item."""

    stream: int
    sequence: int
    time: datetime
    event: str
    keys: Item
    new: Item | None = None
    old: Item | None = None
    size: int = 0
    expired: bool = False
    """Whether time to live removed the item."""


def append(ctx: Context, table: Table, before: Item | None, after: Item | None, *, expired: bool) -> None:
    """Notes a change in the table's stream; one that changes nothing is none."""
    if before == after or (before is not None and after is not None and equal({"M": before}, {"M": after})):
        return
    assert table.stream_number is not None
    sequence = ctx.world.step(ctx._open(), "dynamodb.stream")
    some: Item = after if after is not None else before or {}
    key_values = {name: some[name] for name in table.key_names}
    new = after if table.stream_view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES") else None
    old = before if table.stream_view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES") else None
    size = item_size(key_values) + (item_size(new) if new else 0) + (item_size(old) if old else 0)
    event = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    if storage.begin(ctx, "trim", table.stream_number):
        ctx.after(trim, table.stream_number, at=ctx.now + KEPT, housekeeping=True)
    ctx.put(StreamRecord(table.stream_number, sequence, ctx.now, event, key_values, new, old, size, expired))
    watches.ring(ctx, ctx.arn("dynamodb", f"table/{table.name}/stream/{table.latest_stream_label}"))


@timer
def trim(ctx: Context, number: int) -> None:
    """Removes records that are a day old, and comes again when the next is."""
    oldest = ctx.now - KEPT
    doomed: list[StreamRecord] = []
    following: datetime | None = None
    for found in ctx.where(StreamRecord, stream=number):
        if found.time > oldest or len(doomed) == TRIMMED_AT_ONCE:
            following = found.time
            break
        doomed.append(found)
    for found in doomed:
        ctx.delete(found)
    if following is not None:
        ctx.after(trim, number, at=max(following + KEPT, ctx.now), housekeeping=True)
        return
    storage.end(ctx, "trim", number)
    stream = ctx.get(Stream, number)
    if stream is not None and stream.ended is not None and stream.ended <= oldest:
        ctx.delete(stream)


def last_sequence(ctx: Context, number: int) -> int:
    """The sequence number of the newest record in a stream; 0 if there is none."""
    newest = ctx.where(StreamRecord, stream=number).backwards().first()
    return newest.sequence if newest else 0


def sequence_text(sequence: int) -> str:
    """A sequence number as the API gives it: 21 digits."""
    return f"{100 * 10**18 + sequence:021d}"


def sequence_in(text: str) -> int | None:
    """The sequence number in a text; None if it is none of ours."""
    if not (text.isascii() and text.isdigit() and len(text) == 21):
        return None
    return int(text) - 100 * 10**18


def record_to_wire(region: str, view: str, found: StreamRecord) -> dict[str, Any]:
    """A record as GetRecords gives it."""
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": found.time.replace(microsecond=0),
        "Keys": found.keys,
        "SequenceNumber": sequence_text(found.sequence),
        "SizeBytes": max(1, found.size),
        "StreamViewType": view,
    }
    if found.new is not None:
        change["NewImage"] = found.new
    if found.old is not None:
        change["OldImage"] = found.old
    wire = {
        "eventID": f"{keys.microseconds(found.time) & 0xFFFFFFFFFFFFFFFF:016x}{found.sequence:016x}",
        "eventName": found.event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": change,
    }
    if found.expired:
        wire["userIdentity"] = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    return wire
