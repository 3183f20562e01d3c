"""Event invocations: accepted durably, retried by the world's clock, told to others."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cloudjar.gateway.inprocess import LocalJar, LocalWorld

from .conftest import Functions, aws_refusal, make_role

NOTE = "def handler(event, context):\n    print('handled', event['n'], context.aws_request_id)\n"
NOWHERE = "arn:aws:sqs:us-east-1:000000000000:none"
FAIL = "def handler(event, context):\n    print('tried', context.aws_request_id)\n    raise ValueError('no')\n"


def test_an_event_is_accepted_at_once_and_handled_later(
    functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("note", NOTE)
    answer = functions.client.invoke(FunctionName="note", InvocationType="Event", Payload=b'{"n": 7}')
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    world.settle()
    assert f"handled 7 {answer['ResponseMetadata']['RequestId']}\n" in log_lines("/aws/lambda/note")


def test_a_failing_event_is_tried_after_one_and_two_more_minutes(
    functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("fail", FAIL)
    world.clock.freeze()
    functions.client.invoke(FunctionName="fail", InvocationType="Event", Payload=b"{}")
    world.settle()

    def tries() -> int:
        return sum(line.startswith("tried") for line in log_lines("/aws/lambda/fail"))

    counts = [tries()]
    for seconds in (59, 1, 119, 1, 3600):
        world.clock.advance(seconds=seconds)
        counts.append(tries())
    assert counts == [1, 1, 2, 2, 3, 3]


def test_retries_can_be_turned_off(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("fail", FAIL)
    functions.client.put_function_event_invoke_config(FunctionName="fail", MaximumRetryAttempts=0)
    functions.client.invoke(FunctionName="fail", InvocationType="Event")
    world.clock.advance(hours=1)
    assert sum(line.startswith("tried") for line in log_lines("/aws/lambda/fail")) == 1


def test_an_event_that_grows_too_old_is_given_up(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("fail", FAIL)
    functions.client.put_function_event_invoke_config(FunctionName="fail", MaximumEventAgeInSeconds=100)
    functions.client.invoke(FunctionName="fail", InvocationType="Event")
    world.clock.advance(hours=1)
    assert sum(line.startswith("tried") for line in log_lines("/aws/lambda/fail")) == 2


def test_a_throttled_event_waits_for_its_turn(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("note", NOTE)
    functions.client.put_function_concurrency(FunctionName="note", ReservedConcurrentExecutions=0)
    functions.client.invoke(FunctionName="note", InvocationType="Event", Payload=b'{"n": 1}')
    world.clock.advance(minutes=30)
    functions.client.delete_function_concurrency(FunctionName="note")
    world.clock.advance(minutes=6)
    assert sum(line.startswith("handled 1") for line in log_lines("/aws/lambda/note")) == 1


def test_destinations_are_told_of_success_and_of_failure(
    functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    seen = functions.python("seen", "import json\ndef handler(event, context):\n    print('SEEN ' + json.dumps(event))\n")["FunctionArn"]
    functions.python("either", "def handler(event, context):\n    return 10 / event\n")
    functions.client.put_function_event_invoke_config(
        FunctionName="either",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": seen}, "OnFailure": {"Destination": seen}},
    )
    for event in (b"5", b"0"):
        functions.client.invoke(FunctionName="either", InvocationType="Event", Payload=event)
        world.settle()
    records = [json.loads(line[5:]) for line in log_lines("/aws/lambda/seen") if line.startswith("SEEN ")]
    assert [record["requestContext"]["condition"] for record in records] == ["Success", "RetriesExhausted"]
    assert records[0]["responsePayload"] == 2.0
    assert (records[1]["requestPayload"], records[1]["responseContext"]["functionError"]) == (0, "Unhandled")
    assert records[1]["responsePayload"]["errorType"] == "ZeroDivisionError"


def test_the_event_invoke_configuration_is_kept_changed_and_removed(functions: Functions) -> None:
    functions.python("note", NOTE)
    lambda_ = functions.client
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException, match="doesn't have an EventInvokeConfig"):
        lambda_.get_function_event_invoke_config(FunctionName="note")
    lambda_.put_function_event_invoke_config(FunctionName="note", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    lambda_.update_function_event_invoke_config(FunctionName="note", MaximumRetryAttempts=0)
    found = lambda_.get_function_event_invoke_config(FunctionName="note")
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (0, 60)
    assert found["FunctionArn"].endswith(":function:note:$LATEST")
    assert len(lambda_.list_function_event_invoke_configs(FunctionName="note")["FunctionEventInvokeConfigs"]) == 1
    lambda_.delete_function_event_invoke_config(FunctionName="note")
    assert lambda_.list_function_event_invoke_configs(FunctionName="note")["FunctionEventInvokeConfigs"] == []


DIES = """
import json, os, sys
from pathlib import Path
from cloudjar.gateway.inprocess import LocalJar
sys.path.insert(0, sys.argv[2])
from lambda_.conftest import Functions, make_role
jar = LocalJar(Path(sys.argv[1]))
world = jar.world()
functions = Functions(world, make_role(world))
functions.python("slow", "import time\\ndef handler(event, context):\\n    time.sleep(event['for'])\\n    print('handled')\\n", Timeout=60)
functions.invoke("slow", {"for": 0})
functions.client.invoke(FunctionName="slow", InvocationType="Event", Payload=b'{"for": 1}')
print("accepted", flush=True)
sys.stdin.read()
"""


def test_an_accepted_event_and_the_function_survive_the_death_of_the_jar(tmp_path: Path) -> None:
    tests = str(Path(__file__).parent.parent)
    jar = subprocess.Popen(
        [sys.executable, "-c", DIES, str(tmp_path / "data"), tests], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert jar.stdout is not None
    assert jar.stdout.readline() == "accepted\n"
    os.kill(jar.pid, signal.SIGKILL)
    jar.wait()
    with LocalJar(tmp_path / "data") as again:
        world = again.world()
        assert world.client("lambda").get_function(FunctionName="slow")["Configuration"]["State"] == "Active"
        world.settle()
        events = world.client("logs").filter_log_events(logGroupName="/aws/lambda/slow", filterPattern="handled")["events"]
        assert len(events) == 2
        world.client("lambda").invoke(FunctionName="slow", Payload=b'{"for": 0}')


def _sandboxes() -> int:
    found = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                command = Path("/proc", entry, "cmdline").read_bytes()
            except OSError:
                continue
            found += b"/var/runtime/bootstraps/python3.py" in command.split(b"\0")
    return found


def test_no_sandbox_outlives_its_jar() -> None:
    before = _sandboxes()
    with LocalJar() as jar:
        world = jar.world()
        functions = Functions(world, make_role(world))
        functions.python("note", NOTE)
        functions.invoke("note", {"n": 1})
        assert _sandboxes() > before
    deadline = time.monotonic() + 10
    while _sandboxes() > before and time.monotonic() < deadline:
        pass
    assert _sandboxes() <= before


def test_cloudwatch_is_told_of_events_that_are_dropped(functions: Functions, world: LocalWorld) -> None:
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    functions.python("f", "def handler(e, c):\n    raise ValueError\n", DeadLetterConfig={"TargetArn": NOWHERE})
    functions.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    functions.client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    world.settle()
    found = {}
    for name in ("AsyncEventsReceived", "AsyncEventsDropped", "DeadLetterErrors", "Invocations", "Errors"):
        answer = world.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": "FunctionName", "Value": "f"}],
            StartTime=world.clock.now() - timedelta(hours=1),
            EndTime=world.clock.now() + timedelta(hours=1),
            Period=86400,
            Statistics=["Sum"],
        )
        found[name] = sum(point["Sum"] for point in answer["Datapoints"])
    assert found == dict.fromkeys(found, 1.0)


def test_a_bucket_keeps_events_that_failed(functions: Functions, world: LocalWorld) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="failed")
    destination = {"OnFailure": {"Destination": "arn:aws:s3:::failed"}}
    functions.python("f", "def handler(e, c):\n    raise ValueError('no')\n")
    with aws_refusal("does not have permissions to call PutObject on arn:aws:s3:::failed"):
        functions.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig=destination)
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    with aws_refusal("is invalid"):
        functions.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": destination["OnFailure"]})
    functions.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0, DestinationConfig=destination)
    functions.client.invoke(FunctionName="f", InvocationType="Event", Payload=b"[1]")
    world.settle()
    [found] = s3.list_objects_v2(Bucket="failed")["Contents"]
    assert re.fullmatch(r"aws/lambda/async/f/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}", found["Key"])
    record = json.loads(s3.get_object(Bucket="failed", Key=found["Key"])["Body"].read())
    assert (record["requestPayload"], record["responsePayload"]["errorMessage"]) == ([1], "no")


def test_a_dead_letter_target_is_that_of_the_version_and_wants_permission(functions: Functions, world: LocalWorld) -> None:
    target = {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}
    source = "def handler(e, c):\n    raise ValueError('no')\n"
    with aws_refusal("The provided execution role does not have permissions to call SendMessage on SQS"):
        functions.python("f", source, DeadLetterConfig=target)
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    url = world.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    functions.python("f", source, DeadLetterConfig=target, Publish=True)
    functions.client.update_function_configuration(FunctionName="f", DeadLetterConfig={"TargetArn": ""})
    for qualifier in ("1", "$LATEST"):
        functions.client.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=0)
        functions.client.invoke(
            FunctionName="f", Qualifier=qualifier, InvocationType="Event", Payload=qualifier[-1:].encode().replace(b"T", b"0")
        )
    world.settle()
    messages = world.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in messages] == ["1"]
