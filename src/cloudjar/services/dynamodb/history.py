"""Point-in-time recovery's undo log: what each change replaced, kept as long as the table may be restored to before it."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import Record, record
from cloudjar.services.dynamodb import storage
from cloudjar.services.dynamodb.schema import Table
from cloudjar.services.dynamodb.storage import Stored
from cloudjar.services.dynamodb.values import Item

FORGOTTEN_AT_ONCE = 2000


@record("dynamodb.history", key=("table", "time", "seq"), scope="world")
class Replaced(Record):
    """The item that stood at a key until an instant; None if none did."""

    table: int
    time: datetime
    seq: int
    key: bytes
    item: Item | None = None
    size: int = 0


def note(ctx: Context, table: Table, key: bytes, old: Stored | None) -> None:
    """Keeps what a change replaces."""
    if storage.begin(ctx, "forget", table.number):
        ctx.after(forget, table.number, table.recovery_days, at=ctx.now + timedelta(days=table.recovery_days), housekeeping=True)
    seq = ctx.world.step(ctx._open(), "dynamodb.history")
    ctx.put(Replaced(table.number, ctx.now, seq, key, old.attributes if old else None, old.size if old else 0))


@timer
def forget(ctx: Context, number: int, days: int) -> None:
    """Removes what is older than anything that can be restored, and comes again when more is."""
    oldest = ctx.now - timedelta(days=days)
    doomed: list[Replaced] = []
    following: datetime | None = None
    for found in ctx.where(Replaced, table=number):
        if found.time > oldest or len(doomed) == FORGOTTEN_AT_ONCE:
            following = found.time
            break
        doomed.append(found)
    for found in doomed:
        ctx.delete(found)
    if following is not None:
        ctx.after(forget, number, days, at=max(following + timedelta(days=days), ctx.now), housekeeping=True)
    else:
        storage.end(ctx, "forget", number)


@timer
def drop(ctx: Context, number: int) -> None:
    """Removes a table's whole history, some at a time."""
    doomed: list[Replaced] = []
    for found in ctx.where(Replaced, table=number):
        doomed.append(found)
        if len(doomed) == FORGOTTEN_AT_ONCE:
            ctx.after(drop, number)
            break
    for found in doomed:
        ctx.delete(found)
