"""One write, prepared and then run: by the item operations, by transactions and by PartiQL alike."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb import capacity, errors, legacy, storage, values
from cloudjar.services.dynamodb.expressions.evaluate import matches
from cloudjar.services.dynamodb.expressions.modify import modified
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.expressions.tree import Path, Update
from cloudjar.services.dynamodb.schema import EMPTY_NAMES, Table, check_index_keys, find_table
from cloudjar.services.dynamodb.storage import Stored
from cloudjar.services.dynamodb.values import Item
from cloudjar.services.dynamodb.writes import Change, change

_CONDITIONAL = frozenset(
    ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues", "Expected", "ConditionalOperator")
)


class Action:
    """A write, or a check, of the item at a key. Whatever is wrong with the request itself has been found."""

    __slots__ = ("condition", "creates", "ctx", "item", "key", "key_values", "kind", "size", "table", "tells_old", "update")

    def __init__(self, ctx: Context, table: Table, kind: str, key: bytes, key_values: Item) -> None:
        self.ctx = ctx
        """The context of the table's account."""
        self.table = table
        self.kind = kind
        """ "put", "delete", "update" or "check"."""
        self.key = key
        self.key_values = key_values
        self.condition: Any = None
        self.tells_old = False
        """Whether a failed condition gives the item."""
        self.item: Item = {}
        self.size = 0
        self.update: Update | None = None
        self.creates = True
        """Whether an update makes the item that is not there."""


class Outcome:
    """What a write did."""

    __slots__ = ("change", "new", "old")

    def __init__(self, old: Stored | None, new: Item | None, cost: Change) -> None:
        self.old = old
        self.new = new
        self.change = cost


def _condition(req: dict[str, Any], expressions: Expressions) -> Any:
    found = expressions.condition("ConditionExpression")
    return found if found is not None else legacy.expected(req)


def _tells_old(req: dict[str, Any]) -> bool:
    return req.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"


def put(ctx: Context, req: dict[str, Any]) -> Action:
    """A PutItem, or a transaction's Put."""
    condition = None
    if not _CONDITIONAL.isdisjoint(req):
        expressions = Expressions(req, ("ConditionExpression",))
        condition = _condition(req, expressions)
        expressions.finish()
    item = req["Item"]
    size = values.settle_item(item)
    there, table = find_table(ctx, req["TableName"])
    action = Action(there, table, "put", table.checked_item_key(item), item)
    if size > values.LARGEST_ITEM:
        raise errors.item_too_large()
    action.condition, action.tells_old = condition, _tells_old(req)
    action.item, action.size = item, size
    return action


def delete(ctx: Context, req: dict[str, Any], kind: str = "delete") -> Action:
    """A DeleteItem, or a transaction's Delete; with kind "check", a ConditionCheck."""
    expressions = Expressions(req, ("ConditionExpression",))
    condition = _condition(req, expressions)
    expressions.finish()
    values.settle_item(req["Key"])
    there, table = find_table(ctx, req["TableName"])
    action = Action(there, table, kind, table.checked_key(req["Key"]), req["Key"])
    action.condition, action.tells_old = condition, _tells_old(req)
    return action


def update(ctx: Context, req: dict[str, Any]) -> Action:
    """An UpdateItem, or a transaction's Update."""
    expressions = Expressions(req, ("UpdateExpression", "ConditionExpression"))
    wanted = expressions.update()
    if wanted is None:
        wanted = legacy.attribute_updates(req)
    condition = _condition(req, expressions)
    expressions.finish()
    values.settle_item(req["Key"])
    there, table = find_table(ctx, req["TableName"])
    action = Action(there, table, "update", table.checked_key(req["Key"]), req["Key"])
    action.condition, action.tells_old = condition, _tells_old(req)
    action.update = wanted
    # The older AttributeUpdates with nothing but DELETE makes no item; an expression with nothing but REMOVE does.
    action.creates = wanted is None or "AttributeUpdates" not in req or bool(wanted.sets or wanted.adds)
    check_update(action)
    return action


def check_update(action: Action) -> None:
    """An update must leave the key alone."""
    if action.update is not None:
        for path in action.update.paths():
            if path.steps[0] in action.table.key_names:
                raise errors.key_updated(str(path.steps[0]))


def run(action: Action) -> Outcome:
    """Does the write, if its condition holds. Raises ConditionalCheckFailedException, ValidationException."""
    ctx, table = action.ctx, action.table
    old = storage.read(ctx, table.number, action.key)
    if action.condition is not None and not matches(action.condition, old.attributes if old else {}):
        raise errors.condition_failed(old.attributes if old and action.tells_old else None)
    if action.kind == "check":
        return Outcome(old, old.attributes if old else None, Change(old.size if old else 0))
    if action.kind == "delete":
        return _written(action, old, None, 0)
    if action.kind == "put":
        return _written(action, old, action.item, action.size)
    if old is None and not action.creates:
        return Outcome(None, None, Change(0))
    wanted = action.update
    before = old.attributes if old else action.key_values
    if wanted is None:
        new = before
    else:
        new = modified(wanted, before)
        _check_updated(table, wanted.paths(), new)
    size = values.item_size(new)
    if size > values.LARGEST_ITEM:
        raise errors.updated_item_too_large()
    return _written(action, old, new, size)


def _written(action: Action, old: Stored | None, new: Item | None, size: int) -> Outcome:
    cost = change(action.ctx, action.table, action.key, old, new, size)
    capacity.count_write(action.ctx, action.table, cost)
    return Outcome(old, new, cost)


def _check_updated(table: Table, changed: list[Path], new: Item) -> None:
    for path in changed:
        value = new.get(str(path.steps[0]))
        if value is not None and values.depth(value) > values.DEEPEST:
            raise errors.too_deep()
    names = {path.steps[0] for path in changed}
    for index in table.indexes:
        for name in names.intersection(index.key_names):
            value = new.get(str(name))
            for type_, what in EMPTY_NAMES.items():
                if value is not None and type_ in value and not value[type_] and table.types[str(name)] == type_:
                    raise errors.empty_updated_index_key(what)
            check_index_keys(table, index, new)
