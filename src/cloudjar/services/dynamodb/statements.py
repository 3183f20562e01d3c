"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import actions, capacity, errors, key_conditions, storage, transactions, values
from cloudjar.services.dynamodb.actions import Action
from cloudjar.services.dynamodb.capacity import Consumed
from cloudjar.services.dynamodb.expressions.evaluate import look, matches
from cloudjar.services.dynamodb.expressions.tree import And, Between, Call, Compare, Constant, In, Path
from cloudjar.services.dynamodb.items import returned_attributes
from cloudjar.services.dynamodb.partiql.parser import parse
from cloudjar.services.dynamodb.partiql.tree import Exists, Insert, Modify, Remove, Select, Statement
from cloudjar.services.dynamodb.reading import Reading
from cloudjar.services.dynamodb.schema import Table, find_table, on_table
from cloudjar.services.dynamodb.values import Item

MOST_STATEMENTS = 25
BATCH_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ResourceNotFoundException": "ResourceNotFound",
    "ValidationException": "ValidationError",
}
_ACTIONS: dict[type, str] = {Insert: "PartiQLInsert", Modify: "PartiQLUpdate", Remove: "PartiQLDelete"}


def _asked(ctx: Context, statements: list[dict[str, Any]]) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = {}
    for given in statements:
        try:
            statement = parse(given["Statement"], given.get("Parameters"))
        except AwsError:
            continue  # it is refused later, alone or with the others
        if isinstance(statement, Exists):
            statement = statement.select
        index = statement.index if isinstance(statement, Select) else ""
        arns = asked.setdefault(f"dynamodb:{_ACTIONS.get(type(statement), 'PartiQLSelect')}", [])
        arn = on_table(ctx, {"TableName": statement.table, "IndexName": index})
        if arn not in arns:
            arns.append(arn)
    return asked


def on_statement(ctx: Context, req: dict[str, Any]) -> dict[str, list[str]]:
    """What IAM is asked about: an action for each kind of statement."""
    return _asked(ctx, [req])


def on_statements(ctx: Context, req: dict[str, Any]) -> dict[str, list[str]]:
    """The same for several statements."""
    return _asked(ctx, req.get("Statements") or req["TransactStatements"])


@operation(on=on_statement)
def execute_statement(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    statement = parse(req["Statement"], req.get("Parameters"))
    if isinstance(statement, Exists):
        raise errors.invalid("EXISTS is only supported in ExecuteTransaction")
    if isinstance(statement, Select):
        return _select(ctx, statement, req)
    action = _action(ctx, statement, req)
    item, consumed = _done(action, statement)
    answer: dict[str, Any] = {"Items": [item] if item is not None else []}
    if detail := capacity.wanted(req):
        answer["ConsumedCapacity"] = consumed.to_wire(detail)
    return answer


def _done(action: Action, statement: Statement) -> tuple[Item | None, Consumed]:
    """Does a write; gives what it returns."""
    try:
        outcome = actions.run(action)
    except AwsError as problem:
        if isinstance(statement, Insert) and problem.code == "ConditionalCheckFailedException":
            raise errors.duplicate_item() from None
        raise
    consumed = Consumed(action.table)
    consumed.write(outcome.change)
    returning = getattr(statement, "returning", "NONE")
    return returned_attributes(returning, action, outcome), consumed


# Reading


def _terms(where: Any) -> list[Any]:
    if where is None:
        return []
    return [inner for term in where.terms for inner in _terms(term)] if isinstance(where, And) else [where]


def _key_term(term: Any) -> str | None:
    """The attribute that a term could be a key condition for."""
    if isinstance(term, Compare) and term.operator != "<>":
        sides = (term.left, term.right)
        path = next((side for side in sides if isinstance(side, Path)), None)
        fits = path is not None and any(isinstance(side, Constant) for side in sides)
    elif isinstance(term, Between):
        path, fits = term.operand, isinstance(term.low, Constant) and isinstance(term.high, Constant)
    elif isinstance(term, Call) and term.function == "begins_with":
        path, fits = term.arguments[0], isinstance(term.arguments[1], Constant)
    else:
        return None
    return str(path.steps[0]) if fits and isinstance(path, Path) and len(path.steps) == 1 else None


def _range(table: Table, reading: Reading, where: Any) -> tuple[bytes, bytes] | None:
    """The range of keys that the condition narrows a read to; None for all."""
    index = reading.index
    hashes = index.hashes if index else [table.hash]
    ranges = index.ranges if index else [table.range] if table.range else []
    by_name: dict[str, Any] = {}
    for term in _terms(where):
        name = _key_term(term)
        if name is not None and name not in by_name:
            by_name[name] = term
    conditions = {}
    for name in hashes:
        found = key_conditions.from_expression(by_name[name]) if name in by_name else {}
        if name not in found or found[name][0] != "=":
            return None
        conditions.update(found)
    for name in ranges:
        if name not in by_name:
            break
        found = key_conditions.from_expression(by_name[name])
        conditions.update(found)
        if found[name][0] != "=":
            break
    return key_conditions.bounds(table, index, conditions)


def _select(ctx: Context, statement: Select, req: dict[str, Any]) -> dict[str, Any]:
    there, table = find_table(ctx, statement.table)
    options: dict[str, Any] = {name: req[name] for name in ("Limit", "ConsistentRead", "ReturnConsumedCapacity") if name in req}
    if statement.index:
        options["IndexName"] = statement.index
    if statement.index and all(index.name != statement.index for index in table.indexes):
        raise errors.no_such_index()
    if req.get("ConsistentRead") and any(index.name == statement.index and not index.local for index in table.indexes):
        raise errors.invalid("Strongly consistent read is not supported on Global Secondary Indexes")
    reading = Reading(there, table, options, statement.paths, statement.where)
    reading.give = partial(_flat, paths=statement.paths)
    if any(name in (reading.index or table).hashes for name in map(_keyed, _terms(statement.where))):
        reading.check_filter()
    narrowed = _range(table, reading, statement.where)
    backwards = False
    if statement.order_by:
        if narrowed is None:
            raise errors.invalid("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
        own = reading.index.key_names if reading.index else table.key_names
        name, backwards = statement.order_by[-1]
        if any(name not in own for name, _ in statement.order_by):
            raise errors.invalid(f"Variable reference {name} in ORDER BY clause must be part of the primary key")
    start, stop = narrowed or (b"", b"")
    if req.get("NextToken"):
        position = _position(req["NextToken"])
        start, stop = (start, position) if backwards else (max(start, position + b"\0"), stop)
    seen: list[bytes] = []
    answer = reading.page(_tracked(storage.walk(there, reading.space, start, stop, reverse=backwards), seen))
    answer.pop("Count")
    scanned = answer.pop("ScannedCount")
    if "LastEvaluatedKey" in answer:
        answer["NextToken"] = base64.b64encode(seen[scanned - 1]).decode()
    return answer


def _keyed(term: Any) -> str | None:
    """The attribute that a term equals to a value, or to one of several."""
    if isinstance(term, In):
        return str(term.operand.steps[0]) if isinstance(term.operand, Path) and len(term.operand.steps) == 1 else None
    return _key_term(term) if isinstance(term, Compare) and term.operator == "=" else None


def _flat(item: Item, paths: tuple[Path, ...] | None) -> Item:
    """What a SELECT gives of an item: what a path leads to stands under the path's last name, not in maps as a projection has it."""
    if paths is None:
        return item
    found: Item = {}
    for path in paths:
        value = look(path, item)
        if value is not None:
            last = max(number for number, step in enumerate(path.steps) if isinstance(step, str))
            found[str(path.steps[last]) + "".join(f"[{step}]" for step in path.steps[last + 1 :])] = value
    return found


def _tracked(rows: Any, seen: list[bytes]) -> Any:
    """The rows, with their keys noted."""
    for key, raw in rows:
        seen.append(key)
        yield key, raw


def _position(token: str) -> bytes:
    try:
        return base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise errors.invalid("NextToken is not valid") from None


# Writing


def _key_and_rest(table: Table, where: Any) -> tuple[Item, Any]:
    """The whole primary key that a condition names, and what else it says."""
    key: Item = {}
    rest: list[Any] = []
    for term in _terms(where):
        name = _key_term(term) if isinstance(term, Compare) and term.operator == "=" else None
        if name in table.key_names and name not in key:
            constant = term.left if isinstance(term.left, Constant) else term.right
            key[str(name)] = constant.value
        else:
            rest.append(term)
    if len(key) != len(table.key_names):
        raise errors.invalid("Where clause does not contain a mandatory equality on all key attributes")
    return key, None if not rest else rest[0] if len(rest) == 1 else And(tuple(rest))


def _action(ctx: Context, statement: Insert | Modify | Remove, req: dict[str, Any]) -> Action:
    there, table = find_table(ctx, statement.table)
    if isinstance(statement, Insert):
        size = values.settle_item(statement.item)
        action = Action(there, table, "put", table.checked_item_key(statement.item), statement.item)
        if size > values.LARGEST_ITEM:
            raise errors.item_too_large()
        action.item, action.size = statement.item, size
        action.condition = Call("attribute_not_exists", (Path((table.hash,)),))
        return action
    key, condition = _key_and_rest(table, statement.where)
    values.settle_item(key)
    kind = "update" if isinstance(statement, Modify) else "delete"
    action = Action(there, table, kind, table.checked_key(key), key)
    action.tells_old = req.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    action.condition = condition
    if isinstance(statement, Modify):
        # PartiQL's UPDATE changes what is there; it makes nothing.
        there_is = Call("attribute_exists", (Path((table.hash,)),))
        action.condition = there_is if condition is None else And((there_is, condition))
        action.update = statement.update
        actions.check_update(action)
    elif statement.returning not in ("NONE", "ALL_OLD"):
        raise errors.delete_returns_old(statement.returning)
    return action


def _get(ctx: Context, statement: Select) -> tuple[Table, Item | None, int, bytes]:
    """The one item that a SELECT with a whole primary key names."""
    there, table = find_table(ctx, statement.table)
    if statement.index:
        raise errors.select_without_key()
    try:
        key, rest = _key_and_rest(table, statement.where)
    except AwsError:
        raise errors.select_without_key() from None
    values.settle_item(key)
    place = table.checked_key(key)
    found = storage.read(there, table.number, place)
    capacity.count_read(there, table, found.size if found else 0, consistent=False)
    if found is None or (rest is not None and not matches(rest, found.attributes)):
        return table, None, found.size if found else 0, place
    return table, _flat(found.attributes, statement.paths), found.size, place


@operation(on=on_statements)
def batch_execute_statement(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    given = req["Statements"]
    if len(given) > MOST_STATEMENTS:
        raise errors.invalid(f"Member must have length less than or equal to {MOST_STATEMENTS}")
    parsed = [_parsed(each) for each in given]
    if len({isinstance(statement, Select) for statement in parsed if not isinstance(statement, AwsError)}) > 1:
        raise errors.invalid("The batch must consist of either all read operations or all write operations")
    responses: list[dict[str, Any]] = []
    usages: dict[str, Consumed] = {}
    for each, statement in zip(given, parsed, strict=True):
        try:
            if isinstance(statement, AwsError):
                raise statement
            responses.append(_one_of_batch(ctx, statement, each, usages))
        except AwsError as problem:
            code = BATCH_CODES.get(problem.code)
            if code is None:
                raise
            response: dict[str, Any] = {"Error": {"Code": code, "Message": problem.message, **problem.members}}
            if code in ("ConditionalCheckFailed", "DuplicateItem") and isinstance(statement, Insert | Modify | Remove):
                response["TableName"] = statement.table
            responses.append(response)
    answer: dict[str, Any] = {"Responses": responses}
    if detail := capacity.wanted(req):
        answer["ConsumedCapacity"] = [consumed.to_wire(detail) for consumed in usages.values()]
    return answer


def _parsed(given: dict[str, Any]) -> Statement | AwsError:
    """A batch's statement, or why it is none: that is one statement's failure."""
    try:
        return parse(given["Statement"], given.get("Parameters"))
    except AwsError as problem:
        return problem


def _one_of_batch(ctx: Context, statement: Statement, given: dict[str, Any], usages: dict[str, Consumed]) -> dict[str, Any]:
    if isinstance(statement, Exists):
        raise errors.invalid("EXISTS is only supported in ExecuteTransaction")
    if isinstance(statement, Select):
        table, item, size, _ = _get(ctx, statement)
        usages.setdefault(table.name, Consumed(table)).read(size, consistent=bool(given.get("ConsistentRead")))
    else:
        action = _action(ctx, statement, given)
        table = action.table
        item, consumed = _done(action, statement)
        usages.setdefault(table.name, Consumed(table)).add(consumed)
    response: dict[str, Any] = {"TableName": table.name}
    if item is not None:
        response["Item"] = item
    return response


@operation(on=on_statements)
def execute_transaction(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    given = req["TransactStatements"]
    parsed = [parse(each["Statement"], each.get("Parameters")) for each in given]
    reads = [isinstance(statement, Select) for statement in parsed]
    if any(reads) and not all(reads):
        raise errors.invalid("The transaction must consist of either all read operations or all write operations")
    for number, statement in enumerate(parsed):
        if getattr(statement, "returning", "NONE") != "NONE":
            raise errors.in_transaction(number, "RETURNING clause is not supported in ExecuteTransaction.")
        if statement.index if isinstance(statement, Select) else statement.select.index if isinstance(statement, Exists) else "":
            raise errors.in_transaction(number, "Reads on indices are not supported within transactions.")
    detail = capacity.wanted(req)
    usages: dict[str, Consumed] = {}
    if all(reads):
        responses: list[dict[str, Any]] = []
        places: set[tuple[int, bytes]] = set()
        for statement in parsed:
            assert isinstance(statement, Select)
            table, item, size, place = _get(ctx, statement)
            if (table.number, place) in places:
                raise errors.repeated_in_transaction()
            places.add((table.number, place))
            usages.setdefault(table.name, Consumed(table)).read(size, consistent=True, times=2)
            responses.append({} if item is None else {"Item": item})
    else:
        prepared = [transactions.attempted(_prepared, ctx, statement, each) for statement, each in zip(parsed, given, strict=True)]
        token = req.get("ClientRequestToken")
        if token and transactions.replayed(ctx, token, given):
            usages = transactions.replay(prepared)
        else:
            usages = _run_all(prepared, parsed)
        responses = [{} for _ in parsed]
    answer: dict[str, Any] = {"Responses": responses}
    if detail:
        answer["ConsumedCapacity"] = [consumed.to_wire(detail, split=True) for consumed in usages.values()]
    return answer


def _prepared(ctx: Context, statement: Statement, given: dict[str, Any]) -> Action:
    if isinstance(statement, Exists):
        there, table = find_table(ctx, statement.select.table)
        key, rest = _key_and_rest(table, statement.select.where)
        values.settle_item(key)
        action = Action(there, table, "check", table.checked_key(key), key)
        there_is = Call("attribute_exists", (Path((table.hash,)),))
        action.condition = there_is if rest is None else And((there_is, rest))
        action.tells_old = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return action
    assert not isinstance(statement, Select)
    return _action(ctx, statement, given)


def _run_all(prepared: list[Action | AwsError], parsed: list[Statement]) -> dict[str, Consumed]:
    try:
        return transactions.run_all(prepared)
    except AwsError as problem:
        for reason, statement in zip(problem.members.get("CancellationReasons", ()), parsed, strict=False):
            if isinstance(statement, Insert) and reason["Code"] == "ConditionalCheckFailed":
                reason.update(Code="DuplicateItem", Message=errors.duplicate_item().message)
        if "CancellationReasons" in problem.members:
            raise errors.transaction_cancelled(problem.members["CancellationReasons"]) from None
        raise
