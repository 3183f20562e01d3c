"""Durable functions: executions that are checkpointed, wait for nothing but time and answers, and go on where they stopped."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions, aws_refusal

# What AWS's SDK for durable functions does, in little.
CLIENT = """
import boto3, json
client = boto3.client("lambda")

class Suspend(Exception):
    pass

class Durable:
    def __init__(self, event):
        self.arn, self.token = event["DurableExecutionArn"], event["CheckpointToken"]
        self.operations = {o["Id"]: o for o in event["InitialExecutionState"]["Operations"]}
        self.input = json.loads(self.operations[self.arn.split("/")[-1]]["ExecutionDetails"]["InputPayload"])
        self.replays = len(self.operations) > 1

    def checkpoint(self, **update):
        answer = client.checkpoint_durable_execution(DurableExecutionArn=self.arn, CheckpointToken=self.token, Updates=[update])
        self.token = answer.get("CheckpointToken")
        self.operations.update({o["Id"]: o for o in answer["NewExecutionState"]["Operations"]})

    def step(self, id, work):
        known = self.operations.get(id)
        if known and known["Status"] == "SUCCEEDED":
            return json.loads(known["StepDetails"]["Result"])
        if not known or known["Status"] == "READY":
            self.checkpoint(Id=id, Type="STEP", Action="START", Name=id)
        attempt = self.operations[id]["StepDetails"]["Attempt"] + 1
        try:
            result = work(attempt)
        except ValueError as error:
            told = {"ErrorType": "ValueError", "ErrorMessage": str(error)}
            self.checkpoint(Id=id, Type="STEP", Action="RETRY", Error=told, StepOptions={"NextAttemptDelaySeconds": 30})
            raise Suspend
        self.checkpoint(Id=id, Type="STEP", Action="SUCCEED", Payload=json.dumps(result))
        return result

    def wait_for(self, id, **start):
        if id not in self.operations:
            self.checkpoint(Id=id, Action="START", **start)
        known = self.operations[id]
        if known["Status"] == "STARTED":
            raise Suspend
        details = known.get("CallbackDetails") or known.get("ChainedInvokeDetails") or {}
        if known["Status"] != "SUCCEEDED":
            raise RuntimeError(known["Status"] + " " + details["Error"].get("ErrorMessage", ""))
        return details.get("Result")

def durable(work):
    def handler(event, context):
        try:
            return {"Status": "SUCCEEDED", "Result": json.dumps(work(Durable(event)))}
        except Suspend:
            return {"Status": "PENDING"}
        except RuntimeError as error:
            return {"Status": "FAILED", "Error": {"ErrorType": "RuntimeError", "ErrorMessage": str(error)}}
    return handler
"""
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:d"


class Durables:
    """Makes durable functions of one world, and looks at their executions."""

    def __init__(self, world: LocalWorld, functions: Functions) -> None:
        self.world, self.functions, self.client = world, functions, functions.client
        actions = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        world.client("iam").put_role_policy(RoleName="function", PolicyName="durable", PolicyDocument=json.dumps(policy))

    def make(self, body: str, name: str = "d", seconds: int = 600, **options: Any) -> dict[str, Any]:
        """A durable function whose work is `body`, of `d`."""
        source = CLIENT + "@durable\ndef handler(d):\n" + "".join(f"    {line}\n" for line in body.splitlines())
        return self.functions.python(name, source, MemorySize=256, DurableConfig={"ExecutionTimeout": seconds}, **options)

    def start(self, payload: Any = None, name: str = "d:$LATEST", **options: Any) -> str:
        """Starts an execution, and lets it come to rest."""
        answer = self.client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload).encode(), **options)
        assert answer["StatusCode"] == 202
        self.world.settle()
        return str(answer["DurableExecutionArn"])

    def get(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_durable_execution(DurableExecutionArn=arn)
        return found

    def history(self, arn: str) -> list[str]:
        events = self.client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)["Events"]
        assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
        return [event["EventType"] for event in events]


@pytest.fixture
def durables(world: LocalWorld, functions: Functions) -> Durables:
    return Durables(world, functions)


def test_steps_run_once_and_waits_take_no_invocation(durables: Durables, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    made = durables.make(
        "print('in', d.input)\n"
        "one = d.step('one', lambda n: (print('step'), d.input['a'] + 1)[1])\n"
        "d.wait_for('pause', Type='WAIT', WaitOptions={'WaitSeconds': 3600})\n"
        "return [one, d.replays]",
        seconds=86_400,
    )
    assert made["DurableConfig"] == {"ExecutionTimeout": 86_400, "RetentionPeriodInDays": 14}
    world.clock.freeze()
    arn = durables.start({"a": 1}, DurableExecutionName="first")
    assert arn.startswith(f"{FUNCTION}:$LATEST/durable-execution/first/")
    assert durables.get(arn)["Status"] == "RUNNING"
    world.clock.advance(seconds=3600)
    world.settle()
    found = durables.get(arn)
    assert (found["Status"], found["Result"], found["InputPayload"]) == ("SUCCEEDED", "[2, true]", '{"a": 1}')
    assert found["EndTimestamp"] - found["StartTimestamp"] == timedelta(hours=1)
    lines = log_lines("/aws/lambda/d")
    assert (sum(line.startswith("in ") for line in lines), lines.count("step\n")) == (2, 1)
    assert durables.history(arn) == [
        "ExecutionStarted",
        *("StepStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted"),
        *("WaitSucceeded", "InvocationCompleted", "ExecutionSucceeded"),
    ]


def test_a_caller_waits_for_the_end(durables: Durables, functions: Functions) -> None:
    durables.make("if d.input == 'fail':\n    raise RuntimeError('no')\nreturn d.input * 2")
    assert functions.invoke("d", 21, Qualifier="$LATEST").value == 42
    failed = functions.invoke("d", "fail", Qualifier="$LATEST")
    assert (failed.error, failed.value) == ("Unhandled", {"errorType": "RuntimeError", "errorMessage": "no"})


def test_a_step_is_tried_again_by_the_worlds_clock(durables: Durables, world: LocalWorld) -> None:
    durables.make("def work(n):\n    if n < 3:\n        raise ValueError('try %d' % n)\n    return n\nreturn d.step('s', work)")
    world.clock.freeze()
    arn = durables.start()
    for _ in range(2):
        assert durables.get(arn)["Status"] == "RUNNING"
        world.clock.advance(seconds=30)
        world.settle()
    assert durables.get(arn)["Result"] == "3"


def test_a_callback_is_answered_kept_alive_or_late(durables: Durables, world: LocalWorld, aws_error: Any) -> None:
    options = "CallbackOptions={'TimeoutSeconds': 600, 'HeartbeatTimeoutSeconds': 60}"
    durables.make(f"return d.wait_for('c', Type='CALLBACK', {options})")
    world.clock.freeze()

    def begun() -> tuple[str, str]:
        arn = durables.start()
        events = durables.client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
        return arn, next(e["CallbackStartedDetails"]["CallbackId"] for e in events if e["EventType"] == "CallbackStarted")

    arn, callback = begun()
    durables.client.send_durable_execution_callback_success(CallbackId=callback, Result=b'"yes"')
    world.settle()
    assert json.loads(durables.get(arn)["Result"]) == '"yes"'
    with aws_error("CallbackTimeoutException"):
        durables.client.send_durable_execution_callback_heartbeat(CallbackId=callback)
    with aws_error("ResourceNotFoundException"):
        durables.client.send_durable_execution_callback_success(CallbackId="bm86c3VjaA==")
    arn, callback = begun()
    for _ in range(3):
        world.clock.advance(seconds=50)
        durables.client.send_durable_execution_callback_heartbeat(CallbackId=callback)
    assert durables.get(arn)["Status"] == "RUNNING"
    world.clock.advance(seconds=61)
    world.settle()
    assert durables.get(arn)["Error"]["ErrorMessage"] == "TIMED_OUT Callback timed out on heartbeat"
    arn, callback = begun()
    durables.client.send_durable_execution_callback_failure(CallbackId=callback, Error={"ErrorMessage": "refused"})
    world.settle()
    assert durables.get(arn)["Error"]["ErrorMessage"] == "FAILED refused"


def test_another_function_is_called_as_the_functions_role(durables: Durables, functions: Functions) -> None:
    functions.python("other", "def handler(event, context):\n    return event['n'] + 1\n")
    durables.make("return d.wait_for('call', Type='CHAINED_INVOKE', Payload='{\"n\": 1}', ChainedInvokeOptions={'FunctionName': 'other'})")
    arn = durables.start()
    assert durables.get(arn)["Result"] == '"2"'
    assert "ChainedInvokeSucceeded" in durables.history(arn)


def test_another_durable_function_is_waited_for(durables: Durables, world: LocalWorld) -> None:
    durables.make("d.wait_for('w', Type='WAIT', WaitOptions={'WaitSeconds': 60})\nreturn d.input + 1", name="inner", seconds=2000)
    durables.make("return d.wait_for('call', Type='CHAINED_INVOKE', Payload='41', ChainedInvokeOptions={'FunctionName': 'inner:$LATEST'})")
    world.clock.freeze()
    arn = durables.start()
    assert durables.get(arn)["Status"] == "RUNNING"
    world.clock.advance(seconds=60)
    world.settle()
    assert durables.get(arn)["Result"] == '"42"'


def test_a_name_is_for_one_payload(durables: Durables, aws_error: Any) -> None:
    durables.make("return d.input")
    first = durables.start(1, DurableExecutionName="once")
    assert durables.start(1, DurableExecutionName="once") == first
    with aws_error("DurableExecutionAlreadyStartedException"):
        durables.start(2, DurableExecutionName="once")
    second = durables.start(2)
    client = durables.client
    listed = client.list_durable_executions_by_function(FunctionName="d")["DurableExecutions"]
    assert [one["DurableExecutionArn"] for one in listed] == [second, first]
    assert client.list_durable_executions_by_function(FunctionName="d", Statuses=["FAILED"])["DurableExecutions"] == []
    client.delete_durable_execution(DurableExecutionArn=first)
    with aws_error("ResourceNotFoundException"):
        durables.get(first)


def test_an_execution_is_stopped_times_out_and_is_forgotten(durables: Durables, world: LocalWorld, aws_error: Any) -> None:
    durables.make("d.wait_for('w', Type='WAIT', WaitOptions={'WaitSeconds': 100000})", seconds=60)
    world.clock.freeze()
    stopped, late = durables.start(), durables.start()
    with aws_error("ResourceConflictException"):
        durables.client.delete_durable_execution(DurableExecutionArn=stopped)
    durables.client.stop_durable_execution(DurableExecutionArn=stopped, Error={"ErrorMessage": "enough"})
    assert (durables.get(stopped)["Status"], durables.get(stopped)["Error"]) == ("STOPPED", {"ErrorMessage": "enough"})
    world.clock.advance(seconds=60)
    assert durables.get(late)["Status"] == "TIMED_OUT"
    world.clock.advance(days=15)
    with aws_error("ResourceNotFoundException"):
        durables.get(late)


def test_a_paused_execution_goes_on_when_it_is_resumed(durables: Durables, world: LocalWorld) -> None:
    durables.make("d.wait_for('w', Type='WAIT', WaitOptions={'WaitSeconds': 60})\nreturn 1", seconds=600)
    world.clock.freeze()
    arn = durables.start()
    durables.client.pause_durable_execution(DurableExecutionArn=arn)
    world.clock.advance(seconds=60)
    world.settle()
    assert durables.get(arn)["Status"] == "PAUSED"
    durables.client.resume_durable_execution(DurableExecutionArn=arn)
    world.settle()
    assert durables.get(arn)["Status"] == "SUCCEEDED"


def test_a_pause_may_stop_the_time_limit_too(durables: Durables, world: LocalWorld) -> None:
    durables.make("d.wait_for('w', Type='WAIT', WaitOptions={'WaitSeconds': 100000})", seconds=60)
    world.clock.freeze()
    arn = durables.start()
    durables.client.pause_durable_execution(DurableExecutionArn=arn, ExecutionTimeoutPaused=True, Reason="lunch")
    assert durables.get(arn)["PauseDetails"]["Reason"] == "lunch"
    world.clock.advance(seconds=3600)
    assert durables.get(arn)["Status"] == "PAUSED"
    durables.client.resume_durable_execution(DurableExecutionArn=arn)
    world.settle()
    world.clock.advance(seconds=59)
    assert durables.get(arn)["Status"] == "RUNNING"
    world.clock.advance(seconds=1)
    assert durables.get(arn)["Status"] == "TIMED_OUT"
    assert durables.history(arn)[-3:] == ["ExecutionResumed", "InvocationCompleted", "ExecutionTimedOut"]


def test_a_checkpoint_that_is_sent_again_counts_once(durables: Durables) -> None:
    durables.make(
        "update = dict(Id='s', Type='STEP', Action='SUCCEED', Payload='1')\n"
        "request = dict(DurableExecutionArn=d.arn, CheckpointToken=d.token, Updates=[update], ClientToken='once')\n"
        "answers = [client.checkpoint_durable_execution(**request) for _ in range(2)]\n"
        "return [answers[0]['CheckpointToken'] == answers[1]['CheckpointToken'],"
        " len(answers[1]['NewExecutionState']['Operations'])]"
    )
    arn = durables.start()
    assert durables.get(arn)["Result"] == "[true, 1]"
    assert durables.history(arn).count("StepSucceeded") == 1


def test_an_invocation_that_fails_is_tried_again_and_given_up(durables: Durables, functions: Functions, world: LocalWorld) -> None:
    source = "def handler(event, context):\n    raise KeyError('k')\n"
    functions.python("d", source, DurableConfig={"ExecutionTimeout": 600})
    world.clock.freeze()
    arn = durables.start()
    for seconds in (3, 5):
        assert durables.get(arn)["Status"] == "RUNNING"
        world.clock.advance(seconds=seconds)
        world.settle()
    assert (durables.get(arn)["Status"], durables.get(arn)["Error"]["ErrorType"]) == ("FAILED", "KeyError")


def test_what_durable_functions_do_not_do_is_refused(durables: Durables, functions: Functions) -> None:
    client = durables.client
    durables.make("return 1", seconds=901)
    functions.python("plain", "def handler(e, c):\n    return 1\n")
    with aws_refusal("using an unqualified ARN"):
        client.invoke(FunctionName="d", InvocationType="Event")
    with aws_refusal("greater than 15 minutes"):
        client.invoke(FunctionName="d", Qualifier="$LATEST")
    with aws_refusal("DurableExecutionName is only for"):
        client.invoke(FunctionName="plain", DurableExecutionName="x")
    with aws_refusal("can be set when a function is created"):
        client.update_function_configuration(FunctionName="plain", DurableConfig={"ExecutionTimeout": 5})
    arn = durables.start()
    with aws_refusal("Invalid checkpoint token"):
        client.checkpoint_durable_execution(DurableExecutionArn=arn, CheckpointToken="bm8=", Updates=[])


def test_a_waiting_caller_is_told_as_soon_as_it_is_over(durables: Durables, functions: Functions, world: LocalWorld) -> None:
    durables.make("d.wait_for('w', Type='WAIT', WaitOptions={'WaitSeconds': 60})\nreturn 'done'")
    world.clock.freeze()
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(functions.invoke("d", Qualifier="$LATEST").value))
    caller.start()
    for _ in range(1000):
        if "InvocationCompleted" in [e for one in _executions(durables) for e in durables.history(one)]:
            break
        time.sleep(0.01)
    world.clock.advance(seconds=60)
    caller.join(20)
    assert answers == ["done"]


def _executions(durables: Durables) -> list[str]:
    listed = durables.client.list_durable_executions_by_function(FunctionName="d")["DurableExecutions"]
    return [one["DurableExecutionArn"] for one in listed]
