"""Whatever a client sends: an answer or a client error, never a server's."""

from __future__ import annotations

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

SCALARS = st.one_of(
    st.builds(lambda text: {"S": text}, st.sampled_from(["", "a", "b", "é\x00"])),
    st.builds(lambda text: {"N": text}, st.sampled_from(["1", "-1.50", "1e125", "9e999", "x", "", "0", "1e-129", "NaN", "1_0"])),
    st.just({"B": b"\xff"}),
    st.just({"BOOL": True}),
    st.just({"NULL": True}),
    st.just({"NULL": False}),
    st.just({"SS": ["a", "a"]}),
    st.just({"NS": ["1"]}),
    st.just({"BS": []}),
    st.just({}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=3)),
        st.builds(lambda items: {"M": items}, st.dictionaries(st.sampled_from(["x", "", "y"]), inner, max_size=2)),
    ),
    max_leaves=4,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["id", "n", "kind", "age", "v", ""]), VALUES, max_size=5)
WORDS = st.sampled_from(
    [
        "id",
        "n",
        "#n",
        "v",
        ":v",
        ":w",
        "=",
        "<",
        "AND",
        "OR",
        "(",
        ")",
        ",",
        "BETWEEN",
        "size(v)",
        "begins_with(v, :v)",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "v[0]",
        "v.x",
        "+",
        "id = :v",
        "kind = :v",
        "age > :w",
        "attribute_exists(n)",
        "IN (:v)",
        "list_append(v, :v)",
        "NOT",
    ]
)
TEXTS = st.lists(WORDS, min_size=0, max_size=6).map(" ".join)
NUMBERS = st.sampled_from([0, 1, 2, 5, -1, 1_000_001])
COMPARISONS = st.fixed_dictionaries(
    {"ComparisonOperator": st.sampled_from(["EQ", "NE", "LT", "BETWEEN", "IN", "NULL", "CONTAINS", "BEGINS_WITH", "NOT_CONTAINS"])},
    optional={"AttributeValueList": st.lists(VALUES, max_size=2)},
)
CONDITIONS = st.dictionaries(st.sampled_from(["id", "n", "v"]), COMPARISONS, max_size=2)
MEMBERS = {
    "Item": ATTRIBUTES,
    "Key": ATTRIBUTES,
    "ExclusiveStartKey": ATTRIBUTES,
    "ConditionExpression": TEXTS,
    "UpdateExpression": TEXTS,
    "FilterExpression": TEXTS,
    "KeyConditionExpression": TEXTS,
    "ProjectionExpression": TEXTS,
    "ExpressionAttributeNames": st.dictionaries(st.sampled_from(["#n", "n"]), st.sampled_from(["n", "v", ""]), max_size=2),
    "ExpressionAttributeValues": st.dictionaries(st.sampled_from([":v", ":w", "v"]), VALUES, max_size=2),
    "IndexName": st.sampled_from(["by-kind", "by-age", "none"]),
    "Limit": NUMBERS,
    "Segment": NUMBERS,
    "TotalSegments": NUMBERS,
    "Select": st.sampled_from(["COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"]),
    "ConsistentRead": st.booleans(),
    "ScanIndexForward": st.booleans(),
    "AttributesToGet": st.lists(st.sampled_from(["id", "v", ""]), max_size=2),
    "Expected": st.dictionaries(
        st.sampled_from(["id", "v"]), st.one_of(COMPARISONS, st.just({"Exists": False}), st.builds(dict, Value=VALUES))
    ),
    "AttributeUpdates": st.dictionaries(
        st.sampled_from(["id", "v"]),
        st.fixed_dictionaries({}, optional={"Value": VALUES, "Action": st.sampled_from(["PUT", "ADD", "DELETE"])}),
    ),
    "KeyConditions": CONDITIONS,
    "ScanFilter": CONDITIONS,
    "QueryFilter": CONDITIONS,
    "ReturnValues": st.sampled_from(["ALL_OLD", "ALL_NEW", "UPDATED_NEW", "UPDATED_OLD", "NONE"]),
    "ReturnConsumedCapacity": st.sampled_from(["INDEXES", "TOTAL"]),
    "ReturnItemCollectionMetrics": st.just("SIZE"),
}
CALLS = {
    "put_item": ("Item", ["ConditionExpression", "Expected", "ReturnValues"]),
    "get_item": ("Key", ["ProjectionExpression", "AttributesToGet", "ConsistentRead"]),
    "delete_item": ("Key", ["ConditionExpression", "Expected", "ReturnValues"]),
    "update_item": ("Key", ["UpdateExpression", "ConditionExpression", "AttributeUpdates", "Expected", "ReturnValues"]),
    "query": (
        "KeyConditionExpression",
        ["FilterExpression", "IndexName", "Limit", "Select", "ExclusiveStartKey", "KeyConditions", "QueryFilter", "ScanIndexForward"],
    ),
    "scan": (
        "Select",
        ["FilterExpression", "IndexName", "Limit", "ExclusiveStartKey", "Segment", "TotalSegments", "ScanFilter", "AttributesToGet"],
    ),
}

WRITES = frozenset(("put_item", "update_item", "delete_item"))


@pytest.fixture
def careless(world, table):
    """A client that sends what it is told to."""
    return world.client("dynamodb", config=Config(parameter_validation=False))


def everything(client):
    """All items, by their keys."""
    return {(item["id"]["S"], item["n"]["N"]): item for item in client.scan(TableName="things")["Items"]}


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_no_item_operation_fails_as_a_server_and_what_fails_changes_nothing(careless, data):
    name = data.draw(st.sampled_from(sorted(CALLS)))
    first, others = CALLS[name]
    more = ["ExpressionAttributeNames", "ReturnConsumedCapacity"]
    if name != "get_item":
        more.append("ExpressionAttributeValues")
    chosen = data.draw(st.sets(st.sampled_from([*others, *more]), max_size=5))
    params = {member: data.draw(MEMBERS[member]) for member in [first, *sorted(chosen)]}
    before = everything(careless) if name in WRITES else None
    try:
        getattr(careless, name)(TableName="things", **params)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response
        assert before is None or everything(careless) == before


PIECES = st.sampled_from(
    """SELECT * id, n v FROM things "things" .\"by-kind\" ."by-age" WHERE id = 'a' AND OR NOT n = 1 ( ) [ ] { } , ? ? v v[0] v.x : 'x'
    INSERT INTO VALUE {'id': 'b', 'n': 2} UPDATE SET REMOVE v = 1 + - DELETE RETURNING ALL OLD * MODIFIED NEW IS MISSING NULL IN BETWEEN
    size(v) begins_with(v, 'a')
    contains(v, 1) list_append(v, [1]) <<1>> <<'a'>> ORDER BY DESC < <> >= 1e400 -1 true EXISTS(SELECT * )""".split()  # noqa: SIM905
)
STATEMENTS = st.one_of(
    st.lists(PIECES, max_size=12).map(" ".join),
    st.builds(
        lambda start, pieces: " ".join([start, *pieces]),
        st.sampled_from(
            [
                "SELECT * FROM things WHERE",
                "UPDATE things SET v =",
                "UPDATE things REMOVE v[0] WHERE id = 'a' AND n = 1 AND",
                "INSERT INTO things VALUE {'id': 'a', 'n': 1, 'v':",
                "DELETE FROM things WHERE id = 'a' AND n = 1 AND",
                "SELECT v FROM things.\"by-kind\" WHERE kind = 'k' AND",
            ]
        ),
        st.lists(PIECES, max_size=6),
    ),
)


@settings(max_examples=250, deadline=None)
@given(STATEMENTS, st.lists(VALUES, max_size=2))
def test_no_statement_fails_as_a_server_and_what_fails_changes_nothing(careless, statement, parameters):
    careless.put_item(TableName="things", Item={"id": {"S": "a"}, "n": {"N": "1"}, "kind": {"S": "k"}, "v": {"L": [{"N": "1"}]}})
    before = everything(careless)
    try:
        careless.execute_statement(Statement=statement, **({"Parameters": parameters} if parameters else {}))
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response
        assert everything(careless) == before


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from(["k", "l", None]), st.booleans()), max_size=25))
def test_an_index_always_holds_what_its_table_does(careless, writes):
    for partition, number, kind, keep in writes:
        key = {"id": {"S": partition}, "n": {"N": str(number)}}
        if keep:
            attributes = {"kind": {"S": kind}, "age": {"N": str(number)}} if kind else {}
            careless.put_item(TableName="things", Item={**key, **attributes})
        else:
            careless.delete_item(TableName="things", Key=key)
    whole = careless.scan(TableName="things")["Items"]
    by_key = lambda item: (item["id"]["S"], item["n"]["N"])  # noqa: E731
    indexed = careless.scan(TableName="things", IndexName="by-kind")["Items"]
    assert sorted(indexed, key=by_key) == sorted([item for item in whole if "kind" in item], key=by_key)
    described = careless.describe_table(TableName="things")["Table"]
    assert described["ItemCount"] == len(whole)
    assert described["GlobalSecondaryIndexes"][0]["ItemCount"] == len(indexed)
