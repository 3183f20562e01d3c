"""TransactGetItems and TransactWriteItems: all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record
from cloudjar.services.dynamodb import actions, capacity, errors, storage, values
from cloudjar.services.dynamodb.actions import Action
from cloudjar.services.dynamodb.capacity import Consumed
from cloudjar.services.dynamodb.expressions.project import project, wanted
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.schema import Table, find_table, on_table

LARGEST = 4 << 20
REMEMBERED = timedelta(minutes=10)
"""How long a client token makes a call idempotent."""

CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "ValidationException": "ValidationError",
    "DuplicateItemException": "DuplicateItem",
}


@record("dynamodb.transaction", key="token")
class Transaction(Record):
    """A transaction that was done under a client token."""

    token: str
    digest: bytes
    made: datetime


def on_items(ctx: Context, req: dict[str, Any]) -> dict[str, list[str]]:
    """What IAM is asked about: an action of its own for each member."""
    names = {"Get": "GetItem", "Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}
    asked: dict[str, list[str]] = {}
    for member in req["TransactItems"]:
        for kind, wish in member.items():
            arns = asked.setdefault(f"dynamodb:{names[kind]}", [])
            arn = on_table(ctx, wish)
            if arn not in arns:
                arns.append(arn)
    return asked


@operation(on=on_items)
def transact_get_items(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    responses: list[dict[str, Any]] = []
    usages: dict[str, Consumed] = {}
    reasons: list[dict[str, Any]] = []
    seen: set[tuple[int, bytes]] = set()
    total = 0
    for member in req["TransactItems"]:
        wish = member["Get"]
        expressions = Expressions(wish, ("ProjectionExpression",))
        paths = expressions.projection()
        expressions.finish()
        values.settle_item(wish["Key"])
        there, table = find_table(ctx, wish["TableName"])
        check_transacted(table)
        try:
            key = table.checked_key(wish["Key"])
        except errors.KeyProblem as problem:
            reasons.append(reason_of(problem))
            continue
        reasons.append({"Code": "None"})
        if (table.number, key) in seen:
            raise errors.repeated_in_transaction()
        seen.add((table.number, key))
        found = storage.read(there, table.number, key)
        responses.append({} if found is None else {"Item": project(found.attributes, wanted(paths)) if paths else found.attributes})
        size = found.size if found else 0
        total += size
        usages.setdefault(table.name, Consumed(table)).read(size, consistent=True, times=2)
        capacity.count_read(there, table, size, consistent=True, times=2)
    if len(responses) != len(reasons):
        raise errors.transaction_cancelled(reasons)
    if total > LARGEST:
        raise errors.invalid("Transaction's aggregated item size exceeds the maximum allowed size of 4 MB")
    answer: dict[str, Any] = {"Responses": responses}
    if detail := capacity.wanted(req):
        answer["ConsumedCapacity"] = [consumed.to_wire(detail, split=True) for consumed in usages.values()]
    return answer


@operation(on=on_items)
def transact_write_items(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    # A replay has consumed reads: of what was written, as it is now.
    prepared = [attempted(_prepared, ctx, member) for member in req["TransactItems"]]
    token = req.get("ClientRequestToken")
    if token and replayed(ctx, token, req["TransactItems"]):
        return _answer(req, prepared, replay(prepared))
    return _answer(req, prepared, run_all(prepared))


def attempted(prepare: Callable[..., Action], *args: Any) -> Action | AwsError:
    """What a member of a transaction is about, or what is wrong with its key, which cancels the transaction."""
    try:
        return prepare(*args)
    except errors.KeyProblem as problem:
        return problem


def check_transacted(table: Table) -> None:
    """Whether a table can be part of transactions at all."""
    if table.strong:
        raise errors.invalid("Transaction operations are not supported on global tables with multi-Region strong consistency")


def replay(prepared: list[Action | AwsError]) -> dict[str, Consumed]:
    """What a call consumes that was done before under its client token: reads of the items."""
    usages: dict[str, Consumed] = {}
    for action in prepared:
        if isinstance(action, Action):
            found = storage.read(action.ctx, action.table.number, action.key)
            size = found.size if found else 0
            usages.setdefault(action.table.name, Consumed(action.table)).read(size, consistent=True, times=2)
    return usages


def _prepared(ctx: Context, member: dict[str, Any]) -> Action:
    if len(member) != 1:
        raise errors.invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    ((kind, wish),) = member.items()
    if kind == "Put":
        return actions.put(ctx, wish)
    if kind == "Update":
        return actions.update(ctx, wish)
    return actions.delete(ctx, wish, "check" if kind == "ConditionCheck" else "delete")


def run_all(prepared: list[Action | AwsError]) -> dict[str, Consumed]:
    """Does all writes, or none: then raises TransactionCanceledException, with a reason for each."""
    for action in prepared:
        if isinstance(action, Action):
            check_transacted(action.table)
    places = [(action.table.number, action.key) for action in prepared if isinstance(action, Action)]
    if len(set(places)) != len(places):
        raise errors.repeated_in_transaction()
    usages: dict[str, Consumed] = {}
    reasons: list[dict[str, Any]] = []
    for action in prepared:
        if isinstance(action, AwsError):
            reasons.append(reason_of(action))
            continue
        try:
            outcome = actions.run(action)
        except errors.EmptyKey:
            raise
        except AwsError as problem:
            if problem.code not in CODES:
                raise
            reasons.append(reason_of(problem))
            continue
        reasons.append({"Code": "None"})
        usages.setdefault(action.table.name, Consumed(action.table)).write(outcome.change, times=2)
        # A write in a transaction costs twice.
        capacity.count_write(action.ctx, action.table, outcome.change)
    if any(reason["Code"] != "None" for reason in reasons):
        raise errors.transaction_cancelled(reasons)
    if sum(action.size for action in prepared if isinstance(action, Action)) > LARGEST:
        raise errors.invalid("Transaction's aggregated item size exceeds the maximum allowed size of 4 MB")
    return usages


def reason_of(problem: AwsError) -> dict[str, Any]:
    """A CancellationReason."""
    return {"Code": CODES[problem.code], "Message": problem.message, **problem.members}


def _answer(req: dict[str, Any], prepared: list[Action | AwsError], usages: dict[str, Consumed]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if detail := capacity.wanted(req):
        answer["ConsumedCapacity"] = [consumed.to_wire(detail, split=True) for consumed in usages.values()]
    if req.get("ReturnItemCollectionMetrics") == "SIZE":
        collections: dict[str, list[Any]] = {}
        for action in prepared:
            metrics = capacity.item_collection(action.ctx, action.table, action.key_values) if isinstance(action, Action) else None
            if metrics and isinstance(action, Action):
                collections.setdefault(action.table.name, []).append(metrics)
        if collections:
            answer["ItemCollectionMetrics"] = collections
    return answer


def replayed(ctx: Context, token: str, wishes: list[Any]) -> bool:
    """Whether the call with this token was done already; notes it if not. Raises IdempotentParameterMismatchException."""
    digest = hashlib.sha256(msgspec.msgpack.encode(wishes)).digest()
    known = ctx.get(Transaction, token)
    if known is not None and known.made > ctx.now - REMEMBERED:
        if known.digest != digest:
            raise errors.idempotency_mismatch()
        return True
    ctx.put(Transaction(token, digest, ctx.now))
    ctx.after(forget_token, token, seconds=REMEMBERED.total_seconds(), housekeeping=True)
    return False


@timer
def forget_token(ctx: Context, token: str) -> None:
    """A client token may be used anew."""
    known = ctx.get(Transaction, token)
    if known is not None and known.made <= ctx.now - REMEMBERED:
        ctx.delete(known)
