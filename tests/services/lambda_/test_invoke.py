"""Invoke itself: its kinds, its limits, its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import TRUST, Functions

ANSWER = "def handler(event, context):\n    print('ran')\n    return event\n"


def test_a_dry_run_runs_nothing(functions: Functions) -> None:
    functions.python("f", ANSWER)
    answer = functions.client.invoke(FunctionName="f", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert functions.world.client("logs").describe_log_groups()["logGroups"] == []


def test_a_payload_that_is_not_json_is_refused(functions: Functions) -> None:
    functions.python("f", ANSWER)
    with pytest.raises(functions.client.exceptions.InvalidRequestContentException, match="Could not parse request body into json"):
        functions.client.invoke(FunctionName="f", Payload=b"{oops")


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_a_payload_that_is_too_large_is_refused(functions: Functions, kind: str, limit: int) -> None:
    functions.python("f", ANSWER)
    with pytest.raises(functions.client.exceptions.RequestTooLargeException, match=rf"\(limit {limit} bytes\)"):
        functions.client.invoke(FunctionName="f", InvocationType=kind, Payload=b'"' + b"x" * limit + b'"')


def test_a_large_payload_goes_through_and_back(functions: Functions) -> None:
    functions.python("f", "def handler(event, context):\n    return event\n", MemorySize=512)
    event = "x" * 5_000_000
    assert functions.invoke("f", event).value == event


def test_an_unknown_qualifier_is_not_found(functions: Functions) -> None:
    functions.python("f", ANSWER)
    with pytest.raises(
        functions.client.exceptions.ResourceNotFoundException,
        match=r"Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:7",
    ):
        functions.invoke("f", Qualifier="7")


def test_the_log_is_in_cloudwatch_when_the_answer_comes(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", ANSWER)
    result = functions.invoke("f")
    lines = log_lines("/aws/lambda/f")
    assert lines[0].startswith("INIT_START Runtime Version: ")
    assert lines[1:3] == [f"START RequestId: {result.request_id} Version: $LATEST\n", "ran\n"]
    assert "".join(lines[1:]) == result.log


def test_the_log_group_may_be_chosen(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", ANSWER, LoggingConfig={"LogGroup": "/mine"})
    functions.invoke("f")
    assert "ran\n" in log_lines("/mine")


def test_a_deleted_log_group_comes_back(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", ANSWER)
    functions.invoke("f")
    functions.world.client("logs").delete_log_group(logGroupName="/aws/lambda/f")
    functions.invoke("f")
    assert "ran\n" in log_lines("/aws/lambda/f")


def test_the_tail_is_the_last_four_kibibytes(functions: Functions) -> None:
    functions.python("f", "def handler(event, context):\n    print('x' * 10000)\n")
    log = functions.invoke("f").log
    assert len(log) == 4096
    assert "\nREPORT RequestId: " in log


def test_a_function_whose_role_is_gone_is_denied(functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    functions.python("f", ANSWER)
    iam = world.client("iam")
    for policy in iam.list_attached_role_policies(RoleName="function")["AttachedPolicies"]:
        iam.detach_role_policy(RoleName="function", PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName="function")
    with aws_error("AccessDeniedException", "The role defined for the function cannot be assumed by Lambda."):
        functions.invoke("f")


def test_another_account_may_not_be_reached_by_a_bare_name(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ANSWER)
    other = world.client("lambda", access_key="111122223333")
    with pytest.raises(other.exceptions.ResourceNotFoundException):
        other.invoke(FunctionName="f")


def test_functions_run_in_other_regions_too(functions: Functions, world: LocalWorld) -> None:
    tokyo = Functions(world, functions.role)
    tokyo.client = world.client("lambda", region="ap-northeast-1")
    tokyo.python("f", "import os\ndef handler(event, context):\n    return os.environ['AWS_REGION']\n")
    assert tokyo.invoke("f").value == "ap-northeast-1"


def test_an_older_client_may_still_use_invoke_async(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", ANSWER)
    assert functions.client.invoke_async(FunctionName="f", InvokeArgs=b"{}")["Status"] == 202
    world.settle()
    assert "ran\n" in log_lines("/aws/lambda/f")


def test_a_payload_that_is_nested_too_deep_is_refused(functions: Functions) -> None:
    functions.python("f", ANSWER)
    with pytest.raises(functions.client.exceptions.InvalidRequestContentException):
        functions.client.invoke(FunctionName="f", Payload=b"[" * 200_000 + b"]" * 200_000)


def test_an_answer_that_is_nested_too_deep_is_passed_on(functions: Functions) -> None:
    functions.python("f", "def handler(e, c):\n    x = []\n    for _ in range(400):\n        x = [x]\n    raise ValueError(str(x))\n")
    assert functions.invoke("f").value["errorType"] == "ValueError"


@pytest.mark.parametrize("context", ["!", "e30", "W10=", "WyJhIl0"])
def test_a_bad_client_context_never_breaks_the_jar(functions: Functions, context: str) -> None:
    functions.python("f", ANSWER)
    try:
        functions.client.invoke(FunctionName="f", ClientContext=context)
    except functions.client.exceptions.InvalidParameterValueException as error:
        assert "Client context" in str(error)


def test_a_role_that_may_not_write_logs_leaves_none(functions: Functions, world: LocalWorld) -> None:
    role = world.client("iam").create_role(RoleName="silent", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    functions.python("f", ANSWER, Role=role)
    assert "ran\n" in functions.invoke("f").log
    assert world.client("logs").describe_log_groups()["logGroups"] == []


def test_another_account_may_call_once_the_policy_lets_it(functions: Functions, world: LocalWorld) -> None:
    arn = functions.python("f", ANSWER)["FunctionArn"]
    other = world.client("lambda", access_key="111122223333")
    with pytest.raises(other.exceptions.ClientError, match="AccessDenied"):
        other.invoke(FunctionName=arn)
    functions.client.add_permission(FunctionName="f", StatementId="a", Action="lambda:InvokeFunction", Principal="111122223333")
    assert other.invoke(FunctionName=arn, Payload=b"7")["Payload"].read() == b"7"
