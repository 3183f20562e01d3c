"""The expression languages: what they mean, and what is refused in which words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudjar.kernel.errors import AwsError
from cloudjar.services.dynamodb import numbers, values
from cloudjar.services.dynamodb.expressions.evaluate import matches
from cloudjar.services.dynamodb.expressions.modify import modified
from cloudjar.services.dynamodb.expressions.request import Expressions

ITEM = {
    "s": {"S": "hello"},
    "n": {"N": "5"},
    "b": {"B": b"xyz"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"N": "1"}, {"S": "two"}, {"M": {"deep": {"N": "3"}}}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"w": {"S": "w"}}}}},
}
VALUES = {
    ":5": {"N": "5"},
    ":3": {"N": "3"},
    ":9": {"N": "9"},
    ":he": {"S": "he"},
    ":hello": {"S": "hello"},
    ":a": {"S": "a"},
    ":ba": {"SS": ["b", "a"]},
    ":t": {"BOOL": True},
    ":one": {"N": "1"},
    ":S": {"S": "S"},
    ":x": {"B": b"x"},
}


def only_used(mapping, text):
    import re

    used = set(re.findall(r"[:#]\w+", text))
    return {key: value for key, value in mapping.items() if key in used}


def holds(text, item=ITEM, names=None):
    req = {"ConditionExpression": text}
    found = only_used(VALUES, text)
    if found:
        req["ExpressionAttributeValues"] = found
    if names:
        req["ExpressionAttributeNames"] = names
    expressions = Expressions(req, ("ConditionExpression",))
    condition = expressions.condition("ConditionExpression")
    expressions.finish()
    return matches(condition, item)


@pytest.mark.parametrize(
    "text",
    [
        "s = :hello",
        "n = :5 AND s <> :he",
        "n > :3 and n < :9",
        "n BETWEEN :3 AND :5",
        "n IN (:9, :5)",
        "NOT n = :9",
        "n = :9 OR n = :5 AND s = :hello",
        "(n = :9 OR n = :5) AND (s = :hello)",
        "attribute_exists(m.y.w)",
        "attribute_not_exists(m.y.v)",
        "attribute_type(s, :S)",
        "begins_with(s, :he)",
        "begins_with(b, :x)",
        "contains(s, :he)",
        "contains(ss, :a)",
        "contains(l, :one)",
        "size(s) = :5",
        "size(ss) < size(l)",
        "ss = :ba",
        "l[2].deep = :3",
        "gone <> :5",
        "NOT gone > :5",
        "t = :t",
        ":5 = n",
        "attribute_exists ( s )",
        "NOT (NOT n = :5)",
        "n = :5 AND NOT contains(s, :a) AND (t = :t OR t = :he)",
    ],
)
def test_a_condition_holds(text):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "n = :he",
        "s > :5",
        "gone = :5",
        "gone < :5",
        "l[9] = :5",
        "s.x = :5",
        "size(gone) > :3",
        "contains(n, :a)",
        "size(n) = :one",
    ],
)
def test_a_condition_does_not_hold(text):
    assert not holds(text)


def test_names_stand_for_reserved_words_and_dots():
    assert holds(
        "#size.#x = :one AND #dot = :5", {"size": {"M": {"x": {"N": "1"}}}, "a.b": {"N": "5"}}, {"#size": "size", "#x": "x", "#dot": "a.b"}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid ConditionExpression: The expression can not be empty;"),
        ("a = ", 'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "="'),
        ("a b", 'Invalid ConditionExpression: Syntax error; token: "b", near: "a b"'),
        ("a = :5 !", 'Syntax error; token: "!", near: ":5 !"'),
        ("a", 'Syntax error; token: "<EOF>", near: "a"'),
        ("size = :5", "Attribute name is a reserved keyword; reserved keyword: size"),
        ("Name = :5", "Attribute name is a reserved keyword; reserved keyword: Name"),
        ("a = :nope", "An expression attribute value used in expression is not defined; attribute value: :nope"),
        ("#nope = :5", "An expression attribute name used in the document path is not defined; attribute name: #nope"),
        ("nofun(a)", "Invalid function name; function: nofun"),
        ("ATTRIBUTE_EXISTS(a)", "Invalid function name; function: ATTRIBUTE_EXISTS"),
        ("if_not_exists(a, :5)", "The function is not allowed in a condition expression; function: if_not_exists"),
        ("size(a)", 'Syntax error; token: "<EOF>", near: ")"'),
        ("attribute_exists(a) = :5", 'Syntax error; token: "=", near: ") = :5"'),
        ("a = attribute_exists(b)", "The function is not allowed to be used this way in an expression; function: attribute_exists"),
        (
            "begins_with(a)",
            "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
        ),
        ("begins_with(a, :5)", "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"),
        ("attribute_exists(:5)", "Operator or function requires a document path; operator or function: attribute_exists"),
        ("a < :t", "Incorrect operand type for operator or function; operator: <, operand type: BOOL"),
        (
            "a = a",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]",
        ),
        (
            "a BETWEEN :9 AND :3",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {N:3}",
        ),
        ("a BETWEEN :9 AND :he", "The BETWEEN operator requires same data type for lower and upper bounds"),
        ("((a = :5))", "The expression has redundant parentheses;"),
        ("attribute_type(a, :he)", "Invalid attribute type name found; type: he, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"),
        ("a." * 32 + "a = :5", "The document path has too many nesting elements; nesting level: 33"),
    ],
)
def test_a_wrong_condition_is_refused_in_words(text, message):
    with pytest.raises(AwsError) as caught:
        holds(text)
    assert caught.value.code == "ValidationException"
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("req", "message"),
    [
        ({"ExpressionAttributeNames": {"#a": "a"}}, "ExpressionAttributeNames can only be specified when using expressions"),
        (
            {"ExpressionAttributeValues": {":a": {"N": "1"}}},
            "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
        ),
        ({"ConditionExpression": "a = :a", "ExpressionAttributeValues": {}}, "ExpressionAttributeValues must not be empty"),
        (
            {"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#b": "b"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}",
        ),
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "1"}}},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
        ),
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {"a": {"N": "1"}}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"',
        ),
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {}}},
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, "
            "must contain exactly one of the supported datatypes for key :a",
        ),
    ],
)
def test_names_and_values_are_looked_at(req, message):
    with pytest.raises(AwsError) as caught:
        expressions = Expressions(req, ("ConditionExpression",))
        expressions.condition("ConditionExpression")
        expressions.finish()
    assert caught.value.message == message


def updated(text, item, given=None):
    req = {"UpdateExpression": text}
    if given:
        req["ExpressionAttributeValues"] = given
    expressions = Expressions(req, ("UpdateExpression",))
    update = expressions.update()
    expressions.finish()
    return modified(update, item)


@pytest.mark.parametrize(
    ("text", "given", "before", "after"),
    [
        ("SET a = :v", {":v": {"S": "x"}}, {}, {"a": {"S": "x"}}),
        ("SET a = b, b = a", None, {"a": {"N": "1"}, "b": {"N": "2"}}, {"a": {"N": "2"}, "b": {"N": "1"}}),
        ("SET a = a - :v", {":v": {"N": "0.1"}}, {"a": {"N": "1"}}, {"a": {"N": "0.9"}}),
        ("SET a = if_not_exists(a, :v) + :v", {":v": {"N": "1"}}, {}, {"a": {"N": "2"}}),
        ("SET l = list_append(l, :v)", {":v": {"L": [{"N": "2"}]}}, {"l": {"L": [{"N": "1"}]}}, {"l": {"L": [{"N": "1"}, {"N": "2"}]}}),
        (
            "set l = list_append(if_not_exists(l, :e), :v)",
            {":v": {"L": [{"N": "2"}]}, ":e": {"L": []}},
            {},
            {"l": {"L": [{"N": "2"}]}},
        ),
        (
            "SET l[1] = :v, l[9] = :v",
            {":v": {"N": "7"}},
            {"l": {"L": [{"N": "0"}, {"N": "1"}]}},
            {"l": {"L": [{"N": "0"}, {"N": "7"}, {"N": "7"}]}},
        ),
        ("SET m.x.y = :v", {":v": {"N": "7"}}, {"m": {"M": {"x": {"M": {}}}}}, {"m": {"M": {"x": {"M": {"y": {"N": "7"}}}}}}),
        ("REMOVE a, l[0], l[2]", None, {"a": {"N": "1"}, "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}}, {"l": {"L": [{"N": "1"}]}}),
        ("REMOVE gone", None, {"a": {"N": "1"}}, {"a": {"N": "1"}}),
        ("ADD a :v", {":v": {"N": "3"}}, {"a": {"N": "-1"}}, {"a": {"N": "2"}}),
        ("ADD s :v", {":v": {"SS": ["b", "c"]}}, {"s": {"SS": ["a", "b"]}}, {"s": {"SS": ["a", "b", "c"]}}),
        ("DELETE s :v", {":v": {"SS": ["a", "z"]}}, {"s": {"SS": ["a", "b"]}}, {"s": {"SS": ["b"]}}),
        ("DELETE s :v", {":v": {"SS": ["a"]}}, {"s": {"SS": ["a"]}}, {}),
        ("DELETE s :v", {":v": {"SS": ["a"]}}, {}, {}),
        ("REMOVE b SET a = :v ADD c :v", {":v": {"N": "1"}}, {"b": {"N": "0"}}, {"a": {"N": "1"}, "c": {"N": "1"}}),
        ("SET a = (b + :v)", {":v": {"N": "1"}}, {"b": {"N": "1"}}, {"a": {"N": "2"}, "b": {"N": "1"}}),
    ],
)
def test_an_update_changes_an_item(text, given, before, after):
    assert updated(text, before, given) == after


def test_an_update_leaves_the_old_item_alone():
    before = {"m": {"M": {"x": {"L": [{"N": "1"}]}}}}
    updated("SET m.x[0] = :v REMOVE m.y", before, {":v": {"N": "2"}})
    assert before == {"m": {"M": {"x": {"L": [{"N": "1"}]}}}}


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("SET a = q", None, "The provided expression refers to an attribute that does not exist in the item"),
        ("SET n = s + :v", {":v": {"N": "1"}}, "An operand in the update expression has an incorrect data type"),
        ("ADD s :v", {":v": {"N": "1"}}, "An operand in the update expression has an incorrect data type"),
        ("SET q.x = :v", {":v": {"N": "1"}}, "The document path provided in the update expression is invalid for update"),
        ("SET s.x = :v", {":v": {"N": "1"}}, "The document path provided in the update expression is invalid for update"),
        ("SET l[0].x = :v", {":v": {"N": "1"}}, "The document path provided in the update expression is invalid for update"),
        ("SET a = :v SET b = :v", {":v": {"N": "1"}}, 'The "SET" section can only be used once in an update expression;'),
        (
            "SET a = :v, a.b = :v",
            {":v": {"N": "1"}},
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
        ),
        (
            "SET a.b = :v REMOVE a[0]",
            {":v": {"N": "1"}},
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]",
        ),
        (
            "ADD a :v",
            {":v": {"S": "x"}},
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeset: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :v",
            {":v": {"N": "1"}},
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeset: ALLOWED_FOR_DELETE_OPERAND",
        ),
        (
            "SET a = :v + :v",
            {":v": {"S": "1"}},
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        ("SET a", None, 'Syntax error; token: "<EOF>", near: "a"'),
        ("PUT a = :v", {":v": {"S": "1"}}, 'Syntax error; token: "PUT", near: "PUT a"'),
        ("SET a = begins_with(a, :v)", {":v": {"S": "1"}}, "The function is not allowed in an update expression; function: begins_with"),
    ],
)
def test_a_wrong_update_is_refused_in_words(text, given, message):
    with pytest.raises(AwsError) as caught:
        updated(text, ITEM, given)
    assert caught.value.code == "ValidationException"
    assert message in caught.value.message


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20), st.integers(-(10**37), 10**37))
def test_numbers_sort_by_their_bytes(one, other):
    left, right = numbers.normalise(str(one)), numbers.normalise(str(other))
    assert (numbers.sortable(left) < numbers.sortable(right)) == (one < other)
    assert (numbers.sortable(left) == numbers.sortable(right)) == (one == other)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000), min_size=2, max_size=2))
def test_small_numbers_sort_by_their_bytes(pair):
    try:
        texts = [numbers.normalise(str(number)) for number in pair]
    except AwsError:
        return
    assert (numbers.sortable(texts[0]) < numbers.sortable(texts[1])) == (pair[0] < pair[1])


@given(st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{1,18})?", fullmatch=True))
def test_a_number_keeps_its_value_in_its_one_spelling(text):
    kept = numbers.normalise(text)
    assert Decimal(kept) == Decimal(text)
    assert numbers.normalise(kept) == kept == numbers.plain(Decimal(text))


PIECES = st.sampled_from(
    [
        "a",
        "b",
        "#n",
        ":v",
        ":w",
        "size",
        "begins_with",
        "contains",
        "attribute_exists",
        "if_not_exists",
        "list_append",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "=",
        "<>",
        "<",
        "+",
        "-",
        "0",
        "1",
        "[0]",
        "name",
        "é",
        "!",
        "\n",
        "(a)",
        "a.b",
        "a[0]",
        "=:v",
        "attribute_type(a,:v)",
    ]
)
ATTRIBUTES = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.text(max_size=3)),
        st.builds(lambda number: {"N": str(number)}, st.integers(-5, 5)),
        st.just({"BOOL": True}),
        st.just({"SS": ["a"]}),
        st.just({"NS": ["1"]}),
        st.just({"B": b"x"}),
        st.just({"N": "9e125"}),
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=2)),
        st.builds(lambda items: {"M": items}, st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(PIECES, max_size=14).map(" ".join),
    st.sampled_from(["ConditionExpression", "UpdateExpression", "ProjectionExpression"]),
    st.dictionaries(st.sampled_from(["a", "b"]), ATTRIBUTES),
    ATTRIBUTES,
)
def test_whatever_an_expression_says_it_is_evaluated_or_refused(text, member, item, value):
    req = {member: text, "ExpressionAttributeNames": {"#n": "a"}, "ExpressionAttributeValues": {":v": value, ":w": {"N": "1"}}}
    try:
        for held in item.values():
            values.settle(held)
        expressions = Expressions(req, (member,))
        condition, update = expressions.condition("ConditionExpression"), expressions.update()
        expressions.projection()
        if condition is not None:
            matches(condition, item)
        if update is not None:
            values.item_size(modified(update, item))
    except AwsError as problem:
        assert problem.code == "ValidationException"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["(", "NOT ", "a = :v AND ", "size(", "a[0]", "a.", "((a) = "]), st.integers(1, 4000))
def test_no_depth_breaks_the_parser(piece, times):
    text = (piece * times)[:4200]
    with pytest.raises(AwsError):
        Expressions({"ConditionExpression": text, "ExpressionAttributeValues": {":v": {"N": "1"}}}, ("ConditionExpression",)).condition(
            "ConditionExpression"
        )
