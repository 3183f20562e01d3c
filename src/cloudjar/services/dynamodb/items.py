"""One item: put, get, update, delete."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import actions, capacity, errors, legacy, storage, values
from cloudjar.services.dynamodb.actions import Action, Outcome
from cloudjar.services.dynamodb.capacity import Consumed
from cloudjar.services.dynamodb.expressions.project import project, wanted
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.schema import find_table, on_table


@operation(on=on_table)
def put_item(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    returns = req.get("ReturnValues") or "NONE"
    if returns not in ("NONE", "ALL_OLD"):
        raise errors.invalid("ReturnValues can only be ALL_OLD or NONE")
    action = actions.put(ctx, req)
    outcome = actions.run(action)
    answer = _metrics(req, action, outcome)
    if returns == "ALL_OLD" and outcome.old:
        answer["Attributes"] = outcome.old.attributes
    return answer


@operation(on=on_table)
def delete_item(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    returns = req.get("ReturnValues") or "NONE"
    if returns not in ("NONE", "ALL_OLD"):
        raise errors.invalid("ReturnValues can only be ALL_OLD or NONE")
    action = actions.delete(ctx, req)
    outcome = actions.run(action)
    answer = _metrics(req, action, outcome)
    if returns == "ALL_OLD" and outcome.old:
        answer["Attributes"] = outcome.old.attributes
    return answer


@operation(on=on_table)
def update_item(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    action = actions.update(ctx, req)
    outcome = actions.run(action)
    answer = _metrics(req, action, outcome)
    returned = returned_attributes(req.get("ReturnValues") or "NONE", action, outcome)
    if returned is not None:
        answer["Attributes"] = returned
    return answer


def returned_attributes(returns: str, action: Action, outcome: Outcome) -> values.Item | None:
    """What ReturnValues asks to be told of an update; None for nothing."""
    if returns == "NONE":
        return None
    source = (outcome.old.attributes if outcome.old else None) if returns.endswith("OLD") else outcome.new
    if source is None:
        return None
    if returns.startswith("ALL"):
        return source
    found = project(source, wanted(action.update.paths())) if action.update is not None else {}
    return found or None


def _metrics(req: dict[str, Any], action: Action, outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    detail = capacity.wanted(req)
    if detail:
        consumed = Consumed(action.table)
        consumed.write(outcome.change)
        answer["ConsumedCapacity"] = consumed.to_wire(detail)
    if req.get("ReturnItemCollectionMetrics") == "SIZE":
        metrics = capacity.item_collection(action.ctx, action.table, action.key_values)
        if metrics:
            answer["ItemCollectionMetrics"] = metrics
    return answer


@operation(on=on_table)
def get_item(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    paths = None
    if "ProjectionExpression" in req or "ExpressionAttributeNames" in req or "AttributesToGet" in req:
        expressions = Expressions(req, ("ProjectionExpression",))
        paths = expressions.projection() or legacy.paths(req.get("AttributesToGet"))
        expressions.finish()
    values.settle_item(req["Key"])
    there, table = find_table(ctx, req["TableName"])
    found = storage.read(there, table.number, table.checked_key(req["Key"]))
    capacity.count_read(there, table, found.size if found else 0, consistent=bool(req.get("ConsistentRead")))
    answer: dict[str, Any] = {}
    if found is not None:
        answer["Item"] = found.attributes if paths is None else project(found.attributes, wanted(paths))
    detail = capacity.wanted(req)
    if detail:
        consumed = Consumed(table)
        consumed.read(found.size if found else 0, consistent=bool(req.get("ConsistentRead")))
        answer["ConsumedCapacity"] = consumed.to_wire(detail)
    return answer
