"""The ways into targets: each takes a batch, and says which of its items failed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from cloudjar.kernel import targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.source_filters import failed_items
from cloudjar.kernel.source_queues import queue_url
from cloudjar.services.pipes.pipes import Pipe
from cloudjar.services.pipes.settings import kind_of, service_of


async def send(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    """Hands a batch to a pipe's target, as its role; the indices of what it did not take. Raises AwsError if it took nothing."""
    return await _SENDERS[kind_of(pipe.target)](ctx, pipe, items, parameters, ids)


def text_of(item: Any) -> str:
    """An item as a message."""
    return item if isinstance(item, str) else json.dumps(item, separators=(",", ":"), ensure_ascii=False)


async def invoke(ctx: Context, arn: str, items: list[Any]) -> Any:
    """What a function answers to a batch."""
    answer = await ctx.call_async("lambda", "Invoke", {"FunctionName": arn, "Payload": text_of(items).encode()})
    body = answer.get("Payload") or b""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    if answer.get("FunctionError"):
        raise AwsError("FunctionError", f"The function answered with an error: {text[:1000]}")
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


async def call(ctx: Context, arn: str, item: Any, parameters: dict[str, Any]) -> Any:
    """What an API destination answers."""
    answer = await targets.send(ctx, arn, text_of(item), {"HttpParameters": parameters})
    text = answer.get("Body") or ""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


def _instant(text: str) -> datetime:
    """A time as RFC 3339, or as milliseconds since 1970."""
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise AwsError("ValidationException", f"{text} is not a time.") from None


async def _lambda(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    given = (pipe.settings.get("TargetParameters") or {}).get("LambdaFunctionParameters") or {}
    if given.get("InvocationType") == "FIRE_AND_FORGET":
        request = {"FunctionName": pipe.target, "InvocationType": "Event", "Payload": text_of(items).encode()}
        await ctx.call_async("lambda", "Invoke", request)
        return set()
    answer = await invoke(ctx, pipe.target, items)
    failed = failed_items(json.dumps(answer).encode(), ids)
    return set(range(len(items))) if failed is None else {ids.index(one) for one in failed}


async def _sqs(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    entries = []
    for at, item in enumerate(items):
        given = parameters[at].get("SqsQueueParameters") or {}
        entry = {"Id": str(at), "MessageBody": text_of(item)}
        entries.append(entry | {name: given[name] for name in ("MessageGroupId", "MessageDeduplicationId") if given.get(name)})
    answer = await ctx.call_async("sqs", "SendMessageBatch", {"QueueUrl": queue_url(pipe.target), "Entries": entries})
    return {int(failure["Id"]) for failure in answer.get("Failed") or ()}


async def _sns(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    entries = [{"Id": str(at), "Message": text_of(item)} for at, item in enumerate(items)]
    answer = await ctx.call_async("sns", "PublishBatch", {"TopicArn": pipe.target, "PublishBatchRequestEntries": entries})
    return {int(failure["Id"]) for failure in answer.get("Failed") or ()}


async def _bus(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    entries = []
    for at, item in enumerate(items):
        given = parameters[at].get("EventBridgeEventBusParameters") or {}
        entry: dict[str, Any] = {
            "Source": given.get("Source") or f"Pipe {pipe.name}",
            "DetailType": given.get("DetailType") or f"Event from aws:{service_of(pipe.source)}",
            "Detail": text_of(item),
            "EventBusName": pipe.target,
        }
        if given.get("Resources"):
            entry["Resources"] = given["Resources"]
        if given.get("Time"):
            entry["Time"] = _instant(given["Time"])
        entries.append(entry)
    request: dict[str, Any] = {"Entries": entries}
    own = (pipe.settings.get("TargetParameters") or {}).get("EventBridgeEventBusParameters") or {}
    if own.get("EndpointId"):
        request["EndpointId"] = own["EndpointId"]
    answer = await ctx.call_async("events", "PutEvents", request)
    failed = {at for at, entry in enumerate(answer["Entries"]) if entry.get("ErrorCode")}
    if len(failed) == len(entries):
        first = answer["Entries"][0]
        raise AwsError(first["ErrorCode"], first["ErrorMessage"])
    return failed


async def _logs(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    group = pipe.target.split(":", 6)[6].removesuffix(":*")
    streams: dict[str, list[dict[str, Any]]] = {}
    with ctx.transaction():
        now = int(ctx.now.timestamp() * 1000)
    for at, item in enumerate(items):
        given = parameters[at].get("CloudWatchLogsParameters") or {}
        time = int(_instant(given["Timestamp"]).timestamp() * 1000) if given.get("Timestamp") else now
        streams.setdefault(given.get("LogStreamName") or pipe.name, []).append({"timestamp": time, "message": text_of(item)})
    for stream, events in streams.items():
        request = {"logGroupName": group, "logStreamName": stream, "logEvents": sorted(events, key=lambda event: event["timestamp"])}
        try:
            await ctx.call_async("logs", "PutLogEvents", request)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            await ctx.call_async("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
            await ctx.call_async("logs", "PutLogEvents", request)
    return set()


async def _destination(ctx: Context, pipe: Pipe, items: list[Any], parameters: list[dict[str, Any]], ids: list[str]) -> set[int]:
    for at, item in enumerate(items):
        await call(ctx, pipe.target, item, parameters[at].get("HttpParameters") or {})
    return set()


_SENDERS: dict[str, Callable[[Context, Pipe, list[Any], list[dict[str, Any]], list[str]], Awaitable[set[int]]]] = {
    "lambda": _lambda,
    "sqs": _sqs,
    "sns": _sns,
    "event-bus": _bus,
    "logs": _logs,
    "api-destination": _destination,
}
