"""What the tests of Lambda share: a role, packages, and functions made of them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.kernel.errors import AwsError

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)

ECHO = """#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  EVENT=$(curl -sS -D /tmp/headers "$API/invocation/next")
  ID=$(grep -i '^Lambda-Runtime-Aws-Request-Id' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  echo "event $EVENT"
  curl -sS -X POST "$API/invocation/$ID/response" -d "$EVENT" > /dev/null
done
"""


def package(files: dict[str, str | bytes], mode: int = 0o755, *, compressed: bool = False) -> bytes:
    """A zip archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED)
    return buffer.getvalue()


class Functions:
    """Makes and calls functions in one world."""

    def __init__(self, world: LocalWorld, role: str) -> None:
        self.world = world
        self.role = role
        self.client = world.client("lambda")

    def create(self, name: str, files: dict[str, str | bytes], *, mode: int = 0o755, **options: Any) -> dict[str, Any]:
        """A function of these files: `bootstrap` makes it a custom runtime's, `app.py` a Python one with `app.handler`."""
        runtime, handler = ("python3.11", "app.handler") if "app.py" in files else ("provided.al2023", "none")
        request = {"Runtime": runtime, "Handler": handler, "Role": self.role, "Timeout": 10, "Code": {"ZipFile": package(files, mode)}}
        answer: dict[str, Any] = self.client.create_function(FunctionName=name, **{**request, **options})
        return answer

    def python(self, name: str, source: str, **options: Any) -> dict[str, Any]:
        """A Python function of one file."""
        return self.create(name, {"app.py": source}, **options)

    def invoke(self, name: str, event: Any = None, **options: Any) -> Result:
        """One call, with its log."""
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail", **options)
        return Result(answer)


class Result:
    """What a call gave."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["StatusCode"]
        self.error = answer.get("FunctionError")
        self.version = answer.get("ExecutedVersion")
        self.request_id = answer["ResponseMetadata"]["RequestId"]
        raw = answer["Payload"].read()
        self.value = json.loads(raw) if raw else None
        self.log = base64.b64decode(answer.get("LogResult", "")).decode()


def make_role(world: LocalWorld) -> str:
    """A role that Lambda may assume, and that may write logs and call functions."""
    iam = world.client("iam")
    arn: str = iam.create_role(RoleName="function", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    iam.attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaRole")
    return arn


@pytest.fixture
def role(world: LocalWorld) -> str:
    """The role of the test's functions."""
    return make_role(world)


@pytest.fixture
def functions(world: LocalWorld, role: str) -> Functions:
    """Makes and calls functions in the test's world."""
    return Functions(world, role)


@pytest.fixture
def log_lines(world: LocalWorld) -> Callable[[str], list[str]]:
    """All that a log group holds, oldest first."""

    def read(group: str) -> list[str]:
        events = world.client("logs").filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]

    return read


def aws_refusal(match: str) -> Any:
    """That something is refused as a bad parameter, in these words; in process or over the wire."""
    return pytest.raises((ClientError, AwsError), match=match)
