"""Several items at once: batches, transactions, PartiQL."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudjar.kernel.errors import AwsError
from cloudjar.services.dynamodb.partiql.parser import parse


def key(name):
    return {"id": {"S": name}}


def put(dynamodb, table, name, **attributes):
    dynamodb.put_item(TableName=table, Item={"id": {"S": name}, **attributes})


def get(dynamodb, table, name):
    return dynamodb.get_item(TableName=table, Key=key(name)).get("Item")


def test_a_batch_writes_and_reads(dynamodb, simple):
    put(dynamodb, simple, "gone")
    writes = [{"PutRequest": {"Item": {**key(name), "v": {"S": name}}}} for name in "abc"]
    answer = dynamodb.batch_write_item(RequestItems={simple: [*writes, {"DeleteRequest": {"Key": key("gone")}}]})
    assert answer["UnprocessedItems"] == {}
    found = dynamodb.batch_get_item(RequestItems={simple: {"Keys": [key("a"), key("gone"), key("c")], "ProjectionExpression": "v"}})
    assert found["Responses"] == {simple: [{"v": {"S": "a"}}, {"v": {"S": "c"}}]}


def test_a_batch_reads_16_mb_and_hands_the_rest_back(dynamodb, simple):
    for number in range(50):
        put(dynamodb, simple, f"{number:02}", v={"S": "x" * 380_000})
    keys = [key(f"{number:02}") for number in range(50)]
    answer = dynamodb.batch_get_item(RequestItems={simple: {"Keys": keys, "ConsistentRead": True}})
    read, left = answer["Responses"][simple], answer["UnprocessedKeys"][simple]
    assert len(read) == 44 and left == {"Keys": keys[44:], "ConsistentRead": True}


@pytest.mark.parametrize(
    ("writes", "message"),
    [
        ([{"PutRequest": {"Item": key(str(n))}} for n in range(25)], ""),
        ([{"PutRequest": {"Item": key("a")}}, {"DeleteRequest": {"Key": key("a")}}], "Provided list of item keys contains duplicates"),
        ([{"PutRequest": {"Item": {"x": {"S": "a"}}}}], "The provided key element does not match the schema"),
        ([{}], "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"),
    ],
)
def test_a_batch_is_refused_as_a_whole(dynamodb, simple, aws_error, writes, message):
    if not message:
        dynamodb.batch_write_item(RequestItems={simple: writes})
        return
    with aws_error("ValidationException", message):
        dynamodb.batch_write_item(RequestItems={simple: [*writes, {"PutRequest": {"Item": key("other")}}]})
    assert get(dynamodb, simple, "other") is None


def test_a_transaction_does_all(dynamodb, simple):
    put(dynamodb, simple, "counter", n={"N": "1"})
    put(dynamodb, simple, "gone")
    put(dynamodb, simple, "looked-at")
    update = {
        "TableName": simple,
        "Key": key("counter"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    answer = dynamodb.transact_write_items(
        TransactItems=[
            {"Update": update},
            {"Put": {"TableName": simple, "Item": key("new")}},
            {"Delete": {"TableName": simple, "Key": key("gone")}},
            {"ConditionCheck": {"TableName": simple, "Key": key("looked-at"), "ConditionExpression": "attribute_exists(id)"}},
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == [{"TableName": simple, "CapacityUnits": 8.0, "WriteCapacityUnits": 8.0}]
    gets = [{"Get": {"TableName": simple, "Key": key(name)}} for name in ("counter", "new", "gone")]
    responses = dynamodb.transact_get_items(TransactItems=gets)["Responses"]
    assert responses == [{"Item": {"id": {"S": "counter"}, "n": {"N": "2"}}}, {"Item": key("new")}, {}]


def test_a_transaction_that_fails_does_nothing_and_says_why(dynamodb, simple):
    put(dynamodb, simple, "a", v={"N": "1"})
    check = {"TableName": simple, "Item": key("a"), "ConditionExpression": "attribute_not_exists(id)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": simple, "Item": key("b")}},
                {"Put": {**check, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
            ]
        )
    response = caught.value.response
    assert response["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]"
    )
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": {"id": {"S": "a"}, "v": {"N": "1"}}}
    assert response["CancellationReasons"] == [{"Code": "None"}, failed]
    assert get(dynamodb, simple, "b") is None


def test_a_transaction_touches_an_item_once(dynamodb, simple, aws_error):
    puts = [{"Put": {"TableName": simple, "Item": key("a")}}] * 2
    with aws_error("ValidationException", "Transaction request cannot include multiple operations on one item"):
        dynamodb.transact_write_items(TransactItems=puts)


def test_a_client_token_makes_a_transaction_idempotent_for_ten_minutes(world, dynamodb, simple, aws_error):
    def add(amount):
        update = {"TableName": simple, "Key": key("a"), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": amount}}}
        dynamodb.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="token")

    add("1")
    add("1")
    assert get(dynamodb, simple, "a")["n"] == {"N": "1"}
    with aws_error("IdempotentParameterMismatchException"):
        add("2")
    world.clock.advance(minutes=11)
    add("2")
    assert get(dynamodb, simple, "a")["n"] == {"N": "3"}


def run(dynamodb, statement, *parameters):
    options = {"Parameters": list(parameters)} if parameters else {}
    return dynamodb.execute_statement(Statement=statement, **options)["Items"]


def test_partiql_inserts_selects_updates_and_deletes(dynamodb, table, aws_error):
    insert = """INSERT INTO "things" VALUE {'id': 'a', 'n': 1, 'tags': <<'x', 'y'>>, 'deep': {'l': [1, true, null, 'it''s']}}"""
    run(dynamodb, insert)
    with aws_error("DuplicateItemException", "Duplicate primary key exists in table"):
        run(dynamodb, insert)
    (item,) = run(dynamodb, 'SELECT * FROM "things" WHERE id = ? AND n = ?', {"S": "a"}, {"N": "1"})
    assert item["deep"] == {"M": {"l": {"L": [{"N": "1"}, {"BOOL": True}, {"NULL": True}, {"S": "it's"}]}}}
    assert item["tags"] == {"SS": ["x", "y"]}
    (changed,) = run(
        dynamodb,
        "UPDATE things SET kind = 'new', age = n + 4 SET tags = set_add(tags, <<'z'>>) REMOVE deep.l[0] "
        "WHERE id = 'a' AND n = 1 AND attribute_type(deep, 'M') RETURNING ALL NEW *",
    )
    assert (changed["kind"], changed["age"], changed["tags"]) == ({"S": "new"}, {"N": "5"}, {"SS": ["x", "y", "z"]})
    assert run(dynamodb, """SELECT id, deep.l[0] FROM "things"."by-kind" WHERE kind = 'new' AND age > 4""") == [
        {"id": {"S": "a"}, "l[0]": {"BOOL": True}}
    ]
    with aws_error("ConditionalCheckFailedException"):
        run(dynamodb, "DELETE FROM things WHERE id = 'a' AND n = 1 AND age IN [7, 8]")
    assert len(run(dynamodb, "DELETE FROM things WHERE id = 'a' AND n = 1 AND gone IS MISSING RETURNING ALL OLD *")) == 1
    assert run(dynamodb, "SELECT * FROM things") == []


def test_partiql_orders_and_pages(dynamodb, table):
    for number in range(1, 6):
        dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": str(number)}})
    statement = "SELECT n FROM things WHERE id = 'a' AND n BETWEEN 2 AND 5 ORDER BY n DESC"
    found, token = [], None
    while True:
        answer = dynamodb.execute_statement(Statement=statement, Limit=3, **({"NextToken": token} if token else {}))
        found.append([item["n"]["N"] for item in answer["Items"]])
        token = answer.get("NextToken")
        if not token:
            break
    assert found == [["5", "4", "3"], ["2"]]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELEC * FROM things", "Statement wasn't well formed, can't be processed: Expected data manipulation"),
        ("SELECT * FROM things WHERE id = ?", "Number of parameters in request and statement don't match."),
        ("UPDATE things SET v = 1 WHERE id = 'a'", "Where clause does not contain a mandatory equality on all key attributes"),
        ("SELECT * FROM things ORDER BY n", "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY"),
        ("UPDATE things SET n = 2 WHERE id = 'a' AND n = 1", "Cannot update attribute n. This attribute is part of the key"),
        ("INSERT INTO things VALUE {'id': 1, 'n': 1}", "Type mismatch for key id expected: S actual: N"),
        ("SELECT * FROM things WHERE id = 'a' AND id < TRUE", "Incorrect operand type for operator or function"),
    ],
)
def test_a_wrong_statement_is_refused_in_words(dynamodb, table, aws_error, statement, message):
    with aws_error("ValidationException", message):
        run(dynamodb, statement)


def test_partiql_batches_answer_one_by_one(dynamodb, simple):
    put(dynamodb, simple, "a")
    statements = ["INSERT INTO simple VALUE {'id': 'a'}", "INSERT INTO simple VALUE {'id': 'b'}", "UPDATE simple SET v = 1 WHERE id = 'zz'"]
    responses = dynamodb.batch_execute_statement(Statements=[{"Statement": text} for text in statements])["Responses"]
    assert [response.get("Error", {}).get("Code") for response in responses] == ["DuplicateItem", None, "ConditionalCheckFailed"]
    reads = [{"Statement": f"SELECT * FROM simple WHERE id = '{name}'"} for name in ("b", "none")]
    assert dynamodb.batch_execute_statement(Statements=reads)["Responses"] == [
        {"TableName": simple, "Item": key("b")},
        {"TableName": simple},
    ]


def test_partiql_transactions_are_all_or_nothing(dynamodb, simple):
    put(dynamodb, simple, "a", v={"N": "1"})
    good = "EXISTS(SELECT * FROM simple WHERE id = 'a' AND v = 1)"
    dynamodb.execute_transaction(TransactStatements=[{"Statement": good}, {"Statement": "INSERT INTO simple VALUE {'id': 'b'}"}])
    assert get(dynamodb, simple, "b")
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.execute_transaction(
            TransactStatements=[{"Statement": f"INSERT INTO simple VALUE {{'id': '{name}'}}"} for name in ("c", "a")]
        )
    assert [reason["Code"] for reason in caught.value.response["CancellationReasons"]] == ["None", "DuplicateItem"]
    assert get(dynamodb, simple, "c") is None


PIECES = st.sampled_from(
    [
        "SELECT",
        "*",
        "FROM",
        "t",
        "WHERE",
        "a",
        "=",
        "?",
        "'x'",
        "1",
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        "IN",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        ".",
        "<<",
        ">>",
        "INSERT",
        "INTO",
        "VALUE",
        "UPDATE",
        "SET",
        "REMOVE",
        "DELETE",
        "RETURNING",
        "ALL",
        "OLD",
        "BETWEEN",
        "IS",
        "MISSING",
        "NULL",
        "size(",
        "begins_with(",
        "list_append(",
        "EXISTS(",
        "-",
        "+",
        "ORDER",
        "BY",
        "DESC",
        '"q"',
        "'open",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["", "SELECT * FROM t WHERE ", "UPDATE t SET a = ", "INSERT INTO t VALUE "]),
    st.lists(PIECES, max_size=12).map(" ".join),
)
def test_whatever_a_statement_says_it_is_parsed_or_refused(start, text):
    try:
        parse(start + text, [{"S": "x"}])
    except AwsError as problem:
        assert problem.code == "ValidationException"


@pytest.mark.parametrize("piece", ["(", "[", "{'a':", "NOT ", "size(", "list_append("])
def test_no_depth_breaks_partiqls_parser(piece):
    for start in ("SELECT * FROM t WHERE a = ", "SELECT * FROM t WHERE ", "UPDATE t SET a = "):
        with pytest.raises(AwsError):
            parse(start + piece * 3000, None)
