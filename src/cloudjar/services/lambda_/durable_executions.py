"""Durable executions: functions that run in many invocations, each of which begins where the last one stopped.

What a function does is checkpointed as operations (`durable_operations.py`); while all of them wait, nothing runs.
https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import durable_history, errors
from cloudjar.services.lambda_.functions import Version, find_function
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner

ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED")
RETENTION_DAYS = 14
EXECUTION_SECONDS = 86_400
"""Where a function's DurableConfig says nothing."""
LONGEST_SYNCHRONOUS_SECONDS = 900


@record("lambda.durable_execution", key="id", indexes={"function": ("function", "started", "id"), "name": ("function", "name", "id")})
class DurableExecution(Record):
    """One execution of a durable function."""

    id: str
    function: str
    version: str
    """All of its invocations are of this version."""
    name: str
    payload: str
    started: datetime
    timeout_seconds: int
    retention_days: int
    status: str = "RUNNING"
    ended: datetime | None = None
    result: str | None = None
    error: dict[str, Any] | None = None
    trace: str = ""
    turn: int = 0
    """Counts invocations and checkpoints: the token of the one that is at work names it."""
    events: int = 0
    failures: int = 0
    """Invocations in a row that came to nothing."""
    paused: datetime | None = None
    pause_reason: str = ""
    is_timeout_paused: bool = False
    extra_seconds: float = 0.0
    """What pauses have added to the time that it may take."""
    caller: tuple[str, str] | None = None
    """The execution and the operation that wait for it, where it is a chained invocation."""
    checkpoint: tuple[str, str, int] | None = None
    """The last checkpoint's client token, its checkpoint token, and the turn of that: it may be sent again."""

    @property
    def deadline(self) -> datetime:
        """When it has taken as long as it may."""
        return self.started + timedelta(seconds=self.timeout_seconds + self.extra_seconds)


def durable_config(given: dict[str, Any], before: tuple[int, int]) -> tuple[int, int]:
    """A version's settings, from what a request says and what held before. Raises NotImplemented."""
    if given.get("KMSKeyArn"):
        raise not_implemented("lambda", "CreateFunction", "DurableConfig.KMSKeyArn")
    return given.get("ExecutionTimeout") or before[0], given.get("RetentionPeriodInDays") or before[1]


def durable_arn(ctx: Context, execution: DurableExecution) -> str:
    """An execution's ARN."""
    return f"{function_arn(ctx, execution.function, execution.version)}/durable-execution/{execution.name}/{execution.id}"


def on_execution(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["DurableExecutionArn"])


def find_execution(ctx: Context, arn: str) -> DurableExecution:
    """The execution that an ARN names. Raises ResourceNotFoundException."""
    found = ctx.get(DurableExecution, arn.rpartition("/")[2])
    if found is None or durable_arn(ctx, found) != arn:
        raise errors.execution_not_found(arn)
    return found


def begin(ctx: Context, version: Version, name: str, payload: str, trace: str) -> DurableExecution:
    """Starts an execution, or finds the one of that name that was started with the same payload.

    Raises DurableExecutionAlreadyStartedException.
    """
    from cloudjar.services.lambda_ import durable_operations, durable_runs

    assert version.durable is not None
    for other in ctx.where(DurableExecution, function=version.name, name=name) if name else ():
        if other.payload != payload:
            raise errors.execution_exists(name)
        return other
    seconds, days = version.durable
    id = ctx.ids.uuid()
    execution = DurableExecution(id, version.name, version.label, name or id, payload, ctx.now, seconds, days, trace=trace)
    execution = durable_history.note(ctx, execution, "ExecutionStarted", id, input=payload, ExecutionTimeout=seconds)
    ctx.put(execution)
    durable_operations.begin(ctx, execution)
    ctx.after(expire, id, seconds=seconds)
    ctx.effect(durable_runs.run, id)
    return execution


def finish(
    ctx: Context, execution: DurableExecution, status: str, *, result: str | None = None, error: dict[str, Any] | None = None
) -> DurableExecution:
    """Ends an execution, whoever ends it; keeps its history for as long as its function wants it."""
    from cloudjar.services.lambda_.durable_runs import Runs, tell_caller

    words = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "TimedOut", "STOPPED": "Stopped"}
    execution = durable_history.note(ctx, execution, f"Execution{words[status]}", execution.id, result=result, error=error)
    ended = ctx.put(replace(execution, status=status, ended=ctx.now, result=result, error=error, turn=execution.turn + 1))
    ctx.after(forget, execution.id, seconds=execution.retention_days * 86_400, housekeeping=True)
    if execution.caller is not None:
        ctx.effect(tell_caller, execution.id)
    runs = ctx.world.part(Runs)
    ctx.on_commit(lambda: runs.tell(execution.id))
    return ended


@timer
def expire(ctx: Context, id: str) -> None:
    """An execution has taken as long as it may."""
    execution = ctx.get(DurableExecution, id)
    if execution is None or execution.status in ENDED or execution.is_timeout_paused:
        return
    if ctx.now < execution.deadline:
        ctx.after(expire, id, at=execution.deadline)
    else:
        finish(ctx, execution, "TIMED_OUT", error={"ErrorType": "Execution.TimedOut", "ErrorMessage": "The execution timed out."})


@timer
def forget(ctx: Context, id: str) -> None:
    """An execution's retention is over."""
    execution = ctx.get(DurableExecution, id)
    if execution is not None:
        _remove(ctx, execution)


def _remove(ctx: Context, execution: DurableExecution) -> None:
    from cloudjar.services.lambda_.durable_operations import DurableOperation

    for each in list(ctx.where(DurableOperation, execution=execution.id)):
        ctx.delete(each)
    for event in list(ctx.where(durable_history.DurableEvent, execution=execution.id)):
        ctx.delete(event)
    ctx.delete(execution)


@operation(on=on_execution)
def get_durable_execution(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(ctx, req["DurableExecutionArn"])
    wire = summary(ctx, execution)
    wire |= {
        "Version": execution.version,
        "TraceHeader": {"XAmznTraceId": execution.trace},
        "ExecutionDataIncluded": req.get("IncludeExecutionData") is not False,
        "DurableConfig": {"ExecutionTimeout": execution.timeout_seconds, "RetentionPeriodInDays": execution.retention_days},
        "ExpectedExecutionTimeoutTimestamp": execution.deadline,
    }
    if execution.paused is not None:
        wire["PauseDetails"] = {"PauseRequestTimestamp": execution.paused, "ExecutionTimeoutPaused": execution.is_timeout_paused}
        if execution.pause_reason and req.get("IncludeExecutionData") is not False:
            wire["PauseDetails"]["Reason"] = execution.pause_reason
    if wire["ExecutionDataIncluded"]:
        data = {"InputPayload": execution.payload, "Result": execution.result, "Error": execution.error}
        wire |= {name: value for name, value in data.items() if value is not None}
    return wire


def summary(ctx: Context, execution: DurableExecution) -> dict[str, Any]:
    """An Execution, as lists have it."""
    wire = {
        "DurableExecutionArn": durable_arn(ctx, execution),
        "DurableExecutionName": execution.name,
        "FunctionArn": function_arn(ctx, execution.function, execution.version),
        "Status": execution.status,
        "StartTimestamp": execution.started,
    }
    return wire | ({"EndTimestamp": execution.ended} if execution.ended else {})


@operation(on=on_function)
def list_durable_executions_by_function(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)

    def wanted(execution: DurableExecution) -> bool:
        return (
            (not who.qualifier or execution.version == who.qualifier)
            and (not req.get("DurableExecutionName") or execution.name == req["DurableExecutionName"])
            and (not req.get("Statuses") or execution.status in req["Statuses"])
            and (not req.get("StartedAfter") or execution.started > req["StartedAfter"])
            and (not req.get("StartedBefore") or execution.started < req["StartedBefore"])
        )

    rows = ctx.ordered_by(DurableExecution, "function", who.name).filtered(wanted)
    # The newest first, unless they are wanted in reverse.
    return ctx.page(req, rows if req.get("ReverseOrder") else rows.backwards(), lambda e: summary(ctx, e))


@operation(on=on_execution)
def stop_durable_execution(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(ctx, req["DurableExecutionArn"])
    if execution.status in ENDED:
        return {"StopTimestamp": execution.ended}
    return {"StopTimestamp": finish(ctx, execution, "STOPPED", error=req.get("Error") or {}).ended}


@operation(on=on_execution)
def delete_durable_execution(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(ctx, req["DurableExecutionArn"])
    if execution.status not in ENDED:
        raise errors.execution_not(execution.status, "deleted")
    _remove(ctx, execution)
    return {"DeletionRequestTimestamp": ctx.now}


@operation(on=on_execution)
def pause_durable_execution(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.lambda_.durable_runs import Runs

    execution = find_execution(ctx, req["DurableExecutionArn"])
    if execution.status in ("PAUSING", "PAUSED"):
        return
    if execution.status != "RUNNING":
        raise errors.execution_not(execution.status, "paused")
    status = "PAUSING" if ctx.world.part(Runs).is_running(execution.id) else "PAUSED"
    stops = bool(req.get("ExecutionTimeoutPaused"))
    execution = replace(execution, status=status, paused=ctx.now, pause_reason=req.get("Reason") or "", is_timeout_paused=stops)
    ctx.put(paused(ctx, execution) if status == "PAUSED" else execution)


@operation(on=on_execution)
def resume_durable_execution(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.lambda_ import durable_runs

    execution = find_execution(ctx, req["DurableExecutionArn"])
    if execution.status == "RUNNING":
        return
    if execution.status not in ("PAUSING", "PAUSED"):
        raise errors.execution_not(execution.status, "resumed")
    reason: dict[str, Any] = {"Reason": {"Payload": req["Reason"]}} if req.get("Reason") else {}
    execution = durable_history.note(ctx, execution, "ExecutionResumed", execution.id, ResumeRequestTimestamp=ctx.now, **reason)
    if execution.is_timeout_paused and execution.paused is not None:
        more = (ctx.now - execution.paused).total_seconds()
        execution = replace(execution, is_timeout_paused=False, extra_seconds=execution.extra_seconds + more)
        ctx.after(expire, execution.id, at=execution.deadline)
    ctx.put(replace(execution, status="RUNNING", paused=None, pause_reason=""))
    ctx.effect(durable_runs.run, execution.id)


def paused(ctx: Context, execution: DurableExecution) -> DurableExecution:
    """The invocation that was at work has come to a point where it can be left."""
    reason: dict[str, Any] = {"Reason": {"Payload": execution.pause_reason}} if execution.pause_reason else {}
    execution = durable_history.note(
        ctx,
        execution,
        "ExecutionPaused",
        execution.id,
        PauseRequestTimestamp=execution.paused,
        ExecutionTimeoutPaused=execution.is_timeout_paused,
        **reason,
    )
    return ctx.put(replace(execution, status="PAUSED"))
