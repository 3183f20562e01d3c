"""Time to live: items that expire by the world's clock. An entry for each item with an expiry, in its order; a timer at the earliest."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cloudjar.kernel import keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors, storage
from cloudjar.services.dynamodb.schema import Table, named_table, on_table
from cloudjar.services.dynamodb.values import Item

AT_ONCE = 500
OLDEST = 5 * 365 * 86_400
"""Seconds: what expired longer ago is left alone. Source: "Using time to live", Developer Guide."""
_LATEST = 253_402_300_799


@lru_cache(maxsize=1024)
def _space(number: int) -> bytes:
    return keys.encode(("", "", "dynamodb.expiry", number))


def _entry(number: int, seconds: int, key: bytes) -> bytes:
    return _space(number) + keys.encode((seconds, key))


def _seconds(table: Table, item: Item | None) -> int | None:
    value = (item or {}).get(table.ttl)
    if value is None or "N" not in value:
        return None
    seconds = int(Decimal(value["N"]))
    return seconds if 0 < seconds <= _LATEST else None


def note(ctx: Context, table: Table, key: bytes, before: Item | None, after: Item | None) -> None:
    """Keeps an item's expiry up to date with a change of it."""
    old, new = _seconds(table, before), _seconds(table, after)
    if old == new:
        return
    txn = ctx._open()
    if old is not None:
        txn.delete(_entry(table.number, old, key))
    if new is None:
        return
    first = next(txn.range(_space(table.number), keys.after_prefix(_space(table.number))), None)
    entry = _entry(table.number, new, key)
    txn.put(entry, b"")
    if first is None or entry < first[0]:
        _wake(ctx, table, new)


def _wake(ctx: Context, table: Table, seconds: int) -> None:
    # Expired is what lies in the past: the second itself must be over.
    due = datetime.fromtimestamp(min(seconds + 1, _LATEST), UTC)
    ctx.after(expire, table.name, table.number, at=max(due, ctx.now))


@timer
def expire(ctx: Context, name: str, number: int) -> None:
    """Deletes what has expired, some at a time, and comes again for the next."""
    from cloudjar.services.dynamodb.writes import change

    table = ctx.get(Table, name)
    if table is None or table.number != number or not table.ttl or table.status == "DELETING":
        return
    now = int(ctx.now.timestamp())
    doomed: list[tuple[int, bytes]] = []
    following: int | None = None
    skip = len(_space(number))
    for raw, _ in ctx._open().range(_space(number), keys.after_prefix(_space(number))):
        seconds, key = keys.decode(raw[skip:])
        assert isinstance(seconds, int) and isinstance(key, bytes)
        if seconds >= now or len(doomed) == AT_ONCE:
            following = seconds
            break
        doomed.append((seconds, key))
    for seconds, key in doomed:
        old = storage.read(ctx, number, key)
        if old is None or seconds < now - OLDEST:
            ctx._open().delete(_entry(number, seconds, key))
        else:
            change(ctx, table, key, old, None, expired=True)
    if following is not None:
        _wake(ctx, table, following)


def expire_now(ctx: Context) -> int:
    """Deletes what has expired in all tables of this account and Region; gives how many items that were."""
    gone = 0
    for table in list(ctx.where(Table)):
        if table.ttl:
            before = storage.totals(ctx, table.number)[0]
            expire(ctx, table.name, table.number)
            gone += before - storage.totals(ctx, table.number)[0]
    return gone


@operation(on=on_table)
def update_time_to_live(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = named_table(ctx, req["TableName"])
    wanted = req["TimeToLiveSpecification"]
    name, enabled = wanted["AttributeName"], wanted["Enabled"]
    if table.status != "ACTIVE":
        raise errors.table_in_use(table.name, table.status)
    if enabled and table.ttl:
        raise errors.invalid("TimeToLive is already enabled")
    if not enabled and not table.ttl:
        raise errors.invalid("TimeToLive is already disabled")
    if not enabled and name != table.ttl:
        raise errors.invalid(f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl}")
    if table.strong:
        raise errors.invalid("Time to live is not supported on global tables with multi-Region strong consistency")
    for region in [there.region, *([] if table.legacy_global else table.replicas)]:
        _switch(there.at(region=region), table.name, name if enabled else "")
    return {"TimeToLiveSpecification": {"AttributeName": name, "Enabled": enabled}}


def _switch(there: Context, name: str, attribute: str) -> None:
    """Has the items of a table, or of a replica, expire by an attribute; by none if it is ""."""
    table = there.get(Table, name)
    if table is None or table.ttl == attribute:
        return
    there.put(replace(table, ttl=attribute))
    if attribute:
        there.after(take_stock, name, table.number, b"")
    else:
        there.after(forget, table.number)


@operation(on=on_table)
def describe_time_to_live(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, table = named_table(ctx, req["TableName"])
    if not table.ttl:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}}


@timer
def take_stock(ctx: Context, name: str, number: int, start: bytes) -> None:
    """Enters the items that a table held before time to live was enabled, some at a time."""
    table = ctx.get(Table, name)
    if table is None or table.number != number or not table.ttl:
        return
    found: list[tuple[bytes, bytes]] = []
    for key, raw in storage.walk(ctx, number, start):
        if len(found) == AT_ONCE:
            ctx.after(take_stock, name, number, key)
            break
        found.append((key, raw))
    for key, raw in found:
        note(ctx, table, key, None, storage.unpack(raw).attributes)


@timer
def forget(ctx: Context, number: int) -> None:
    """Removes a table's entries, some at a time."""
    doomed = []
    for raw, _ in ctx._open().range(_space(number), keys.after_prefix(_space(number))):
        doomed.append(raw)
        if len(doomed) == 2000:
            ctx.after(forget, number)
            break
    for raw in doomed:
        ctx._open().delete(raw)
