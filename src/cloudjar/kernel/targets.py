"""Sending a payload to what an ARN names: the targets that EventBridge, Scheduler and Pipes share."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Awaitable, Callable
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import TargetMark

Send = Callable[[Context, str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def send(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Hands a payload to a target as the context's principal; raises the target's AwsError. `settings` are EventBridge's Target members."""
    kind = kind_of(arn)
    if kind is None:
        raise not_implemented("events", "PutTargets", f"targets of {arn}")
    _, _, _, region, account, resource = arn.split(":", 5)
    if kind == "events" and resource.startswith("api-destination/"):
        kind = "api-destination"
    return await _SENDERS[kind][1](ctx.at(region=region or ctx.region, account=account or ctx.account), arn, payload, settings)


def kind_of(arn: str) -> str | None:
    """The kind of target that an ARN names ("sqs"), or None if nothing here can be sent to it."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    service = parts[2]
    found = _SENDERS.get(service)
    if found is None or not has_service(found[0]):
        return None
    return service


def has_service(name: str) -> bool:
    """Whether cloudjar has a service, by botocore's name."""
    package = name.replace("-", "_")
    return importlib.util.find_spec(f"cloudjar.services.{'lambda_' if name == 'lambda' else package}") is not None


def acting(ctx: Context, role: str, service: str, source_arn: str) -> Context:
    """The context under a role, or as the service itself where there is none. Raises AccessDenied."""
    if not role:
        return ctx.as_service(service, source_arn)
    with ctx.transaction():
        principal = ctx.assume(role, service, source_arn).principal
    # Made outside the transaction, so that it does not hold on to it.
    return ctx.at(principal=principal)


def is_final(error: AwsError) -> bool:
    """Whether another attempt cannot help, so that the event goes to the dead-letter queue at once."""
    final = ("AccessDenied", "NotFound", "DoesNotExist", "NoSuch", "NonExistentQueue", "InvalidParameter", "Validation", "NotImplemented")
    return any(word in error.code for word in final)


async def _lambda(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    return await ctx.call_async("lambda", "Invoke", {"FunctionName": arn, "InvocationType": "Event", "Payload": payload.encode()})


async def _sqs(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    account, name = arn.split(":")[4:6]
    message: dict[str, Any] = {"QueueUrl": f"http://localhost:4566/{account}/{name}", "MessageBody": payload}
    if group := (settings.get("SqsParameters") or {}).get("MessageGroupId"):
        message["MessageGroupId"] = group
    if attributes := settings.get("MessageAttributes"):
        message["MessageAttributes"] = attributes
    return await ctx.call_async("sqs", "SendMessage", message)


async def _sns(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    return await ctx.call_async("sns", "Publish", {"TopicArn": arn, "Message": payload})


async def _logs(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    group = arn.split(":", 6)[6].removesuffix(":*")
    with ctx.transaction():
        stream, now = ctx.ids.uuid(), int(ctx.now.timestamp() * 1000)
    await ctx.call_async("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
    event = {"timestamp": now, "message": payload}
    return await ctx.call_async("logs", "PutLogEvents", {"logGroupName": group, "logStreamName": stream, "logEvents": [event]})


async def _kinesis(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    given = settings.get("KinesisParameters") or {}
    key = given.get("PartitionKey") or settings.get("EventId") or "0"
    return await ctx.call_async("kinesis", "PutRecord", {"StreamName": arn.split("/", 1)[1], "Data": payload.encode(), "PartitionKey": key})


async def _firehose(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    record = {"Data": payload.encode()}
    return await ctx.call_async("firehose", "PutRecord", {"DeliveryStreamName": arn.split("/", 1)[1], "Record": record})


async def _states(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    return await ctx.call_async("stepfunctions", "StartExecution", {"stateMachineArn": arn, "input": payload})


async def _events(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    given = settings.get("EventBridgeParameters") or {}
    try:
        json.loads(payload)
    except ValueError:
        payload = json.dumps({"message": payload})
    entry = {"Source": given.get("Source"), "DetailType": given.get("DetailType"), "Detail": payload, "EventBusName": arn}
    answer = await ctx.call_async("events", "PutEvents", {"Entries": [{name: value for name, value in entry.items() if value}]})
    if answer.get("FailedEntryCount"):
        failed = answer["Entries"][0]
        raise AwsError(failed["ErrorCode"], failed["ErrorMessage"])
    return answer


async def _api_destination(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    call = ctx.world.host.resolve("services.events.api_destinations:invoke", TargetMark)
    answer: dict[str, Any] = await call(ctx, arn, payload, settings)
    return answer


_SENDERS: dict[str, tuple[str, Send]] = {
    "lambda": ("lambda", _lambda),
    "sqs": ("sqs", _sqs),
    "sns": ("sns", _sns),
    "logs": ("logs", _logs),
    "kinesis": ("kinesis", _kinesis),
    "firehose": ("firehose", _firehose),
    "states": ("stepfunctions", _states),
    "events": ("events", _events),
    "api-destination": ("events", _api_destination),
}
"""For each service in ARNs: botocore's name of it, and how it is sent to."""
