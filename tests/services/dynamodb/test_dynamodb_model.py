"""Items against a plain model: dicts of Python values, changed by the obvious code."""

from __future__ import annotations

import copy
from decimal import Context, Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXACT = Context(prec=38)
# boto3 reads no number that is spelled with more than 38 digits, as 1E+40 is.
NUMBERS = st.one_of(
    st.integers(-5, 5).map(Decimal),
    st.integers(-(10**38) + 1, 10**38 - 1).map(Decimal),
    st.builds(lambda digits, exponent: EXACT.create_decimal(f"{digits}E{exponent}"), st.integers(-(10**10), 10**10), st.integers(-100, 20)),
)
SMALL = st.integers(-100, 100).map(Decimal)
SETS = st.sets(st.sampled_from(["a", "b", "c"]), min_size=1)
VALUES = st.one_of(SMALL, st.sampled_from(["", "x", "xy"]), SETS, st.lists(SMALL, max_size=2), st.booleans(), st.none())
PLACES = st.tuples(st.sampled_from("ab"), st.one_of(st.sampled_from([Decimal(1), Decimal("-1.5"), Decimal("1E+30")]), NUMBERS))
NAMES = st.sampled_from(["v", "w"])
ITEMS = st.dictionaries(NAMES, VALUES, max_size=2)
CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(["attribute_exists({})", "attribute_not_exists({})"]), NAMES, st.none()),
    st.tuples(st.sampled_from(["{} = :c", "{} <> :c", "NOT {} = :c"]), NAMES, VALUES),
    st.tuples(st.sampled_from(["{} < :c", "{} >= :c"]), NAMES, st.one_of(SMALL, st.just("x"))),
    st.tuples(st.just("size({}) > :c"), NAMES, st.just(Decimal(1))),
)
UPDATES = st.one_of(
    st.tuples(st.sampled_from(["SET {} = :u", "SET {} = if_not_exists({}, :u)"]), NAMES, VALUES),
    st.tuples(st.sampled_from(["SET {} = {} + :u", "SET {} = if_not_exists({}, :u) - :u"]), NAMES, SMALL),
    st.tuples(st.just("SET {} = list_append({}, :u)"), NAMES, st.lists(SMALL, max_size=2)),
    st.tuples(st.sampled_from(["ADD {} :u"]), NAMES, st.one_of(SMALL, SETS)),
    st.tuples(st.just("DELETE {} :u"), NAMES, SETS),
    st.tuples(st.just("REMOVE {}"), NAMES, st.none()),
)
CALLS = st.one_of(
    st.tuples(st.just("put"), PLACES, ITEMS, st.none() | CONDITIONS),
    st.tuples(st.just("update"), PLACES, UPDATES, st.none() | CONDITIONS),
    st.tuples(st.just("delete"), PLACES, st.none(), st.none() | CONDITIONS),
)


def to_wire(value: Any) -> dict[str, Any]:
    return TypeSerializer().serialize(value)


def from_wire(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def holds(condition: tuple[str, str, Any] | None, item: dict[str, Any]) -> bool:
    """The condition, written out."""
    if condition is None:
        return True
    text, name, wanted = condition
    there, held = name in item, item.get(name)
    if text == "attribute_exists({})":
        return there
    if text == "attribute_not_exists({})":
        return not there
    if text == "{} = :c":
        return there and same(held, wanted)
    if text in ("{} <> :c", "NOT {} = :c"):
        return not (there and same(held, wanted))
    if text == "size({}) > :c":
        return isinstance(held, str | set | list) and len(held) > wanted
    if not there or type(held) is not type(wanted):
        return False
    return held < wanted if text == "{} < :c" else held >= wanted


def updated(update: tuple[str, str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """The item after the update; TypeError or KeyError where it cannot be done."""
    text, name, operand = update
    item = copy.deepcopy(item)
    held = item.get(name)
    if text == "SET {} = :u":
        item[name] = operand
    elif text == "SET {} = if_not_exists({}, :u)":
        item.setdefault(name, operand)
    elif text == "SET {} = {} + :u":
        item[name] = number(item[name]) + operand
    elif text == "SET {} = if_not_exists({}, :u) - :u":
        item[name] = number(item.get(name, operand)) - operand
    elif text == "SET {} = list_append({}, :u)":
        if not isinstance(item[name], list):
            raise TypeError
        item[name] = item[name] + operand
    elif text == "REMOVE {}":
        item.pop(name, None)
    elif name not in item:
        if text == "ADD {} :u":
            item[name] = operand
    elif text == "ADD {} :u":
        item[name] = number(held) + operand if isinstance(operand, Decimal) else group(held) | operand
    else:
        item[name] = group(held) - operand
        if not item[name]:
            del item[name]
    return item


def number(value: Any) -> Decimal:
    if not isinstance(value, Decimal):
        raise TypeError
    return value


def group(value: Any) -> set[str]:
    if not isinstance(value, set):
        raise TypeError
    return value


def expected(model: dict[Any, Any], call: tuple[Any, ...]) -> str:
    """Does the call on the model; gives the code of the error that it must meet, "" for none."""
    kind, place, what, condition = call
    item = model.get(place, {})
    if not holds(condition, item):
        return "ConditionalCheckFailedException"
    if kind == "put":
        model[place] = {"id": place[0], "n": place[1], **what}
    elif kind == "delete":
        model.pop(place, None)
    else:
        try:
            model[place] = updated(what, item or {"id": place[0], "n": place[1]})
        except (KeyError, TypeError):
            return "ValidationException"
    return ""


def made(client: Any, table: str, call: tuple[Any, ...]) -> str:
    """Makes the call; gives the code of its error."""
    kind, (partition, sort), what, condition = call
    key = {"id": to_wire(partition), "n": to_wire(sort)}
    params: dict[str, Any] = {"TableName": table}
    values: dict[str, Any] = {}
    if condition is not None:
        params["ConditionExpression"] = condition[0].replace("{}", condition[1])
        if ":c" in condition[0]:
            values[":c"] = to_wire(condition[2])
    if kind == "put":
        params["Item"] = {**key, **{name: to_wire(value) for name, value in what.items()}}
    else:
        params["Key"] = key
    if kind == "update":
        params["UpdateExpression"] = what[0].replace("{}", what[1])
        if ":u" in what[0]:
            values[":u"] = to_wire(what[2])
    if values:
        params["ExpressionAttributeValues"] = values
    try:
        getattr(client, f"{kind}_item")(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.fixture
def emptied(dynamodb: Any, table: str) -> Any:
    """Empties the table, for each example anew."""

    def empty() -> None:
        for item in dynamodb.scan(TableName=table, ProjectionExpression="id, n")["Items"]:
            dynamodb.delete_item(TableName=table, Key=item)

    return empty


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(CALLS, max_size=12), NUMBERS, NUMBERS)
def test_items_and_queries_do_as_the_model_does(
    dynamodb: Any, table: str, emptied: Any, calls: list[Any], one: Decimal, other: Decimal
) -> None:
    emptied()
    model: dict[Any, Any] = {}
    for call in calls:
        assert made(dynamodb, table, call) == expected(model, call), call
    low, high = min(one, other), max(one, other)
    for text, fits, forward in (
        ("n BETWEEN :low AND :high", lambda n: low <= n <= high, True),
        ("n < :low", lambda n: n < low, False),
        ("n >= :low", lambda n: n >= low, True),
        ("n = :low", lambda n: n == low, False),
    ):
        values = {":id": {"S": "a"}, ":low": to_wire(low), **({":high": to_wire(high)} if ":high" in text else {})}
        found = dynamodb.query(
            TableName=table,
            KeyConditionExpression=f"id = :id AND {text}",
            ExpressionAttributeValues=values,
            ScanIndexForward=forward,
        )["Items"]
        wanted = sorted((item for (partition, n), item in model.items() if partition == "a" and fits(n)), key=lambda item: item["n"])
        assert [from_wire(item) for item in found] == (wanted if forward else wanted[::-1])
    assert dynamodb.describe_table(TableName=table)["Table"]["ItemCount"] == len(model)
