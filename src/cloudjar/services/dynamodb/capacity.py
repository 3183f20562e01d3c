"""Consumed capacity, computed as AWS bills it. Source: "DynamoDB read and write operations", Developer Guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.meter import Dimensions
from cloudjar.services.dynamodb import storage
from cloudjar.services.dynamodb.schema import Table
from cloudjar.services.dynamodb.writes import Change

READ_UNIT = 4096
WRITE_UNIT = 1024


def read_units(size: int, *, consistent: bool) -> float:
    """What reading so many bytes costs; half where it may be stale."""
    units = max(1, -(-size // READ_UNIT))
    return float(units) if consistent else units / 2


def write_units(size: int) -> float:
    """What writing so many bytes costs."""
    return float(max(1, -(-size // WRITE_UNIT)))


NAMESPACE = "AWS/DynamoDB"


def count_read(ctx: Context, table: Table, size: int, *, consistent: bool, index: str = "", times: int = 1) -> None:
    """Tells CloudWatch of a read of so many bytes, of the table or of a global index."""
    dimensions: Dimensions = (("TableName", table.name),)
    if index and any(one.name == index and not one.local for one in table.indexes):
        dimensions = (("GlobalSecondaryIndexName", index), *dimensions)
    ctx.metric(NAMESPACE, "ConsumedReadCapacityUnits", dimensions, read_units(size, consistent=consistent) * times)


def count_write(ctx: Context, table: Table, change: Change) -> None:
    """Tells CloudWatch of a write, and of what it entailed in global indexes."""
    dimensions = (("TableName", table.name),)
    ctx.metric(NAMESPACE, "ConsumedWriteCapacityUnits", dimensions, write_units(change.size))
    for index, sizes in change.index_sizes.items():
        is_global = any(one.name == index and not one.local for one in table.indexes)
        names = (("GlobalSecondaryIndexName", index), *dimensions) if is_global else dimensions
        ctx.metric(NAMESPACE, "ConsumedWriteCapacityUnits", names, sum(write_units(size) for size in sizes))


class Consumed:
    """What one call consumed of one table."""

    __slots__ = ("indexes", "reads", "table", "table_units", "writes")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.table_units = 0.0
        self.indexes: dict[str, float] = {}
        self.reads = 0.0
        self.writes = 0.0

    def read(self, size: int, *, consistent: bool, index: str = "", times: int = 1) -> None:
        """Adds a read of so many bytes, of the table or of an index."""
        units = read_units(size, consistent=consistent) * times
        self.reads += units
        self._add(index, units)

    def write(self, change: Change, times: int = 1) -> None:
        """Adds a write and what it entailed."""
        units = write_units(change.size) * times
        self.writes += units
        self._add("", units)
        for index, sizes in change.index_sizes.items():
            units = sum(map(write_units, sizes)) * times
            self.writes += units
            self._add(index, units)

    def add(self, other: Consumed) -> None:
        """Adds what another call consumed of the table."""
        self.reads += other.reads
        self.writes += other.writes
        self._add("", other.table_units)
        for index, units in other.indexes.items():
            self._add(index, units)

    def _add(self, index: str, units: float) -> None:
        if index:
            self.indexes[index] = self.indexes.get(index, 0.0) + units
        else:
            self.table_units += units

    def to_wire(self, detail: str, *, split: bool = False) -> dict[str, Any]:
        """A ConsumedCapacity; `detail` is TOTAL or INDEXES, `split` tells reads and writes apart as transactions do."""

        def units(amount: float) -> dict[str, float]:
            found = {"CapacityUnits": amount}
            if split:
                found["ReadCapacityUnits" if self.reads else "WriteCapacityUnits"] = amount
            return found

        wire: dict[str, Any] = {"TableName": self.table.name, **units(self.table_units + sum(self.indexes.values()))}
        if detail == "INDEXES":
            wire["Table"] = units(self.table_units)
            for index in self.table.indexes:
                if index.name in self.indexes:
                    member = "LocalSecondaryIndexes" if index.local else "GlobalSecondaryIndexes"
                    wire.setdefault(member, {})[index.name] = units(self.indexes[index.name])
        return wire


def wanted(req: dict[str, Any]) -> str:
    """TOTAL, INDEXES, or "" where the request does not ask for consumed capacity."""
    detail = req.get("ReturnConsumedCapacity") or "NONE"
    return "" if detail == "NONE" else detail


def item_collection(ctx: Context, table: Table, key: dict[str, Any]) -> dict[str, Any] | None:
    """ItemCollectionMetrics, which only tables with local indexes have: what a partition holds there and in those indexes."""
    spaces = [index.number for index in table.indexes if index.local]
    if not spaces:
        return None
    partition = storage.partition_key([key[table.hash]])
    held = 0
    for space in (table.number, *spaces):
        held += sum(storage.size_in(raw) for _, raw in storage.walk(ctx, space, partition, partition + b"\xff"))
    least = float(held >> 30)
    return {"ItemCollectionKey": {table.hash: key[table.hash]}, "SizeEstimateRangeGB": [least, least + 1]}
