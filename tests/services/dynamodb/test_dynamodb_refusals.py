"""What AWS answers to requests that do not fit: wording and place as they were observed there."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from dynamodb_shapes import keys

KEY = {"id": {"S": "a"}, "n": {"N": "1"}}
PARAMETERS = "One or more parameter values were invalid: "
NOT_VALID = "One or more parameter values are not valid. "
EMPTY = "The AttributeValue for a key attribute cannot contain an empty string value."


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "leaf"}
    for _ in range(levels):
        value = {"M": {"in": value}}
    return value


def put(**more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "things", "Item": {**KEY, **more}}}


def update(expression: str, value: dict[str, Any], key: dict[str, Any] = KEY) -> dict[str, Any]:
    values = {":v": value}
    return {"Update": {"TableName": "things", "Key": key, "UpdateExpression": expression, "ExpressionAttributeValues": values}}


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("a b", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("x" * 256, "have length less than or equal to 255"),
    ],
)
def test_what_can_be_no_tables_name_is_refused_as_such(dynamodb: Any, aws_error: Any, name: str, constraint: str) -> None:
    message = f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must {constraint}"
    with aws_error("ValidationException", message):
        dynamodb.put_item(TableName=name, Item=KEY)


def test_a_tables_name_has_three_letters_at_least(dynamodb: Any, aws_error: Any) -> None:
    with aws_error("ValidationException", "Member must have length greater than or equal to 3"):
        dynamodb.create_table(TableName="ab", KeySchema=keys("id"), AttributeDefinitions=[], BillingMode="PAY_PER_REQUEST")


def test_a_value_may_lie_in_31_maps_and_no_more(dynamodb: Any, table: str, aws_error: Any) -> None:
    dynamodb.put_item(TableName=table, Item={**KEY, "deep": nested(31)})
    with aws_error("ValidationException", "Nesting Levels have exceeded supported limits"):
        dynamodb.put_item(TableName=table, Item={**KEY, "deep": nested(32)})
    with aws_error("ValidationException", "Nesting Levels have exceeded supported limits"):
        dynamodb.update_item(**update("SET deep.#in = :v", nested(31))["Update"], ExpressionAttributeNames={"#in": "in"})


@pytest.mark.parametrize(
    ("number", "size"),
    [
        ("0", 1),
        ("1", 2),
        ("12", 2),
        ("123", 3),
        ("12345678901234567890123456789012345678", 20),
        ("100", 2),
        ("1010", 3),
        ("0.0000001", 2),
        ("1E125", 2),
        ("1E-100", 2),
        ("1.5", 3),
        ("3.14159", 5),
        ("100.5", 4),
        ("0.15", 2),
        ("-42", 3),
        ("-0", 1),
    ],
)
def test_a_number_counts_for_its_digits_before_and_after_the_point(
    dynamodb: Any, simple: str, aws_error: Any, number: str, size: int
) -> None:
    fits = 400 * 1024 - len("id" + "k" + "n" + "fill") - size
    item = {"id": {"S": "k"}, "n": {"N": number}}
    dynamodb.put_item(TableName=simple, Item={**item, "fill": {"S": "x" * fits}})
    with aws_error("ValidationException", "Item size has exceeded the maximum allowed size"):
        dynamodb.put_item(TableName=simple, Item={**item, "fill": {"S": "x" * (fits + 1)}})


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (put(id={"N": "5"}), PARAMETERS + "Type mismatch for key id expected: S actual: N"),
        (put(kind={"N": "5"}), PARAMETERS + "Type mismatch for Index Key kind Expected: S Actual: N IndexName: by-kind"),
        (put(age={"S": "5"}), PARAMETERS + "Type mismatch for Index Key age Expected: N Actual: S IndexName: by-age"),
        (update("SET kind = :v", {"N": "5"}), PARAMETERS + "Type mismatch for Index Key kind Expected: S Actual: N IndexName: by-kind"),
        (update("SET x = :v", {"N": "5"}, {"id": {"N": "1"}, "n": {"N": "1"}}), "The provided key element does not match the schema"),
        ({"Delete": {"TableName": "things", "Key": {"id": {"S": "a"}}}}, "The provided key element does not match the schema"),
        (update("SET x = :v", {"S": "x" * 410_000}), "Item size to update has exceeded the maximum allowed size"),
    ],
)
def test_a_wrong_key_in_a_transaction_cancels_it(dynamodb: Any, table: str, member: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.transact_write_items(TransactItems=[member, put(n={"N": "2"})])
    error = refused.value.response
    assert error["Error"]["Code"] == "TransactionCanceledException"
    assert error["Error"]["Message"].endswith("for specific reasons [ValidationError, None]")
    assert error["CancellationReasons"] == [{"Code": "ValidationError", "Message": reason}, {"Code": "None"}]
    assert dynamodb.scan(TableName=table)["Count"] == 0


def test_a_wrong_key_cancels_a_transaction_of_reads(dynamodb: Any, table: str) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": key}} for key in (KEY, {})])
    assert [reason["Code"] for reason in refused.value.response["CancellationReasons"]] == ["None", "ValidationError"]


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (put(id={"S": ""}), NOT_VALID + EMPTY + " Key: id"),
        (
            put(kind={"S": ""}),
            NOT_VALID + "A value specified for a secondary index key is not supported. " + EMPTY + " IndexName: by-kind, IndexKey: kind",
        ),
        (
            update("SET kind = :v", {"S": ""}),
            NOT_VALID + "The update expression attempted to update a secondary index key to a value that is not supported. " + EMPTY,
        ),
        (update("SET x = :v", {"S": "x"}, {"id": {"S": ""}, "n": {"N": "1"}}), NOT_VALID + EMPTY + " Key: id"),
        (put(fill={"S": "x" * 410_000}), "Item size has exceeded the maximum allowed size"),
    ],
)
def test_an_empty_key_in_a_transaction_is_refused_before_it_begins(
    dynamodb: Any, table: str, aws_error: Any, member: dict[str, Any], message: str
) -> None:
    with aws_error("ValidationException", message):
        dynamodb.transact_write_items(TransactItems=[member])


def test_of_several_indexes_the_first_by_name_is_named(dynamodb: Any, aws_error: Any) -> None:
    projection = {"ProjectionType": "ALL"}
    dynamodb.create_table(
        TableName="indexed",
        KeySchema=keys("id"),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
        GlobalSecondaryIndexes=[{"IndexName": name, "KeySchema": keys("kind"), "Projection": projection} for name in ("zzz", "aaa")],
        BillingMode="PAY_PER_REQUEST",
    )
    with aws_error("ValidationException", "IndexName: aaa"):
        dynamodb.put_item(TableName="indexed", Item={"id": {"S": "a"}, "kind": {"N": "1"}})


@pytest.mark.parametrize("item", [{"id": {"N": "5"}, "n": {"N": "1"}}, {"id": {"S": "a"}}])
def test_a_batch_says_of_a_wrong_key_that_it_does_not_match(dynamodb: Any, table: str, aws_error: Any, item: dict[str, Any]) -> None:
    with aws_error("ValidationException", "The provided key element does not match the schema"):
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}}]})


def test_a_batch_does_not_mix_projections_old_and_new(dynamodb: Any, table: str, simple: str, aws_error: Any) -> None:
    with aws_error("ValidationException", "Can not use both expression and non-expression parameters in the same request"):
        dynamodb.batch_get_item(
            RequestItems={
                table: {"Keys": [KEY], "ProjectionExpression": "id"},
                simple: {"Keys": [{"id": {"S": "a"}}], "AttributesToGet": ["id"]},
            }
        )


def test_an_index_entry_that_moves_costs_two_writes(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item={**KEY, "kind": {"S": "old"}, "age": {"N": "1"}})
    moved = dynamodb.update_item(**update("SET kind = :v", {"S": "new"})["Update"], ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert moved["GlobalSecondaryIndexes"] == {"by-kind": {"CapacityUnits": 2.0}}
    assert moved["CapacityUnits"] == 3.0
    gone = dynamodb.delete_item(TableName=table, Key=KEY, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert gone["GlobalSecondaryIndexes"] == {"by-kind": {"CapacityUnits": 1.0}}


def test_a_query_cannot_filter_by_what_its_index_lacks(dynamodb: Any, table: str, aws_error: Any) -> None:
    with aws_error("ValidationException", PARAMETERS + "Secondary index by-age does not project one or more filter attributes: [kind]"):
        dynamodb.query(
            TableName=table,
            IndexName="by-age",
            KeyConditionExpression="id = :v",
            FilterExpression="kind = :v",
            ExpressionAttributeValues={":v": {"S": "a"}},
        )
    dynamodb.put_item(TableName=table, Item={**KEY, "age": {"N": "1"}, "kind": {"S": "k"}})
    everything = dynamodb.scan(TableName=table, IndexName="by-age", FilterExpression="attribute_not_exists(kind)")
    assert everything["Count"] == 1


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM things.\"none\" WHERE id = 'a'", "The table does not have the specified index"),
        ("SELECT * FROM things.\"by-kind\".x WHERE id = 'a'", "A path may contain at most 2 components in the FROM clause"),
        ("SELECT * FROM \"\" WHERE id = 'a'", "Path component cannot be an empty string"),
        ("SELECT kind FROM things.\"by-age\" WHERE id = 'a' AND kind = 'b'", "does not project one or more filter attributes: [kind]"),
        (
            "SELECT kind FROM things.\"by-age\" WHERE id IN ['a'] AND NOT kind = 'b'",
            "does not project one or more filter attributes: [kind]",
        ),
        (
            "SELECT * FROM nowhere WHERE id < true",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "DELETE FROM things WHERE id = 'a' AND n = 1 RETURNING MODIFIED OLD *",
            "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements.",
        ),
    ],
)
def test_a_statement_is_refused_in_partiqls_own_words(dynamodb: Any, table: str, aws_error: Any, statement: str, message: str) -> None:
    with aws_error("ValidationException", message):
        dynamodb.execute_statement(Statement=statement)


def test_a_statement_does_not_read_a_global_index_consistently(dynamodb: Any, table: str, aws_error: Any) -> None:
    with aws_error("ValidationException", "Strongly consistent read is not supported on Global Secondary Indexes"):
        dynamodb.execute_statement(Statement="SELECT * FROM things.\"by-kind\" WHERE kind = 'a'", ConsistentRead=True)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE things SET x = 1 WHERE id = 'a' AND n = 1 RETURNING ALL NEW *",
            "RETURNING clause is not supported in ExecuteTransaction.",
        ),
        ("SELECT * FROM things.\"by-kind\" WHERE kind = 'a'", "Reads on indices are not supported within transactions."),
    ],
)
def test_a_transaction_of_statements_says_which_one_it_does_not_take(
    dynamodb: Any, table: str, aws_error: Any, statement: str, message: str
) -> None:
    with aws_error("ValidationException", f"Validation failed in TransactStatements[0]: {message}"):
        dynamodb.execute_transaction(TransactStatements=[{"Statement": statement}])


def test_a_malformed_statement_fails_alone_in_its_batch(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item=KEY)
    statements = ["SLECT", "SELECT * FROM things WHERE id = 'a' AND n = 1", "SELECT * FROM things.\"by-kind\" WHERE kind = 'a'"]
    answers = dynamodb.batch_execute_statement(Statements=[{"Statement": statement} for statement in statements])["Responses"]
    assert answers[0]["Error"]["Code"] == "ValidationError"
    assert answers[1]["Item"] == KEY
    assert "must specify the primary key in the where clause" in answers[2]["Error"]["Message"]


def test_a_statement_that_ran_and_failed_names_its_table(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item=KEY)
    statements = ["UPDATE things SET x = 1 WHERE id = 'a' AND n = 1 AND x = 2", "INSERT INTO things VALUE {'id': 'a', 'n': 1}"]
    answers = dynamodb.batch_execute_statement(Statements=[{"Statement": statement} for statement in statements])["Responses"]
    assert [(answer["Error"]["Code"], answer["TableName"]) for answer in answers] == [
        ("ConditionalCheckFailed", table),
        ("DuplicateItem", table),
    ]


def test_a_select_gives_what_a_path_leads_to_under_its_last_name(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item={**KEY, "map": {"M": {"inner": {"S": "x"}, "list": {"L": [{"N": "1"}, {"N": "2"}]}}}})
    found = dynamodb.execute_statement(Statement='SELECT "map"."inner", "map"."list"[1] FROM things WHERE id = \'a\'')["Items"]
    assert found == [{"inner": {"S": "x"}, "list[1]": {"N": "2"}}]


def test_a_provisioned_table_needs_its_throughput_and_no_third_key(dynamodb: Any, aws_error: Any) -> None:
    names = ("id", "n", "m")
    definitions = [{"AttributeName": name, "AttributeType": "S"} for name in names]
    with aws_error("ValidationException", PARAMETERS + "ReadCapacityUnits and WriteCapacityUnits must both be specified"):
        dynamodb.create_table(TableName="made", KeySchema=keys("id"), AttributeDefinitions=definitions[:1])
    schema = [*keys("id", "n"), {"AttributeName": "m", "KeyType": "RANGE"}]
    with aws_error("ValidationException", "at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"):
        dynamodb.create_table(TableName="made", KeySchema=schema, AttributeDefinitions=definitions, BillingMode="PAY_PER_REQUEST")


EQUALS = {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("scan", {"ConditionalOperator": "OR"}, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            "scan",
            {"ScanFilter": {"kind": EQUALS}, "ConditionalOperator": "OR"},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        (
            "put_item",
            {"Item": KEY, "Expected": {"kind": {"Exists": False}}, "ConditionalOperator": "AND"},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        (
            "query",
            {"KeyConditions": {"id": EQUALS}, "QueryFilter": {"id": EQUALS}},
            "QueryFilter can only contain non-primary key attributes: Primary key attribute: id",
        ),
    ],
)
def test_the_older_conditions_have_refusals_of_their_own(
    dynamodb: Any, table: str, aws_error: Any, operation: str, params: dict[str, Any], message: str
) -> None:
    with aws_error("ValidationException", message):
        getattr(dynamodb, operation)(TableName=table, **params)
