"""Condition keys that say which function a role is assumed for, and which function calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import ECHO, TRUST, Functions

MINE = "arn:aws:lambda:us-east-1:000000000000:function:mine"
KEYS = """
import os
def handler(event, context):
    return [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
"""


def test_a_role_may_be_for_one_function_only(functions: Functions, world: LocalWorld) -> None:
    trust = json.loads(TRUST)
    trust["Statement"][0]["Condition"] = {"ArnEquals": {"aws:SourceArn": MINE}, "StringEquals": {"aws:SourceAccount": "000000000000"}}
    role = world.client("iam").create_role(RoleName="mine", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    functions.create("mine", {"bootstrap": ECHO}, Role=role)
    assert functions.invoke("mine", {"a": 1}).value == {"a": 1}
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="cannot be assumed by Lambda"):
        functions.create("other", {"bootstrap": ECHO}, Role=role)


def test_a_functions_calls_carry_its_arn(functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    condition = {"ArnEquals": {"lambda:SourceFunctionArn": MINE}}
    statement = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("iam").put_role_policy(RoleName="function", PolicyName="mine", PolicyDocument=document)
    functions.python("mine", KEYS, Publish=True)
    functions.python("other", KEYS)
    # The key names the function, also where one of its versions calls.
    queues(world, functions.invoke("mine", Qualifier="1").value).list_queues()
    with aws_error("AccessDenied"):
        queues(world, functions.invoke("other").value).list_queues()


def queues(world: LocalWorld, keys: list[str]) -> Any:
    """A client with a function's credentials."""
    return world.client("sqs", access_key=keys[0], secret=keys[1], session_token=keys[2])
