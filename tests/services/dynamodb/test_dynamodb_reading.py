"""Query and Scan."""

from __future__ import annotations

import pytest

AGES = {1: "5", 2: "30", 3: None, 4: "5", 5: "-1"}


@pytest.fixture
def filled(dynamodb, table):
    """The table with five items in partition `a`, and one each in `b` and `c`."""
    for number, age in AGES.items():
        item = {"id": {"S": "a"}, "n": {"N": str(number)}, "kind": {"S": "odd" if number % 2 else "even"}, "note": {"S": f"note {number}"}}
        if age is not None:
            item["age"] = {"N": age}
        dynamodb.put_item(TableName=table, Item=item)
    for other in "bc":
        dynamodb.put_item(TableName=table, Item={"id": {"S": other}, "n": {"N": "1"}})
    return table


def numbers(answer):
    return [int(item["n"]["N"]) for item in answer["Items"]]


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        ("id = :id", {}, [1, 2, 3, 4, 5]),
        ("id = :id AND n = :v", {":v": {"N": "3"}}, [3]),
        ("id = :id AND n < :v", {":v": {"N": "3"}}, [1, 2]),
        ("id = :id AND n <= :v", {":v": {"N": "3"}}, [1, 2, 3]),
        ("id = :id AND n > :v", {":v": {"N": "3.5"}}, [4, 5]),
        ("n >= :v AND :id = id", {":v": {"N": "4"}}, [4, 5]),
        ("(id = :id) AND (n BETWEEN :v AND :w)", {":v": {"N": "2"}, ":w": {"N": "4"}}, [2, 3, 4]),
        ("id = :id AND :v > n", {":v": {"N": "2"}}, [1]),
    ],
)
def test_a_query_finds_a_range_in_order(dynamodb, filled, condition, given, expected):
    values = {":id": {"S": "a"}, **given}
    answer = dynamodb.query(TableName=filled, KeyConditionExpression=condition, ExpressionAttributeValues=values)
    assert numbers(answer) == expected
    backwards = dynamodb.query(TableName=filled, KeyConditionExpression=condition, ExpressionAttributeValues=values, ScanIndexForward=False)
    assert numbers(backwards) == expected[::-1]


def test_text_keys_are_found_by_prefix_and_sort_by_their_bytes(dynamodb):
    dynamodb.create_table(
        TableName="texts",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "B"}, {"AttributeName": "s", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    texts = ["a", "a\x00", "a\x00b", "ab", "abc", "b", "é", "\U0001f600"]
    for text in reversed(texts):
        dynamodb.put_item(TableName="texts", Item={"p": {"B": b"\xff\x00"}, "s": {"S": text}})

    def found(condition, **given):
        values = {":p": {"B": b"\xff\x00"}, **{f":{name}": {"S": text} for name, text in given.items()}}
        answer = dynamodb.query(TableName="texts", KeyConditionExpression=f"p = :p{condition}", ExpressionAttributeValues=values)
        return [item["s"]["S"] for item in answer["Items"]]

    assert found("") == texts
    assert found(" AND s = :v", v="a") == ["a"]
    assert found(" AND s > :v", v="a") == texts[1:]
    assert found(" AND s <= :v", v="a") == ["a"]
    assert found(" AND begins_with(s, :v)", v="a") == texts[:5]
    assert found(" AND begins_with(s, :v)", v="a\x00") == ["a\x00", "a\x00b"]


def test_a_global_index_is_sparse_and_follows_its_items(dynamodb, filled):
    def ages(kind):
        answer = dynamodb.query(
            TableName=filled, IndexName="by-kind", KeyConditionExpression="kind = :k", ExpressionAttributeValues={":k": {"S": kind}}
        )
        return [(item["age"]["N"], item["n"]["N"]) for item in answer["Items"]]

    assert ages("odd") == [("-1", "5"), ("5", "1")]
    assert ages("even") == [("5", "4"), ("30", "2")]
    dynamodb.update_item(
        TableName=filled,
        Key={"id": {"S": "a"}, "n": {"N": "4"}},
        UpdateExpression="SET kind = :odd",
        ExpressionAttributeValues={":odd": {"S": "odd"}},
    )
    dynamodb.delete_item(TableName=filled, Key={"id": {"S": "a"}, "n": {"N": "2"}})
    assert ages("odd") == [("-1", "5"), ("5", "1"), ("5", "4")]
    assert ages("even") == []


def test_a_local_index_holds_its_projection_and_fetches_the_rest(dynamodb, filled):
    query = {
        "TableName": filled,
        "IndexName": "by-age",
        "KeyConditionExpression": "id = :id AND age = :five",
        "ExpressionAttributeValues": {":id": {"S": "a"}, ":five": {"N": "5"}},
    }
    assert [set(item) for item in dynamodb.query(**query)["Items"]] == [{"id", "n", "age"}] * 2
    whole = dynamodb.query(**query, Select="ALL_ATTRIBUTES")["Items"]
    assert [item["note"]["S"] for item in whole] == ["note 1", "note 4"]
    assert dynamodb.query(**query, ProjectionExpression="note")["Items"] == [{"note": {"S": "note 1"}}, {"note": {"S": "note 4"}}]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("index", [None, "by-kind", "by-age"])
def test_pages_join_up_to_the_whole(dynamodb, filled, limit, index):
    options = {"IndexName": index} if index else {}
    whole = dynamodb.scan(TableName=filled, **options)["Items"]
    pages = dynamodb.get_paginator("scan").paginate(TableName=filled, PaginationConfig={"PageSize": limit}, **options)
    assert [item for page in pages for item in page["Items"]] == whole


def test_a_filter_comes_after_the_limit(dynamodb, filled):
    answer = dynamodb.query(
        TableName=filled,
        KeyConditionExpression="id = :id",
        FilterExpression="kind = :even",
        ExpressionAttributeValues={":id": {"S": "a"}, ":even": {"S": "even"}},
        Limit=3,
    )
    assert (numbers(answer), answer["Count"], answer["ScannedCount"]) == ([2], 1, 3)
    assert answer["LastEvaluatedKey"] == {"id": {"S": "a"}, "n": {"N": "3"}}


def test_a_page_that_is_just_full_says_where_it_ended(dynamodb, filled):
    values = {":id": {"S": "a"}}
    answer = dynamodb.query(TableName=filled, KeyConditionExpression="id = :id", ExpressionAttributeValues=values, Limit=5)
    rest = dynamodb.query(
        TableName=filled,
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues=values,
        ExclusiveStartKey=answer["LastEvaluatedKey"],
    )
    assert rest["Items"] == [] and "LastEvaluatedKey" not in rest


def test_a_page_is_at_most_a_megabyte(dynamodb, simple):
    for name in "abcd":
        dynamodb.put_item(TableName=simple, Item={"id": {"S": name}, "v": {"S": "x" * 390_000}})
    first = dynamodb.scan(TableName=simple, ReturnConsumedCapacity="TOTAL")
    assert first["Count"] == 2 and "LastEvaluatedKey" in first
    assert first["ConsumedCapacity"]["CapacityUnits"] == 95.5
    assert sum(page["Count"] for page in dynamodb.get_paginator("scan").paginate(TableName=simple)) == 4


def test_count_gives_no_items(dynamodb, filled):
    answer = dynamodb.scan(TableName=filled, Select="COUNT")
    assert answer["Count"] == 7 and "Items" not in answer


def test_segments_share_a_table_out(dynamodb, simple):
    for number in range(60):
        dynamodb.put_item(TableName=simple, Item={"id": {"S": f"item {number}"}})
    found = [dynamodb.scan(TableName=simple, TotalSegments=4, Segment=segment)["Items"] for segment in range(4)]
    assert all(len(part) >= 5 for part in found)
    assert sorted(item["id"]["S"] for part in found for item in part) == sorted(f"item {number}" for number in range(60))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
        ({"KeyConditionExpression": "n = :x"}, "Query condition missed key schema element: id"),
        ({"KeyConditionExpression": "id < :a"}, "Query key condition not supported"),
        ({"KeyConditionExpression": "id = :a OR n = :x"}, "Invalid operator used in KeyConditionExpression: OR"),
        ({"KeyConditionExpression": "id = :a AND n <> :x"}, "Invalid operator used in KeyConditionExpression: <>"),
        ({"KeyConditionExpression": "id = :a AND note = :a"}, "Query condition missed key schema element: n"),
        (
            {"KeyConditionExpression": "id = :x"},
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        ({"KeyConditionExpression": "id = :a AND id = :b"}, "KeyConditionExpressions must only contain one condition per key"),
        ({"KeyConditionExpression": "id = :a AND begins_with(n, :a)"}, "Condition parameter type does not match schema type"),
        ({"KeyConditionExpression": "id = :e"}, "The AttributeValue for a key attribute cannot contain an empty string value. Key: id"),
        (
            {"KeyConditionExpression": "id = :a", "FilterExpression": "n = :x"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: n",
        ),
        ({"KeyConditionExpression": "id = :a", "IndexName": "none"}, "The table does not have the specified index: none"),
        (
            {"KeyConditionExpression": "kind = :a", "IndexName": "by-kind", "ConsistentRead": True},
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            {"KeyConditionExpression": "id = :a", "ExclusiveStartKey": {"id": {"S": "b"}, "n": {"N": "1"}}},
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        ({"KeyConditionExpression": "id = :a", "ExclusiveStartKey": {"id": {"S": "a"}}}, "The provided starting key is invalid"),
        ({"KeyConditionExpression": "id = :a", "Select": "ALL_PROJECTED_ATTRIBUTES"}, "ALL_PROJECTED_ATTRIBUTES can be used only when"),
    ],
)
def test_a_wrong_query_is_refused_in_words(dynamodb, filled, aws_error, options, message):
    import re

    known = {":a": {"S": "a"}, ":b": {"S": "b"}, ":e": {"S": ""}, ":x": {"N": "1"}}
    text = " ".join(value for value in options.values() if isinstance(value, str))
    values = {name: known[name] for name in set(re.findall(r":\w", text))}
    with aws_error("ValidationException", message):
        dynamodb.query(TableName=filled, **options, **({"ExpressionAttributeValues": values} if values else {}))


def test_legacy_key_conditions_and_filters_still_work(dynamodb, filled):
    answer = dynamodb.query(
        TableName=filled,
        KeyConditions={
            "id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
            "n": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "2"}]},
        },
        QueryFilter={"note": {"ComparisonOperator": "CONTAINS", "AttributeValueList": [{"S": "4"}]}},
        AttributesToGet=["n", "note"],
    )
    assert answer["Items"] == [{"n": {"N": "4"}, "note": {"S": "note 4"}}]
    scan = dynamodb.scan(
        TableName=filled,
        ScanFilter={
            "age": {"ComparisonOperator": "NULL"},
            "note": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "note 1"}]},
        },
        ConditionalOperator="OR",
    )
    assert scan["Count"] == 4
