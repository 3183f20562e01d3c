"""Filter policies, after the examples of AWS's developer guide."""

import json

import pytest

from cloudjar.kernel.errors import AwsError
from cloudjar.services.sns.filter_policy import ATTRIBUTES, BODY, matches, read


def attribute(value):
    if isinstance(value, list):
        return {"DataType": "String.Array", "StringValue": json.dumps(value)}
    if isinstance(value, bytes):
        return {"DataType": "Binary", "BinaryValue": value}
    return {"DataType": "String" if isinstance(value, str) else "Number", "StringValue": str(value)}


MESSAGE = {"store": "example_corp", "price": 210.75, "interests": ["soccer", "rugby"], "ip": "10.0.0.5", "encrypted": b"\1", "n": 0}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"store": ["example_corp"]}, True),
        ({"store": ["other", "example_corp"]}, True),
        ({"store": ["Example_corp"]}, False),
        ({"store": ["example_corp"], "event": ["x"]}, False),
        ({"store": [{"prefix": "example"}]}, True),
        ({"store": [{"suffix": "corp"}]}, True),
        ({"store": [{"suffix": "example"}]}, False),
        ({"store": [{"equals-ignore-case": "EXAMPLE_CORP"}]}, True),
        ({"store": [{"wildcard": "ex*_c*p"}]}, True),
        ({"store": [{"wildcard": "ex*[x]"}]}, False),
        ({"store": [{"anything-but": "example_corp"}]}, False),
        ({"store": [{"anything-but": ["a", "b"]}]}, True),
        ({"store": [{"anything-but": {"prefix": "order"}}]}, True),
        ({"store": [{"anything-but": {"prefix": "exam"}}]}, False),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"interests": [{"anything-but": ["rugby", "tennis"]}]}, True),
        ({"interests": ["rugby"]}, True),
        ({"interests": ["hockey"]}, False),
        ({"price": [210.75]}, True),
        ({"price": ["210.75"]}, False),
        ({"price": [{"numeric": ["=", 210.75]}]}, True),
        ({"price": [{"numeric": [">", 0, "<=", 150]}]}, False),
        ({"price": [{"numeric": [">=", 210.75]}]}, True),
        ({"n": [{"numeric": ["<", 0]}]}, False),
        ({"price": [{"anything-but": [100, 500]}]}, True),
        ({"store": [{"exists": True}]}, True),
        ({"store": [{"exists": False}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"missing": ["x", {"exists": False}]}, True),
        ({"encrypted": [{"exists": True}]}, True),
        ({"encrypted": ["\1"]}, False),
        ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"store": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"$or": [{"store": ["x"]}, {"price": [{"numeric": [">", 200]}]}]}, True),
        ({"$or": [{"store": ["x"]}, {"price": [1]}]}, False),
        ({"store": ["example_corp"], "$or": [{"n": [0]}, {"n": [1]}]}, True),
    ],
)
def test_attributes(policy, expected):
    values = {name: attribute(value) for name, value in MESSAGE.items()}
    assert matches(json.dumps(policy), ATTRIBUTES, values, "") is expected


BODY_MESSAGE = {"a": {"b": ["x", {"c": 1}], "ok": True}, "none": None, "list": [[1], [2]]}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"a": {"b": ["x"]}}, True),
        ({"a": {"b": {"c": [1]}}}, True),
        ({"a": {"b": {"c": [2]}}}, False),
        ({"a": {"ok": [True]}}, True),
        ({"a": {"ok": [1]}}, False),
        ({"none": [None]}, True),
        ({"list": [2]}, True),
        ({"a": {"missing": [{"exists": False}]}}, True),
        ({"a": {"$or": [{"b": ["y"]}, {"ok": [True]}]}}, True),
    ],
)
def test_bodies(policy, expected):
    assert matches(json.dumps(policy), BODY, {}, json.dumps(BODY_MESSAGE)) is expected


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        ({"k": {"n": [1], "m": [2]}}, {"k": [{"n": 1}, {"m": 2}]}, False),
        ({"k": {"n": [1], "m": [2]}}, {"k": [{"n": 1}, {"n": 1, "m": 2}]}, True),
        ({"k": {"n": {"x": [1]}, "m": [2]}}, {"k": [[{"n": [{"x": 1}], "m": 2}]]}, True),
        ({"k": {"n": [{"exists": False}]}}, {"k": [{"n": 1}, {"m": 1}]}, True),
        ({"k": {"n": [{"exists": False}]}}, {}, True),
        ({"k": [{"exists": True}]}, {"k": {"n": 1}}, False),
        ({"k.n": [1]}, {"k": {"n": 1}}, False),
    ],
)
def test_one_element_of_an_array_has_to_meet_all(policy, body, expected):
    assert matches(json.dumps(policy), BODY, {}, json.dumps(body)) is expected


def test_values_of_nested_keys_count_by_their_depth():
    def policy(last):
        return json.dumps({"a": {"b": {"c": ["1", "2", "3", "4"]}}, "d": {"e": ["1", "2", "3"]}, "f": [str(n) for n in range(last)]})

    read(policy(2), BODY)
    with pytest.raises(AwsError, match="too complex"):
        read(policy(3), BODY)


def test_a_body_that_is_no_object_matches_nothing():
    assert not matches('{"a": [{"exists": false}]}', BODY, {}, "plain text")


def test_without_a_policy_everything_passes():
    assert matches("", ATTRIBUTES, {}, "anything")


@pytest.mark.parametrize(
    "policy",
    [
        "nonsense",
        "[]",
        '{"a": "x"}',
        '{"a": []}',
        '{"a": {"b": ["x"]}}',
        '{"a": [["x"]]}',
        '{"a": [{"unknown": "x"}]}',
        '{"a": [{"prefix": 1}]}',
        '{"a": [{"numeric": ["<"]}]}',
        '{"a": [{"numeric": ["~", 1]}]}',
        '{"a": [{"numeric": [">", 5, "<", 1]}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"cidr": "10.0.0"}]}',
        '{"a": [{"anything-but": {"unknown": "x"}}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": ["1"], "b": ["1"], "c": ["1"], "d": ["1"], "e": ["1"], "f": ["1"]}',
        json.dumps({name: [str(each) for each in range(6)] for name in "abc"}),
        "[" * 3000,
    ],
)
def test_a_bad_policy_is_refused(policy):
    with pytest.raises(AwsError) as caught:
        read(policy, ATTRIBUTES)
    assert caught.value.code == "InvalidParameter"
