"""Scan: all items of a table or index, in the order of their partitions' hashes, in parallel segments if wanted."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import errors, legacy, storage
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.reading import Reading, projected
from cloudjar.services.dynamodb.schema import find_table, on_table


@operation(on=on_table)
def scan(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    expressions = Expressions(req, ("FilterExpression",))
    filter_ = expressions.condition("FilterExpression")
    paths = projected(req, expressions)
    expressions.finish()
    if filter_ is None:
        filter_ = legacy.conditions(req, "ScanFilter")
    segment, total = req.get("Segment"), req.get("TotalSegments")
    if total is not None and segment is None:
        raise errors.invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
    if segment is not None and total is None:
        raise errors.invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
    if segment is not None and total is not None and segment >= total:
        raise errors.invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    there, table = find_table(ctx, req["TableName"])
    reading = Reading(there, table, req, paths, filter_)
    start, stop = b"", b""
    if segment is not None and total is not None:
        start, stop = storage.hash_bound(segment, total), storage.hash_bound(segment + 1, total)
    position = reading.start_position()
    if position is not None:
        if position < start or (stop and position >= stop):
            raise errors.bad_start_key("Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment.")
        start = position + b"\0"
    return reading.page(storage.walk(there, reading.space, start, stop))
