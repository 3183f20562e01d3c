"""Filter criteria: AWS's table of bodies and patterns, and what is in a record beside the body.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
"""

from __future__ import annotations

import pytest

from cloudjar.kernel.source_filters import passes

JSON = '{"a": 1, "b": {"c": "x"}}'


@pytest.mark.parametrize(
    ("body", "pattern", "expected"),
    [
        ("hello", '{"body": ["hello"]}', True),
        ("hello", '{"body": ["other"]}', False),
        ("hello", '{"body": [{"prefix": "he"}]}', True),
        ("hello", '{"body": {"a": [1]}}', False),
        (JSON, '{"body": {"a": [1]}}', True),
        (JSON, '{"body": {"a": [2]}}', False),
        (JSON, '{"body": {"b": {"c": ["x"]}}}', True),
        (JSON, '{"body": {"a": [{"numeric": [">", 0, "<=", 1]}], "z": [{"exists": false}]}}', True),
        # Text patterns are never met by JSON, whatever its text.
        (JSON, '{"body": ["hello"]}', False),
        (JSON, '{"body": [{"prefix": "{"}]}', False),
        ("[1]", '{"body": ["[1]"]}', False),
        # Nothing is said of the body.
        ("hello", '{"messageId": ["m"]}', True),
        (JSON, '{"messageId": ["m"], "attributes": {"SenderId": ["s"]}}', True),
        (JSON, '{"messageId": ["other"]}', False),
    ],
)
def test_bodies_and_patterns(body: str, pattern: str, expected: bool) -> None:
    record = {"messageId": "m", "body": body, "attributes": {"SenderId": "s"}}
    assert passes([pattern], record, "body") is expected


def test_one_pattern_that_matches_is_enough() -> None:
    assert passes(['{"body": ["x"]}', '{"body": {"a": [1]}}'], {"body": JSON}, "body")
    assert passes([], {"body": JSON}, "body")


def test_records_without_text_of_a_sender_are_matched_as_they_are() -> None:
    record = {"eventName": "INSERT", "dynamodb": {"NewImage": {"n": {"N": "5"}}}}
    assert passes(['{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": ["5"]}}}}'], record, "")
    assert not passes(['{"dynamodb": {"OldImage": {"n": {"N": [{"exists": true}]}}}}'], record, "")
