"""The invocations of durable executions: each goes as far as it can, until the execution is over or waits for something."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer
from cloudjar.kernel.records import replace
from cloudjar.kernel.waits import Wait
from cloudjar.services.lambda_ import durable_executions, durable_history, durable_operations
from cloudjar.services.lambda_.durable_executions import ENDED, DurableExecution, durable_arn
from cloudjar.services.lambda_.functions import find_function, find_version
from cloudjar.services.lambda_.invocation import Invocation
from cloudjar.services.lambda_.names import function_arn, named
from cloudjar.services.lambda_.pool import Pool

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

_FAILURES = 3
"""Invocations in a row that may come to nothing before the execution fails."""
_LOOK_SECONDS = 60.0


class Runs:
    """The executions that are at work in one world, and who waits for the end of one. In memory only."""

    def __init__(self, world: World) -> None:
        self._running: dict[str, bool] = {}
        """Whether there has been news meanwhile."""
        self._waiting: dict[str, list[Wait]] = {}
        world.waits.on_change(self._tell_all)

    def enter(self, id: str) -> bool:
        """Whether the execution was not at work; if it was, it will look again."""
        if id in self._running:
            self._running[id] = True
            return False
        self._running[id] = False
        return True

    def leave(self, id: str) -> bool:
        """Whether there is nothing new: if there is, it stays at work."""
        if self._running[id]:
            self._running[id] = False
            return False
        del self._running[id]
        return True

    def is_running(self, id: str) -> bool:
        return id in self._running

    def drop(self, id: str) -> None:
        self._running.pop(id, None)

    def wait(self, ctx: Context, id: str) -> Wait:
        wait = ctx.world.waits.begin(ctx)
        self._waiting.setdefault(id, []).append(wait)
        return wait

    def tell(self, id: str) -> None:
        """Wakes who waits for an execution."""
        for wait in self._waiting.pop(id, ()):
            if not wait.woken:
                wait.wake()

    def _tell_all(self) -> None:
        for id in list(self._waiting):
            self.tell(id)


async def finished(ctx: Context, id: str) -> DurableExecution | None:
    """The execution when it is over; None if it, or the world, is gone before."""
    while not ctx.world.waits.over:
        with ctx.transaction():
            execution = ctx.get(DurableExecution, id)
        if execution is None or execution.status in ENDED:
            return execution
        await ctx.world.part(Runs).wait(ctx, id).over(_LOOK_SECONDS)
    return None


@timer
def run_later(ctx: Context, id: str) -> None:
    """A pause after an invocation that came to nothing is over."""
    ctx.effect(run, id)


@effect
async def run(ctx: Context, id: str) -> None:
    """Invokes the function for as long as there is something new for it."""
    runs = ctx.world.part(Runs)
    if not runs.enter(id):
        return
    try:
        while (again := await _invoke(ctx, id)) is not None:
            if not again and runs.leave(id):
                return
    finally:
        runs.drop(id)


async def _invoke(ctx: Context, id: str) -> bool | None:
    """One invocation: whether there is more to do at once; None where the execution is over, paused or gone."""
    with ctx.transaction():
        execution = ctx.get(DurableExecution, id)
        if execution is None or execution.status != "RUNNING":
            return None
        try:
            function = find_function(ctx, execution.function)
            version = find_version(ctx, execution.function, execution.version)
        except AwsError as error:
            durable_executions.finish(ctx, execution, "FAILED", error={"ErrorType": error.code, "ErrorMessage": error.message})
            return None
        execution = ctx.put(replace(execution, turn=execution.turn + 1))
        event = {
            "DurableExecutionArn": durable_arn(ctx, execution),
            "CheckpointToken": durable_operations.token(execution),
            "InitialExecutionState": {
                "Operations": [_plain(durable_operations.to_wire(one)) for one in durable_operations.replayed(ctx, execution)],
                "NextMarker": "",
            },
        }
        started, request_id = ctx.now, ctx.ids.uuid()
        arn = function_arn(ctx, execution.function, execution.version)
        payload = json.dumps(event, separators=(",", ":")).encode()
        invocation = Invocation(request_id, payload, arn, execution.trace)
    try:
        done = (await ctx.world.part(Pool).invoke(ctx, version, invocation, function.reserved_concurrency)).outcome
        answer = _answer(done.payload) if not done.error else {"Status": "RETRY", "Error": _error(done.payload)}
    except AwsError as error:
        answer = {"Status": "RETRY", "Error": {"ErrorType": error.code, "ErrorMessage": error.message}}
    with ctx.transaction():
        execution = ctx.get(DurableExecution, id)
        if execution is None:
            return None
        has_news = durable_operations.has_changed(ctx, execution)
        failed: dict[str, Any] = {"Error": {"Payload": answer["Error"]}} if answer["Status"] == "RETRY" else {}
        times: dict[str, Any] = {"StartTimestamp": started, "EndTimestamp": ctx.now, "RequestId": request_id}
        execution = durable_history.note(ctx, execution, "InvocationCompleted", "", **times, **failed)
        # Its token is of no use any more.
        execution = ctx.put(replace(execution, turn=execution.turn + 1))
        if execution.status == "PAUSING":
            execution = durable_executions.paused(ctx, execution)
        if execution.status != "RUNNING":
            return None
        return _conclude(ctx, execution, answer, has_news=has_news)


def _conclude(ctx: Context, execution: DurableExecution, answer: dict[str, Any], *, has_news: bool) -> bool | None:
    status = answer["Status"]
    if status in ("SUCCEEDED", "FAILED"):
        durable_executions.finish(ctx, execution, status, result=answer.get("Result"), error=answer.get("Error"))
        return None
    if status == "RETRY":
        failures = execution.failures + 1
        if failures >= _FAILURES:
            durable_executions.finish(ctx, execution, "FAILED", error=answer["Error"])
            return None
        ctx.put(replace(execution, failures=failures))
        ctx.after(run_later, execution.id, seconds=2**failures)
        return False
    ctx.put(replace(execution, failures=0))
    if has_news:
        return True
    if not durable_operations.is_waiting(ctx, execution):
        error = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": "Cannot return PENDING status with no pending operations."}
        durable_executions.finish(ctx, execution, "FAILED", error=error)
        return None
    return False


def _answer(payload: bytes) -> dict[str, Any]:
    """What a durable function's runtime answered; a failure of the execution where that is none of AWS's words."""
    try:
        told = json.loads(payload)
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("Status") in ("SUCCEEDED", "FAILED", "PENDING", "RETRY"):
        return {"Error": {}, **told} if told["Status"] in ("FAILED", "RETRY") else told
    return {
        "Status": "FAILED",
        "Error": {"ErrorType": "InvalidParameterValueException", "ErrorMessage": "Invalid Status in invocation output."},
    }


def _error(payload: bytes) -> dict[str, Any]:
    """An ErrorObject of what a function failed with."""
    try:
        told = json.loads(payload)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        return {"ErrorMessage": str(told)}
    found = {"ErrorType": told.get("errorType"), "ErrorMessage": told.get("errorMessage"), "StackTrace": told.get("stackTrace")}
    return {name: value for name, value in found.items() if value}


def _plain(value: Any) -> Any:
    """As a payload has it: instants in milliseconds."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    return value


@effect
async def call(ctx: Context, execution_id: str, id: str) -> None:
    """A chained invocation, under the role of the function that wants it."""
    with ctx.transaction():
        execution, one = ctx.get(DurableExecution, execution_id), durable_operations.find_operation(ctx, execution_id, id)
        if execution is None or one is None or one.status != "STARTED" or execution.status in ENDED:
            return
        role = find_version(ctx, execution.function, execution.version).role
        is_durable = _is_durable(ctx, one.function)
        acting = ctx.at(principal=ctx.assume(role, "lambda.amazonaws.com").principal)
    request: dict[str, Any] = {"FunctionName": one.function, "Payload": (one.payload or "null").encode()}
    if one.tenant:
        request["TenantId"] = one.tenant
    if is_durable:
        # It may wait for long: it tells when it is over.
        request["InvocationType"] = "Event"
    status = "SUCCEEDED"
    outcome: dict[str, Any] = {}
    try:
        answer = await acting.call_async("lambda", "Invoke", request)
        if is_durable:
            with ctx.transaction():
                called = durable_executions.find_execution(ctx, answer["DurableExecutionArn"])
                ctx.put(replace(called, caller=(execution_id, id)))
                if called.status in ENDED:
                    ctx.effect(tell_caller, called.id)
            return
        if answer.get("FunctionError"):
            status, outcome = "FAILED", {"error": _error(answer["Payload"])}
        else:
            outcome = {"result": answer["Payload"].decode("utf-8", "replace")}
    except AwsError as error:
        status, outcome = "FAILED", {"error": {"ErrorType": error.code, "ErrorMessage": error.message}}
    with ctx.transaction():
        durable_operations.end_from_outside(ctx, execution_id, id, status, **outcome)


def _is_durable(ctx: Context, function: str) -> bool:
    """Whether a function of this account, named as callers name functions, is durable."""
    try:
        who = named(ctx, {"FunctionName": function})
        return find_version(ctx, who.name, who.qualifier).durable is not None
    except AwsError:
        # Whoever calls it will learn of it.
        return False


@effect
async def tell_caller(ctx: Context, id: str) -> None:
    """A durable function that another one has called is over."""
    with ctx.transaction():
        called = ctx.get(DurableExecution, id)
        if called is None or called.caller is None:
            return
        if called.status == "SUCCEEDED":
            durable_operations.end_from_outside(ctx, *called.caller, "SUCCEEDED", result=called.result)
        else:
            status = called.status if called.status == "TIMED_OUT" else "FAILED"
            durable_operations.end_from_outside(ctx, *called.caller, status, error=called.error or {})
