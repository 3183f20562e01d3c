"""What a durable execution does: steps, waits, callbacks, calls of other functions, contexts around them. Checkpoints change them."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import durable_executions, durable_history, errors
from cloudjar.services.lambda_.durable_executions import DurableExecution, find_execution, on_execution

_OVER = ("SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED")
_WORDS = {"STEP": "Step", "WAIT": "Wait", "CALLBACK": "Callback", "CHAINED_INVOKE": "ChainedInvoke", "CONTEXT": "Context"}
_ACTIONS = {
    "EXECUTION": ("SUCCEED", "FAIL"),
    "CONTEXT": ("START", "SUCCEED", "FAIL"),
    "STEP": ("START", "SUCCEED", "FAIL", "RETRY"),
    "WAIT": ("START", "CANCEL"),
    "CALLBACK": ("START",),
    "CHAINED_INVOKE": ("START", "CANCEL"),
}


@record("lambda.durable_operation", key=("execution", "number"), indexes={"id": ("execution", "id")})
class DurableOperation(Record):
    """One operation, in the order of their starts; number 0 is the execution itself."""

    execution: str
    number: int
    id: str
    type: str
    started: datetime
    changed: int
    """The execution's turn when it last changed."""
    status: str = "STARTED"
    parent: str = ""
    name: str = ""
    subtype: str = ""
    ended: datetime | None = None
    result: str | None = None
    error: dict[str, Any] | None = None
    attempt: int = 0
    """Attempts of a step that are over."""
    due: datetime | None = None
    """The end of a wait, or of the pause before a step's next attempt."""
    replay_children: bool = False
    heartbeat_seconds: int = 0
    beat: int = 0
    """Heartbeats of a callback so far."""
    function: str = ""
    tenant: str = ""
    payload: str | None = None
    """Whom a chained invocation calls, and with what."""


def begin(ctx: Context, execution: DurableExecution) -> None:
    """The execution itself, which all other operations belong to."""
    ctx.put(DurableOperation(execution.id, 0, execution.id, "EXECUTION", execution.started, 0, payload=execution.payload))


def token(execution: DurableExecution) -> str:
    """The checkpoint token of what is at work."""
    return base64.b64encode(f"{execution.id}:{execution.turn}".encode()).decode()


def callback_id(one: DurableOperation) -> str:
    """By what a callback is answered from outside."""
    return base64.b64encode(f"{one.execution}:{one.id}".encode()).decode()


def find_operation(ctx: Context, execution: str, id: str) -> DurableOperation | None:
    """The operation of that id."""
    return ctx.where(DurableOperation, execution=execution, id=id).first()


def to_wire(one: DurableOperation) -> dict[str, Any]:
    """An Operation."""
    wire: dict[str, Any] = {"Id": one.id, "Type": one.type, "StartTimestamp": one.started, "Status": one.status}
    optional = (("ParentId", one.parent), ("Name", one.name), ("SubType", one.subtype), ("EndTimestamp", one.ended))
    wire |= {member: value for member, value in optional if value}
    outcome: dict[str, Any] = {} if one.result is None else {"Result": one.result}
    if one.error is not None:
        outcome["Error"] = one.error
    match one.type:
        case "EXECUTION":
            wire["ExecutionDetails"] = {"InputPayload": one.payload}
        case "CONTEXT":
            wire["ContextDetails"] = {**outcome, "ReplayChildren": one.replay_children}
        case "STEP":
            due = {"NextAttemptTimestamp": one.due} if one.status == "PENDING" else {}
            wire["StepDetails"] = {"Attempt": one.attempt, **due, **outcome}
        case "WAIT":
            wire["WaitDetails"] = {"ScheduledEndTimestamp": one.due}
        case "CALLBACK":
            wire["CallbackDetails"] = {"CallbackId": callback_id(one), **outcome}
        case "CHAINED_INVOKE":
            wire["ChainedInvokeDetails"] = outcome
    return wire


def replayed(ctx: Context, execution: DurableExecution) -> list[DurableOperation]:
    """What an invocation needs to know: all but what is inside contexts that are over and do not want their children replayed."""
    every = list(ctx.where(DurableOperation, execution=execution.id))
    hidden: set[str] = set()
    shown = []
    for one in every:
        if one.parent in hidden:
            hidden.add(one.id)
            continue
        shown.append(one)
        if one.type == "CONTEXT" and one.status in _OVER and not one.replay_children:
            hidden.add(one.id)
    return shown


def has_changed(ctx: Context, execution: DurableExecution) -> bool:
    """Whether something has happened from outside since the last checkpoint of what is at work."""
    return any(one.changed > execution.turn for one in ctx.where(DurableOperation, execution=execution.id))


def is_waiting(ctx: Context, execution: DurableExecution) -> bool:
    """Whether anything is outstanding that will wake the execution."""
    return any(
        one.number and one.type != "CONTEXT" and one.status not in _OVER for one in ctx.where(DurableOperation, execution=execution.id)
    )


@operation(on=on_execution)
def get_durable_execution_state(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(ctx, req["DurableExecutionArn"])
    _check_token(execution, req["CheckpointToken"])
    shown = {one.number for one in replayed(ctx, execution)}
    rows = ctx.where(DurableOperation, execution=execution.id).filtered(lambda one: one.number in shown)
    return ctx.page({**req, "MaxItems": req.get("MaxItems") or 100}, rows, to_wire)


@operation(on=on_execution)
def checkpoint_durable_execution(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(ctx, req["DurableExecutionArn"])
    told = (req.get("ClientToken") or "", req["CheckpointToken"])
    if told[0] and execution.checkpoint is not None and execution.checkpoint[:2] == told:
        return _news(ctx, execution, execution.checkpoint[2])
    since = _check_token(execution, req["CheckpointToken"])
    execution = replace(execution, turn=execution.turn + 1, checkpoint=(*told, since))
    for update in req.get("Updates") or []:
        execution = _apply(ctx, execution, update)
    if execution.status == "PAUSING":
        # Without a token it cannot go on.
        execution = durable_executions.paused(ctx, execution)
    return _news(ctx, ctx.put(execution), since)


def _news(ctx: Context, execution: DurableExecution, since: int) -> dict[str, Any]:
    """What has changed since a turn, and the token for the next checkpoint."""
    changed = [to_wire(one) for one in ctx.where(DurableOperation, execution=execution.id) if one.changed > since]
    answer: dict[str, Any] = {"NewExecutionState": {"Operations": changed}}
    return answer | ({"CheckpointToken": token(execution)} if execution.status == "RUNNING" else {})


def _check_token(execution: DurableExecution, given: str) -> int:
    """The turn that a token is of. Raises InvalidParameterValueException."""
    try:
        id, _, turn = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        id, turn = "", ""
    if id != execution.id or turn != str(execution.turn) or execution.status not in ("RUNNING", "PAUSING"):
        raise errors.invalid("Invalid checkpoint token.")
    return execution.turn


def _apply(ctx: Context, execution: DurableExecution, update: dict[str, Any]) -> DurableExecution:
    kind, action = update["Type"], update["Action"]
    if action not in _ACTIONS[kind]:
        raise errors.invalid(f"Invalid action {action} for an operation of type {kind}.")
    if kind == "EXECUTION":
        status = "SUCCEEDED" if action == "SUCCEED" else "FAILED"
        return durable_executions.finish(ctx, execution, status, result=update.get("Payload"), error=update.get("Error"))
    old = find_operation(ctx, execution.id, update["Id"])
    if old is not None and (old.type != kind or old.status in _OVER):
        raise errors.invalid(f"The operation {update['Id']} is a {old.type} that is {old.status}: {kind} {action} is not valid.")
    if action == "START":
        return _start(ctx, execution, update, old)
    if old is None:
        if kind not in ("STEP", "CONTEXT"):
            raise errors.invalid(f"The operation {update['Id']} has not been started.")
        # One checkpoint may tell the start and the end of it.
        execution = _start(ctx, execution, update, None)
        old = find_operation(ctx, execution.id, update["Id"])
        assert old is not None
    if action == "RETRY":
        seconds = (update.get("StepOptions") or {}).get("NextAttemptDelaySeconds") or 1
        due = ctx.now + timedelta(seconds=seconds)
        retry = {"CurrentAttempt": old.attempt + 1, "NextAttemptDelaySeconds": seconds}
        # A step that asks for another attempt without an error keeps what it has so far.
        kept = {"error": update.get("Error"), "result": update.get("Payload")}
        one = replace(old, status="PENDING", attempt=old.attempt + 1, due=due, changed=execution.turn, **kept)
        ctx.put(one)
        ctx.after(again, execution.id, one.id, one.attempt, at=due)
        failed = kept if kept["error"] is not None else {"result": kept["result"]}
        return _note(ctx, execution, one, "Failed" if kept["error"] is not None else "Succeeded", RetryDetails=retry, **failed)
    if action == "CANCEL":
        one = ctx.put(replace(old, status="CANCELLED", ended=ctx.now, changed=execution.turn))
        return _note(ctx, execution, one, "Cancelled") if kind == "WAIT" else _note(ctx, execution, one, "Stopped")
    children = bool((update.get("ContextOptions") or {}).get("ReplayChildren"))
    attempt = old.attempt + (kind == "STEP")
    old = replace(old, attempt=attempt, replay_children=children)
    status = "SUCCEEDED" if action == "SUCCEED" else "FAILED"
    return end(ctx, execution, old, status, result=update.get("Payload"), error=update.get("Error"))


def _start(ctx: Context, execution: DurableExecution, update: dict[str, Any], old: DurableOperation | None) -> DurableExecution:
    from cloudjar.services.lambda_ import durable_callbacks, durable_runs

    if old is not None:
        if old.type != "STEP":
            raise errors.invalid(f"The operation {old.id} has been started already.")
        one = ctx.put(replace(old, status="STARTED", due=None, changed=execution.turn))
        return _note(ctx, execution, one, "Started")
    last = ctx.where(DurableOperation, execution=execution.id).backwards().first()
    one = DurableOperation(
        execution.id,
        last.number + 1 if last else 1,
        update["Id"],
        update["Type"],
        ctx.now,
        execution.turn,
        parent=update.get("ParentId") or "",
        name=update.get("Name") or "",
        subtype=update.get("SubType") or "",
    )
    details: dict[str, Any] = {}
    match one.type:
        case "WAIT":
            seconds = (update.get("WaitOptions") or {}).get("WaitSeconds")
            if not seconds:
                raise errors.invalid("WaitOptions.WaitSeconds is required to start a wait.")
            one = replace(one, due=ctx.now + timedelta(seconds=seconds))
            details = {"Duration": seconds, "ScheduledEndTimestamp": one.due}
            ctx.after(wait_over, execution.id, one.id, at=one.due)
        case "CALLBACK":
            options = update.get("CallbackOptions") or {}
            one = replace(one, heartbeat_seconds=options.get("HeartbeatTimeoutSeconds") or 0)
            details = {"CallbackId": callback_id(one), "Timeout": options.get("TimeoutSeconds") or 0}
            details["HeartbeatTimeout"] = one.heartbeat_seconds
            durable_callbacks.watch(ctx, one, options.get("TimeoutSeconds") or 0)
        case "CHAINED_INVOKE":
            options = update.get("ChainedInvokeOptions") or {}
            if not options:
                raise errors.invalid("ChainedInvokeOptions is required to start a chained invocation.")
            tenant = options.get("TenantId") or ""
            one = replace(one, function=options["FunctionName"], tenant=tenant, payload=update.get("Payload") or "null")
            details = {"FunctionName": one.function}
            ctx.effect(durable_runs.call, execution.id, one.id)
    ctx.put(one)
    return _note(ctx, execution, one, "Started", input=one.payload, **details)


def end(
    ctx: Context,
    execution: DurableExecution,
    one: DurableOperation,
    status: str,
    *,
    result: str | None = None,
    error: dict[str, Any] | None = None,
) -> DurableExecution:
    """An operation is over. The caller stores the execution."""
    one = ctx.put(replace(one, status=status, ended=ctx.now, result=result, error=error, changed=execution.turn))
    details: dict[str, Any] = {"RetryDetails": {"CurrentAttempt": one.attempt}} if one.type == "STEP" else {}
    word = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "TimedOut"}[status]
    return _note(ctx, execution, one, word, result=result, error=error, **details)


def end_from_outside(ctx: Context, execution_id: str, id: str, status: str, **outcome: Any) -> None:
    """An operation is over that the execution waits for: it goes on, if it is not at work."""
    from cloudjar.services.lambda_ import durable_runs

    execution, one = ctx.get(DurableExecution, execution_id), find_operation(ctx, execution_id, id)
    if execution is None or one is None or one.status in _OVER or execution.status in durable_executions.ENDED:
        return
    # Later than the token of what is at work: its next checkpoint is told of it.
    moved = replace(execution, turn=execution.turn + 1)
    changed = end(ctx, moved, one, status, **outcome)
    ctx.put(replace(changed, turn=execution.turn))
    ctx.effect(durable_runs.run, execution_id)


@timer
def wait_over(ctx: Context, execution: str, id: str) -> None:
    """A wait has come to its end."""
    end_from_outside(ctx, execution, id, "SUCCEEDED")


@timer
def again(ctx: Context, execution_id: str, id: str, attempt: int) -> None:
    """The pause before a step's next attempt is over."""
    from cloudjar.services.lambda_ import durable_runs

    execution, one = ctx.get(DurableExecution, execution_id), find_operation(ctx, execution_id, id)
    if execution is None or one is None or one.status != "PENDING" or one.attempt != attempt:
        return
    ctx.put(replace(one, status="READY", due=None, changed=execution.turn + 1))
    ctx.effect(durable_runs.run, execution_id)


def _note(ctx: Context, execution: DurableExecution, one: DurableOperation, word: str, **more: Any) -> DurableExecution:
    return durable_history.note(
        ctx, execution, f"{_WORDS[one.type]}{word}", one.id, name=one.name, subtype=one.subtype, parent=one.parent, **more
    )
