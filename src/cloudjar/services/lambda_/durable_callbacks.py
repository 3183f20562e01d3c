"""Callbacks of durable executions: answered, kept alive, or given up, from outside."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.durable_executions import DurableExecution, durable_arn
from cloudjar.services.lambda_.durable_operations import DurableOperation, end_from_outside, find_operation


def _on_callback(ctx: Context, req: dict[str, Any]) -> str:
    execution = ctx.get(DurableExecution, _parts(req["CallbackId"])[0])
    return durable_arn(ctx, execution) if execution else "*"


def _parts(callback: str) -> tuple[str, str]:
    """The execution and the operation that a callback id is of."""
    try:
        execution, _, id = base64.b64decode(callback, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return execution, id


def _open(ctx: Context, callback: str) -> DurableOperation:
    """Raises ResourceNotFoundException, CallbackTimeoutException."""
    execution, id = _parts(callback)
    one = find_operation(ctx, execution, id)
    if one is None or one.type != "CALLBACK":
        raise errors.callback_not_found(callback)
    if one.status != "STARTED":
        raise errors.callback_over(callback)
    return one


def watch(ctx: Context, one: DurableOperation, seconds: int) -> None:
    """Has a callback that was started time out, where it may."""
    if seconds:
        ctx.after(late, one.execution, one.id, -1, seconds=seconds)
    if one.heartbeat_seconds:
        ctx.after(late, one.execution, one.id, 0, seconds=one.heartbeat_seconds)


@timer
def late(ctx: Context, execution: str, id: str, beat: int) -> None:
    """A callback has not come in time; or no heartbeat since the one of this number."""
    one = find_operation(ctx, execution, id)
    if one is None or one.status != "STARTED" or beat not in (-1, one.beat):
        return
    kind, message = ("Callback.Timeout", "Callback timed out") if beat < 0 else ("Callback.Heartbeat", "Callback timed out on heartbeat")
    end_from_outside(ctx, execution, id, "TIMED_OUT", error={"ErrorType": kind, "ErrorMessage": message})


@operation(on=_on_callback)
async def send_durable_execution_callback_success(ctx: Context, req: dict[str, Any]) -> None:
    given = req.get("Result") or b""
    if not isinstance(given, bytes):
        given = b"".join([piece async for piece in given])
    with ctx.transaction():
        one = _open(ctx, req["CallbackId"])
        end_from_outside(ctx, one.execution, one.id, "SUCCEEDED", result=given.decode("utf-8", "replace"))


@operation(on=_on_callback)
def send_durable_execution_callback_failure(ctx: Context, req: dict[str, Any]) -> None:
    one = _open(ctx, req["CallbackId"])
    end_from_outside(ctx, one.execution, one.id, "FAILED", error=req.get("Error") or {})


@operation(on=_on_callback)
def send_durable_execution_callback_heartbeat(ctx: Context, req: dict[str, Any]) -> None:
    one = _open(ctx, req["CallbackId"])
    if one.heartbeat_seconds:
        one = ctx.put(replace(one, beat=one.beat + 1))
        ctx.after(late, one.execution, one.id, one.beat, seconds=one.heartbeat_seconds)
