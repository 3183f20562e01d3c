"""Items: put, get, update, delete; numbers, sizes and keys."""

from __future__ import annotations

import pytest


def test_an_item_comes_back_as_it_was_put(dynamodb, simple):
    item = {
        "id": {"S": "a"},
        "text": {"S": ""},
        "bytes": {"B": b"\x00\xff"},
        "flag": {"BOOL": False},
        "none": {"NULL": True},
        "list": {"L": [{"N": "1"}, {"M": {"deep": {"SS": ["x", "y"]}}}]},
        "numbers": {"NS": ["1", "2.5"]},
        "blobs": {"BS": [b"a", b"b"]},
    }
    dynamodb.put_item(TableName=simple, Item=item)
    assert dynamodb.get_item(TableName=simple, Key={"id": {"S": "a"}})["Item"] == item


def test_a_missing_item_is_no_item(dynamodb, simple):
    assert "Item" not in dynamodb.get_item(TableName=simple, Key={"id": {"S": "nobody"}})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1.50", "1.5"),
        ("-0", "0"),
        ("007", "7"),
        ("1E3", "1000"),
        ("1.5e-3", "0.0015"),
        ("+5", "5"),
        ("100", "100"),
        (".5", "0.5"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("-1E-130", "-0." + "0" * 129 + "1"),
        ("9.9E+125", "99" + "0" * 124),
        ("0.0", "0"),
        ("1000000000000000000000000000000000000000", "1" + "0" * 39),
    ],
)
def test_numbers_are_kept_in_one_spelling(dynamodb, simple, given, kept):
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "n": {"N": given}})
    assert dynamodb.get_item(TableName=simple, Key={"id": {"S": "a"}})["Item"]["n"]["N"] == kept


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"N": "x"}, "The parameter cannot be converted to a numeric value: x"),
        ({"N": ""}, "The parameter cannot be converted to a numeric value"),
        ({"N": "1E126"}, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ({"N": "1E-131"}, "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        ({"NULL": False}, "One or more parameter values were invalid: Null attribute value types must have the value of true"),
        ({"SS": []}, "One or more parameter values were invalid: An string set  may not be empty"),
        ({"SS": ["a", "a"]}, "One or more parameter values were invalid: Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
    ],
)
def test_values_that_cannot_be_are_refused(dynamodb, simple, aws_error, value, message):
    with aws_error("ValidationException", message):
        dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": value})


def test_an_empty_value_is_refused(dynamodb, simple, aws_error):
    with aws_error("ValidationException", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"):
        raw(dynamodb, '{"TableName":"simple","Item":{"id":{"S":"a"},"v":{}}}')


def raw(client, body):
    """A PutItem whose body botocore has not looked at."""
    client.meta.events.register_first("before-call.dynamodb.PutItem", lambda params, **_: params.update(body=body.encode()))
    client.put_item(TableName="simple", Item={"id": {"S": "a"}})


def test_an_item_holds_400_kb_and_no_more(dynamodb, simple, aws_error):
    room = 400 * 1024 - len("id") - 1 - len("v")
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": {"S": "x" * room}})
    with aws_error("ValidationException", "Item size has exceeded the maximum allowed size"):
        dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": {"S": "x" * (room + 1)}})
    with aws_error("ValidationException", "Item size to update has exceeded the maximum allowed size"):
        dynamodb.update_item(
            TableName=simple, Key={"id": {"S": "a"}}, UpdateExpression="SET w = :w", ExpressionAttributeValues={":w": {"S": ""}}
        )


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"id": {"S": "a"}}, "One or more parameter values were invalid: Missing the key n in the item"),
        ({"id": {"N": "1"}, "n": {"N": "1"}}, "One or more parameter values were invalid: Type mismatch for key id expected: S actual: N"),
        ({"id": {"S": ""}, "n": {"N": "1"}}, "The AttributeValue for a key attribute cannot contain an empty string value. Key: id"),
        ({"id": {"S": "x" * 2049}, "n": {"N": "1"}}, "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        (
            {"id": {"S": "a"}, "n": {"N": "1"}, "kind": {"N": "1"}},
            "Type mismatch for Index Key kind Expected: S Actual: N IndexName: by-kind",
        ),
        ({"id": {"S": "a"}, "n": {"N": "1"}, "kind": {"S": ""}}, "empty string value. IndexName: by-kind, IndexKey: kind"),
    ],
)
def test_keys_that_do_not_fit_are_refused(dynamodb, table, aws_error, item, message):
    with aws_error("ValidationException", message):
        dynamodb.put_item(TableName=table, Item=item)


@pytest.mark.parametrize("key", [{"id": {"S": "a"}}, {"id": {"S": "a"}, "n": {"S": "1"}}, {"id": {"S": "a"}, "m": {"N": "1"}}])
def test_a_key_has_exactly_the_tables_attributes(dynamodb, table, aws_error, key):
    with aws_error("ValidationException", "The provided key element does not match the schema"):
        dynamodb.get_item(TableName=table, Key=key)


def test_an_unknown_table_is_named_by_nobody(dynamodb, aws_error):
    with aws_error("ResourceNotFoundException", "Requested resource not found"):
        dynamodb.get_item(TableName="nothing", Key={"id": {"S": "a"}})


def test_put_gives_the_old_item_if_asked(dynamodb, simple):
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": {"N": "1"}})
    answer = dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}}, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {"id": {"S": "a"}, "v": {"N": "1"}}
    assert "Attributes" not in dynamodb.put_item(TableName=simple, Item={"id": {"S": "b"}}, ReturnValues="ALL_OLD")


def test_delete_removes_and_gives_the_old_item(dynamodb, simple):
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": {"N": "1"}})
    answer = dynamodb.delete_item(TableName=simple, Key={"id": {"S": "a"}}, ReturnValues="ALL_OLD")
    assert answer["Attributes"]["v"] == {"N": "1"}
    assert "Item" not in dynamodb.get_item(TableName=simple, Key={"id": {"S": "a"}})
    dynamodb.delete_item(TableName=simple, Key={"id": {"S": "a"}})


def test_a_failed_condition_changes_nothing_and_gives_the_item_if_asked(dynamodb, simple):
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": {"N": "1"}})
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        dynamodb.put_item(
            TableName=simple,
            Item={"id": {"S": "a"}},
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Error"]["Message"] == "The conditional request failed"
    assert caught.value.response["Item"] == {"id": {"S": "a"}, "v": {"N": "1"}}
    assert "v" in dynamodb.get_item(TableName=simple, Key={"id": {"S": "a"}})["Item"]


def test_an_update_makes_an_item_that_is_not_there(dynamodb, simple):
    answer = dynamodb.update_item(
        TableName=simple,
        Key={"id": {"S": "new"}},
        UpdateExpression="ADD hits :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {"id": {"S": "new"}, "hits": {"N": "1"}}


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ("NONE", None),
        ("ALL_OLD", {"id": {"S": "a"}, "v": {"N": "1"}, "m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}}),
        ("ALL_NEW", {"id": {"S": "a"}, "v": {"N": "3"}, "m": {"M": {"x": {"N": "9"}, "y": {"N": "2"}}}}),
        ("UPDATED_OLD", {"v": {"N": "1"}, "m": {"M": {"x": {"N": "1"}}}}),
        ("UPDATED_NEW", {"v": {"N": "3"}, "m": {"M": {"x": {"N": "9"}}}}),
    ],
)
def test_an_update_tells_what_it_is_asked_to(dynamodb, simple, returns, expected):
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}, "v": {"N": "1"}, "m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}})
    answer = dynamodb.update_item(
        TableName=simple,
        Key={"id": {"S": "a"}},
        UpdateExpression="SET v = v + :two, m.x = :nine",
        ExpressionAttributeValues={":two": {"N": "2"}, ":nine": {"N": "9"}},
        ReturnValues=returns,
    )
    assert answer.get("Attributes") == expected


def test_an_update_leaves_the_key_alone(dynamodb, simple, aws_error):
    with aws_error("ValidationException", "Cannot update attribute id. This attribute is part of the key"):
        dynamodb.update_item(
            TableName=simple, Key={"id": {"S": "a"}}, UpdateExpression="SET id = :x", ExpressionAttributeValues={":x": {"S": "b"}}
        )


def test_a_get_gives_only_what_is_projected(dynamodb, simple):
    dynamodb.put_item(
        TableName=simple,
        Item={"id": {"S": "a"}, "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}, "m": {"M": {"x": {"S": "x"}, "name": {"S": "n"}}}},
    )
    answer = dynamodb.get_item(
        TableName=simple,
        Key={"id": {"S": "a"}},
        ProjectionExpression="l[2], l[0], m.#n, gone.deeper",
        ExpressionAttributeNames={"#n": "name"},
    )
    assert answer["Item"] == {"l": {"L": [{"N": "0"}, {"N": "2"}]}, "m": {"M": {"name": {"S": "n"}}}}


def test_capacity_is_computed_as_aws_bills_it(dynamodb, table):
    item = {"id": {"S": "a"}, "n": {"N": "1"}, "kind": {"S": "k"}, "age": {"N": "3"}, "v": {"S": "x" * 1500}}
    answer = dynamodb.put_item(TableName=table, Item=item, ReturnConsumedCapacity="INDEXES", ReturnItemCollectionMetrics="SIZE")
    assert answer["ConsumedCapacity"] == {
        "TableName": table,
        "CapacityUnits": 5.0,
        "Table": {"CapacityUnits": 2.0},
        "GlobalSecondaryIndexes": {"by-kind": {"CapacityUnits": 2.0}},
        "LocalSecondaryIndexes": {"by-age": {"CapacityUnits": 1.0}},
    }
    assert answer["ItemCollectionMetrics"] == {"ItemCollectionKey": {"id": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    got = dynamodb.get_item(TableName=table, Key={"id": {"S": "a"}, "n": {"N": "1"}}, ReturnConsumedCapacity="TOTAL")
    assert got["ConsumedCapacity"] == {"TableName": table, "CapacityUnits": 0.5}


def test_legacy_conditions_and_updates_still_work(dynamodb, simple, aws_error):
    dynamodb.update_item(
        TableName=simple,
        Key={"id": {"S": "a"}},
        AttributeUpdates={"v": {"Value": {"N": "1"}, "Action": "ADD"}, "s": {"Value": {"SS": ["x", "y"]}}},
        Expected={"v": {"Exists": False}},
    )
    answer = dynamodb.update_item(
        TableName=simple,
        Key={"id": {"S": "a"}},
        AttributeUpdates={"v": {"Action": "DELETE"}, "s": {"Value": {"SS": ["x"]}, "Action": "DELETE"}},
        Expected={"v": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "2"}]}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {"id": {"S": "a"}, "s": {"SS": ["y"]}}
    with aws_error("ConditionalCheckFailedException"):
        dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}}, Expected={"s": {"Value": {"SS": ["z"]}}})


def test_old_and_new_parameters_do_not_mix(dynamodb, simple, aws_error):
    with aws_error("ValidationException", "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"):
        dynamodb.put_item(
            TableName=simple, Item={"id": {"S": "a"}}, Expected={"v": {"Exists": False}}, ConditionExpression="attribute_exists(id)"
        )


def test_a_table_can_be_named_by_its_arn(dynamodb, simple):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]
    dynamodb.put_item(TableName=arn, Item={"id": {"S": "a"}})
    assert dynamodb.get_item(TableName=simple, Key={"id": {"S": "a"}})["Item"]


def test_answers_and_errors_carry_their_crc32(dynamodb, simple):
    import zlib

    from botocore.exceptions import ClientError

    bodies = []
    dynamodb.meta.events.register("before-parse.dynamodb", lambda response_dict, **_: bodies.append(response_dict["body"]))
    sums = [dynamodb.list_tables()["ResponseMetadata"]["HTTPHeaders"]["x-amz-crc32"]]
    with pytest.raises(ClientError) as caught:
        dynamodb.describe_table(TableName="none")
    sums.append(caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-crc32"])
    assert sums == [str(zlib.crc32(body)) for body in bodies]


def test_a_legacy_update_that_only_deletes_makes_no_item(dynamodb, simple):
    dynamodb.update_item(TableName=simple, Key={"id": {"S": "a"}}, AttributeUpdates={"v": {"Action": "DELETE"}})
    assert dynamodb.scan(TableName=simple)["Count"] == 0
    dynamodb.update_item(TableName=simple, Key={"id": {"S": "a"}}, UpdateExpression="REMOVE v")
    assert dynamodb.scan(TableName=simple)["Count"] == 1
