"""`cloudjar lambda`: a function called, its log read, its environment shown."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

SOURCE = "def handler(event, context):\n    print('hello', event['name'])\n    return 1 / event['by']\n"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def function(cj: Any, client: Callable[..., Any]) -> Any:
    endpoint = cj.up()["endpoint"]
    iam = client("iam", endpoint)
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="f", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", SOURCE)
    client("lambda", endpoint).create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"COLOUR": "light blue"}},
    )
    return cj


def test_a_function_is_called_its_log_read_and_its_environment_shown(function: Any) -> None:
    done = function("lambda", "invoke", "f", '{"name": "you", "by": 2}')
    assert (done.code, done.out) == (0, "0.5\n")
    assert "hello you" in done.err
    failed = function("lambda", "invoke", "f", '{"name": "me", "by": 0}', "--json")
    assert (failed.code, failed.json["error"]) == (1, "Unhandled")
    assert "hello you" in function("lambda", "logs", "f").out
    assert "export COLOUR='light blue'" in function("lambda", "env", "f").out.splitlines()


def test_a_function_that_is_not_there_is_a_problem_in_words(cj: Any) -> None:
    cj.up()
    done = cj("lambda", "invoke", "none")
    assert done.code == 1
    assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none" in done.err
