"""Query: the items of one partition, in the order of their sort keys."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import errors, key_conditions, legacy, storage
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.reading import Reading, attributes_of, projected
from cloudjar.services.dynamodb.schema import find_table, on_table


@operation(on=on_table)
def query(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    expressions = Expressions(req, ("FilterExpression", "KeyConditionExpression"))
    key_condition = expressions.condition("KeyConditionExpression")
    filter_ = expressions.condition("FilterExpression")
    paths = projected(req, expressions)
    expressions.finish()
    if filter_ is None:
        filter_ = legacy.conditions(req, "QueryFilter")
    if key_condition is not None:
        conditions = key_conditions.from_expression(key_condition)
    elif req.get("KeyConditions"):
        conditions = key_conditions.from_legacy(req["KeyConditions"])
    else:
        raise errors.no_key_condition()
    there, table = find_table(ctx, req["TableName"])
    reading = Reading(there, table, req, paths, filter_)
    start, stop = key_conditions.bounds(table, reading.index, conditions)
    own = reading.index.key_names if reading.index else table.key_names
    for name in attributes_of(filter_):
        if name in own:
            what = "QueryFilter" if "QueryFilter" in req else "Filter Expression"
            raise errors.invalid(f"{what} can only contain non-primary key attributes: Primary key attribute: {name}")
    reading.check_filter()
    position = reading.start_position()
    backwards = req.get("ScanIndexForward") is False
    if position is not None:
        if not start <= position < stop:
            raise errors.start_key_outside()
        start, stop = (start, position) if backwards else (position + b"\0", stop)
    return reading.page(storage.walk(there, reading.space, start, stop, reverse=backwards))
