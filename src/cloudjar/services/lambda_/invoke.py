"""Invoking functions: and waiting, or not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.lambda_ import aliases, durable_executions, durable_runs, errors, hot_reload, provisioned, recursion, tenancy
from cloudjar.services.lambda_.asynchronous import accept
from cloudjar.services.lambda_.durable_executions import DurableExecution
from cloudjar.services.lambda_.functions import Version, find_function, find_version
from cloudjar.services.lambda_.invocation import Invocation
from cloudjar.services.lambda_.names import Named, function_arn, named, on_function, owner
from cloudjar.services.lambda_.pool import Finished, Pool
from cloudjar.services.lambda_.response_stream import ResponseStream, Streamed

SYNCHRONOUS_LIMIT = 6_291_456
EVENT_LIMIT = 1_048_576
"""Bytes of a payload: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
_TAIL = 4096
_TRACE = re.compile(r"[A-Za-z0-9=;:.|-]{1,512}")


@operation(on=on_function)
async def invoke(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    tenant = req.get("TenantId") or ""
    kind = req.get("InvocationType") or "RequestResponse"
    payload = req.get("Payload") or b""
    limit = EVENT_LIMIT if kind == "Event" else SYNCHRONOUS_LIMIT
    if len(payload) > limit:
        raise errors.payload_too_large(len(payload), kind, limit)
    payload = checked_json(payload)
    context = _client_context(req.get("ClientContext") or "")
    durable: DurableExecution | None = None
    with ctx.transaction():
        function = find_function(ctx, who.name, who.qualifier)
        reserved = function.reserved_concurrency
        ctx.world.part(provisioned.Restorer).restore(ctx)
        version = aliases.route(ctx, who.name, who.qualifier) if who.qualifier else find_version(ctx, who.name)
        tenancy.check_call(version, tenant)
        if kind == "DryRun":
            return {"StatusCode": 204, "ExecutedVersion": version.label}
        request_id = ctx.call_info.request_id or ctx.ids.uuid()
        if version.durable is not None:
            durable = _begin(ctx, version, req, who, payload, kind, request_id)
        elif req.get("DurableExecutionName"):
            raise errors.invalid("DurableExecutionName is only for functions with a DurableConfig.")
        elif kind == "Event":
            accept(ctx, who.name, who.qualifier, request_id, payload, context, trace_id(ctx, version, request_id), tenant)
            return {"StatusCode": 202}
        trace = recursion.lengthened(ctx, trace_id(ctx, version, request_id), function)
        if trace is None:
            raise errors.recursive(who.name)
        invocation = Invocation(
            request_id, payload, function_arn(ctx, who.name, who.qualifier), trace, context, tenant, req.get("LogType") == "Tail"
        )
    if durable is not None:
        return await _durable(ctx, durable, kind)
    await hot_reload.refresh(ctx, version)
    finished = await ctx.world.part(Pool).invoke(ctx, version, invocation, reserved)
    answer: dict[str, Any] = {"StatusCode": 200, "Payload": finished.outcome.payload, "ExecutedVersion": version.label}
    if finished.outcome.error:
        answer["FunctionError"] = "Unhandled"
    if req.get("LogType") == "Tail":
        answer["LogResult"] = tail(finished)
    return answer


def _begin(ctx: Context, version: Version, req: dict[str, Any], who: Named, payload: bytes, kind: str, id: str) -> DurableExecution:
    """Starts the execution of a durable function. Raises InvalidParameterValueException."""
    assert version.durable is not None
    if not who.qualifier:
        raise errors.invalid("You cannot invoke a durable function using an unqualified ARN.")
    if kind != "Event" and version.durable[0] > durable_executions.LONGEST_SYNCHRONOUS_SECONDS:
        raise errors.invalid("You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.")
    trace = trace_id(ctx, version, id)
    return durable_executions.begin(ctx, version, req.get("DurableExecutionName") or "", payload.decode(), trace)


async def _durable(ctx: Context, begun: DurableExecution, kind: str) -> dict[str, Any]:
    with ctx.transaction():
        arn = durable_executions.durable_arn(ctx, begun)
    if kind == "Event":
        return {"StatusCode": 202, "DurableExecutionArn": arn}
    execution = await durable_runs.finished(ctx, begun.id)
    if execution is None:
        raise errors.service_failed("The execution is gone.")
    answer = {"StatusCode": 200, "ExecutedVersion": execution.version, "DurableExecutionArn": arn}
    if execution.status == "SUCCEEDED":
        return {**answer, "Payload": (execution.result or "null").encode()}
    error = execution.error or {}
    names = (("errorType", "ErrorType"), ("errorMessage", "ErrorMessage"), ("errorData", "ErrorData"), ("stackTrace", "StackTrace"))
    told = {ours: error[theirs] for ours, theirs in names if error.get(theirs)}
    return {**answer, "FunctionError": "Unhandled", "Payload": json.dumps(told, separators=(",", ":")).encode()}


@operation(on=on_function)
async def invoke_with_response_stream(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    payload = req.get("Payload") or b""
    if len(payload) > SYNCHRONOUS_LIMIT:
        raise errors.payload_too_large(len(payload), "RequestResponse", SYNCHRONOUS_LIMIT)
    payload, context = checked_json(payload), _client_context(req.get("ClientContext") or "")
    tenant = req.get("TenantId") or ""
    if req.get("InvocationType") == "DryRun":
        with ctx.transaction():
            version = aliases.route(ctx, who.name, who.qualifier) if who.qualifier else find_version(ctx, who.name)
            tenancy.check_call(version, tenant)
        return {"StatusCode": 204, "ExecutedVersion": version.label}
    streamed = await stream_from(ctx, who, payload, context, tenant)
    return {
        "StatusCode": 200,
        "ExecutedVersion": streamed.version,
        "ResponseStreamContentType": streamed.content_type,
        "EventStream": _events(streamed, req.get("LogType") == "Tail"),
    }


async def _events(streamed: Streamed, with_log: bool) -> AsyncIterator[dict[str, Any]]:
    async for piece in streamed:
        yield {"PayloadChunk": {"Payload": piece}}
    finished = await streamed.finished()
    complete: dict[str, Any] = {}
    if finished.outcome.error:
        complete = {"ErrorCode": "Unhandled", "ErrorDetails": finished.outcome.payload.decode("utf-8", "replace")}
    if with_log:
        complete["LogResult"] = tail(finished)
    yield {"InvokeComplete": complete}


async def stream_from(ctx: Context, who: Named, payload: bytes, context: str = "", tenant: str = "") -> Streamed:
    """Invokes a function and returns as soon as its answer begins. Raises AwsError."""
    stream = ResponseStream()
    with ctx.transaction():
        reserved = find_function(ctx, who.name, who.qualifier).reserved_concurrency
        version = aliases.route(ctx, who.name, who.qualifier) if who.qualifier else find_version(ctx, who.name)
        tenancy.check_call(version, tenant)
        if version.durable is not None:
            raise not_implemented("lambda", "InvokeWithResponseStream", "durable functions, also by their URLs")
        request_id = ctx.call_info.request_id or ctx.ids.uuid()
        arn = function_arn(ctx, who.name, who.qualifier)
        invocation = Invocation(request_id, payload, arn, trace_id(ctx, version, request_id), context, tenant, stream=stream)
    await hot_reload.refresh(ctx, version)
    task = asyncio.get_running_loop().create_task(ctx.world.part(Pool).invoke(ctx, version, invocation, reserved))
    return await Streamed.begun(stream, task, version.label)


@operation(on=on_function)
async def invoke_async(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    # Deprecated, and still answered: an Event invocation by another name.
    payload = b""
    async for piece in req["InvokeArgs"]:
        payload += piece
        if len(payload) > EVENT_LIMIT:
            raise errors.payload_too_large(len(payload), "Event", EVENT_LIMIT)
    await invoke(ctx, {"FunctionName": req["FunctionName"], "InvocationType": "Event", "Payload": payload})
    return {"Status": 202}


def checked_json(payload: bytes) -> bytes:
    """The event: JSON, or {} for nothing."""
    if not payload:
        return b"{}"
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise errors.payload_not_json(str(problem)) from None
    except RecursionError:
        raise errors.payload_not_json("Document nesting depth exceeds the maximum allowed") from None
    return payload


def _client_context(text: str) -> str:
    """ClientContext as the runtime gets it: JSON that came in base64."""
    if not text:
        return ""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
        return json.dumps(json.loads(decoded), separators=(",", ":"))
    except (ValueError, RecursionError):
        raise errors.invalid("Client context must be a valid Base64-encoded JSON object.") from None


def trace_id(ctx: Context, version: Version, request_id: str) -> str:
    """The caller's trace header, or a new one. Where the caller leaves open whether it is sampled, it is if the version traces."""
    # botocore quotes what separates the functions of a chain.
    given = unquote(ctx.call_info.headers.get("x-amzn-trace-id", ""))
    fields = dict(part.partition("=")[::2] for part in given.split(";")) if _TRACE.fullmatch(given) else {}
    if fields.get("Root") and fields.get("Parent") and fields.get("Sampled") in ("0", "1"):
        return given
    root = f"Root={fields['Root']}" if fields.get("Root") else root_of(request_id, ctx.now)
    parent = fields.get("Parent") or _digits(request_id)[24:40]
    sampled = fields["Sampled"] if fields.get("Sampled") in ("0", "1") else int(version.tracing == "Active")
    rest = "".join(f";{name}={value}" for name, value in fields.items() if name not in ("Root", "Parent", "Sampled"))
    return f"{root};Parent={parent};Sampled={sampled}{rest}"


def root_of(request_id: str, now: datetime) -> str:
    """The root of a trace that begins with a request: "Root=1-...-..."."""
    return f"Root=1-{int(now.timestamp()):08x}-{_digits(request_id)[:24]}"


def _digits(request_id: str) -> str:
    # By the request's id: an id of the world's own would be a write.
    return hashlib.sha256(request_id.encode()).hexdigest()


def tail(finished: Finished) -> str:
    """The last 4 KiB of an invocation's log, in base64."""
    return base64.b64encode(finished.log.encode()[-_TAIL:]).decode()
