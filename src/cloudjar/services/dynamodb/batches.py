"""BatchGetItem and BatchWriteItem."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import capacity, errors, legacy, storage, values
from cloudjar.services.dynamodb.capacity import Consumed
from cloudjar.services.dynamodb.expressions.project import project, wanted
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.schema import Table, find_table, on_table
from cloudjar.services.dynamodb.writes import change

MOST_READ = 100
MOST_WRITTEN = 25
LARGEST_READ = 16 << 20
LARGEST_WRITTEN = 16 << 20


def on_tables(ctx: Context, req: dict[str, Any]) -> list[str]:
    """What IAM is asked about: every table of the batch."""
    return [on_table(ctx, {"TableName": name}) for name in req["RequestItems"]]


@operation(on=on_tables)
def batch_get_item(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    wishes = req["RequestItems"]
    if len({"AttributesToGet" in wish for wish in wishes.values() if "AttributesToGet" in wish or "ProjectionExpression" in wish}) > 1:
        raise errors.mixed_parameters(["AttributesToGet"], ["ProjectionExpression"])
    if sum(len(wish["Keys"]) for wish in wishes.values()) > MOST_READ:
        raise errors.invalid("Too many items requested for the BatchGetItem call")
    plans = []
    for name, wish in wishes.items():
        expressions = Expressions(wish, ("ProjectionExpression",))
        paths = expressions.projection()
        if paths is None:
            paths = legacy.paths(wish.get("AttributesToGet"))
        expressions.finish()
        for key in wish["Keys"]:
            values.settle_item(key)
        there, table = find_table(ctx, name)
        places = [table.checked_key(key) for key in wish["Keys"]]
        if len(set(places)) != len(places):
            raise errors.duplicate_keys()
        plans.append((name, wish, there, table, places, paths))
    answer: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    usages, size = [], 0
    for name, wish, there, table, places, paths in plans:
        found: list[Any] = answer["Responses"].setdefault(name, [])
        consumed = Consumed(table)
        consistent = bool(wish.get("ConsistentRead"))
        for place, key in zip(places, wish["Keys"], strict=True):
            stored = storage.read(there, table.number, place)
            if size + (stored.size if stored else 0) > LARGEST_READ:
                unread = answer["UnprocessedKeys"].setdefault(name, {**wish, "Keys": []})
                unread["Keys"].append(key)
                continue
            consumed.read(stored.size if stored else 0, consistent=consistent)
            capacity.count_read(there, table, stored.size if stored else 0, consistent=consistent)
            if stored is not None:
                size += stored.size
                found.append(stored.attributes if paths is None else project(stored.attributes, wanted(paths)))
        usages.append(consumed)
    if detail := capacity.wanted(req):
        answer["ConsumedCapacity"] = [consumed.to_wire(detail) for consumed in usages]
    return answer


@operation(on=on_tables)
def batch_write_item(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    wishes = req["RequestItems"]
    if sum(len(wish) for wish in wishes.values()) > MOST_WRITTEN:
        raise errors.invalid("Too many items requested for the BatchWriteItem call")
    plans = []
    for name, wish in wishes.items():
        there, table = find_table(ctx, name)
        writes = [_planned(table, write) for write in wish]
        if len({place for place, _, _ in writes}) != len(writes):
            raise errors.duplicate_keys()
        plans.append((name, there, table, writes))
    answer: dict[str, Any] = {"UnprocessedItems": {}}
    usages, collections = [], {}
    for name, there, table, writes in plans:
        consumed = Consumed(table)
        for place, item, size in writes:
            cost = change(there, table, place, storage.read(there, table.number, place), item, size)
            consumed.write(cost)
            capacity.count_write(there, table, cost)
        usages.append(consumed)
        if req.get("ReturnItemCollectionMetrics") == "SIZE":
            metrics = [capacity.item_collection(there, table, _key_in(write)) for write in wishes[name]]
            if any(metrics):
                collections[name] = metrics
    if collections:
        answer["ItemCollectionMetrics"] = collections
    if detail := capacity.wanted(req):
        answer["ConsumedCapacity"] = [consumed.to_wire(detail) for consumed in usages]
    return answer


def _key_in(write: dict[str, Any]) -> values.Item:
    found: values.Item = write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]
    return found


def _planned(table: Table, write: dict[str, Any]) -> tuple[bytes, values.Item | None, int]:
    put, delete = write.get("PutRequest"), write.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise errors.several_types()  # so AWS says, of none and of both
    if put is not None:
        size = values.settle_item(put["Item"])
        if size > values.LARGEST_ITEM:
            raise errors.item_too_large()
        # A batch knows only keys: a put without one, or with one of another type, is told so as a delete is.
        if any(table.types[name] not in put["Item"].get(name, ()) for name in table.key_names):
            raise errors.key_mismatch()
        return table.checked_item_key(put["Item"]), put["Item"], size
    assert delete is not None
    values.settle_item(delete["Key"])
    return table.checked_key(delete["Key"]), None, 0
