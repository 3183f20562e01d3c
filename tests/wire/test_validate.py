"""Validation in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.constraints import compile_pattern
from cloudjar.wire.models import Models
from cloudjar.wire.validate import validate

MODELS = Models()


def refused(service: str, operation: str, params: dict[str, Any]) -> AwsError:
    with pytest.raises(AwsError) as caught:
        validate(MODELS.service(service).operations[operation], params)
    return caught.value


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "message"),
    [
        (
            "iam",
            "GetRole",
            {},
            "ValidationError",
            "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "iam",
            "GetRole",
            {"RoleName": "a b"},
            "ValidationError",
            "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": ""},
            "InvalidParameterException",
            "2 validation errors detected: Value '' at 'logGroupName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1; Value '' at 'logGroupName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ),
        (
            "kms",
            "CreateKey",
            {"KeySpec": "ROT13"},
            "ValidationException",
            "1 validation error detected: Value 'ROT13' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: ["
            + ", ".join(MODELS.service("kms").shape("KeySpec").enum)
            + "]",
        ),
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {}, "Timeout": 0},
            "ValidationException",
            "1 validation error detected: Value '0' at 'timeout' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "dynamodb",
            "CreateTable",
            {"TableName": "table", "KeySchema": [{"AttributeName": "x"}]},
            "ValidationException",
            "1 validation error detected: Value null at 'keySchema.1.member.keyType' failed to satisfy constraint: Member must not be null",
        ),
        ("ec2", "CreateTags", {"Tags": []}, "MissingParameter", "The request must contain the parameter Resources"),
        ("sqs", "SendMessage", {"QueueUrl": "u"}, "MissingParameter", "The request must contain the parameter MessageBody"),
        ("s3", "PutBucketVersioning", {"Bucket": "b"}, "MissingRequestBodyError", "Request Body is empty"),
        (
            "s3",
            "PutBucketTagging",
            {"Bucket": "b", "Tagging": {"TagSet": [{"Key": "k"}]}},
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
    ],
)
def test_what_the_model_forbids_is_refused_in_the_services_words(
    service: str, operation: str, params: dict[str, Any], code: str, message: str
) -> None:
    error = refused(service, operation, params)
    assert (error.code, error.message) == (code, message)


def test_map_keys_are_named_with_all_their_constraints() -> None:
    error = refused("logs", "CreateLogGroup", {"logGroupName": "g", "tags": {"": "v"}})
    assert "Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length" in error.message


def test_secrets_are_not_shown() -> None:
    error = refused("iam", "ChangePassword", {"OldPassword": "", "NewPassword": "x"})
    assert "Value at 'oldPassword' failed to satisfy constraint: Member must have length greater than or equal to 1" in error.message


def test_what_the_model_allows_passes() -> None:
    validate(MODELS.service("iam").operations["GetRole"], {"RoleName": "a-role"})
    validate(MODELS.service("sts").operations["GetCallerIdentity"], {})


def test_runtimes_are_lambdas_to_judge() -> None:
    params = {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {}, "Runtime": "cobol"}
    validate(MODELS.service("lambda").operations["CreateFunction"], params)


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$", "é 1", "é;"),
        (r"[\w-_]*", "a-_", "é"),
        (r"\p{Print}+", "a b", "\t"),
        ("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*", "a𝒜\t", "\n"),
    ],
)
def test_javas_patterns_are_pythons(pattern: str, right: str, wrong: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    assert compiled.fullmatch(right)
    assert not compiled.fullmatch(wrong)


def test_nearly_all_patterns_of_all_services_are_understood() -> None:
    patterns = {shape.pattern for name in MODELS.names() for shape in shapes(name) if shape.pattern}
    strange = [pattern for pattern in patterns if compile_pattern(pattern) is None]
    assert len(strange) / len(patterns) < 0.02


def shapes(service: str) -> list[Any]:
    model = MODELS.service(service)
    return [model.shape(name) for name in model.shapes]
