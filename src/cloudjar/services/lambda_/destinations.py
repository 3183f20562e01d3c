"""Telling others how an event ended: destinations, and dead-letter targets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect
from cloudjar.services.lambda_ import metering
from cloudjar.services.lambda_.functions import Version, find_version
from cloudjar.services.lambda_.invocation import Outcome, stamp
from cloudjar.services.lambda_.names import LATEST, function_arn

if TYPE_CHECKING:
    from cloudjar.services.lambda_.asynchronous import Queued
    from cloudjar.services.lambda_.event_invoke import EventInvokeConfig


CALLS = {
    "sqs": ("sqs", "SendMessage"),
    "sns": ("sns", "Publish"),
    "lambda": ("lambda", "InvokeFunction"),
    "events": ("events", "PutEvents"),
    "s3": ("s3", "PutObject"),
}
"""By the service in a destination's ARN: what the function's role must be allowed."""


def may_send(ctx: Context, role: str, arn: str) -> bool:
    """Whether a function's role may send to a destination. Raises what taking the role raises."""
    service, action = CALLS[arn.split(":")[2]]
    acting = ctx.at(principal=ctx.assume(role, "lambda.amazonaws.com").principal)
    return ctx.world.host.allowed(acting, f"{service}:{action}", f"{arn}/*" if service == "s3" else arn)


def succeeded(ctx: Context, queued: Queued, payload: bytes, outcome: Outcome, version: str, settings: EventInvokeConfig) -> None:
    """The function handled the event."""
    if settings.on_success:
        _deliver(ctx, queued, settings.on_success, _record(ctx, queued, payload, outcome, "Success", version))


def failed(ctx: Context, queued: Queued, payload: bytes, outcome: Outcome | None, condition: str, settings: EventInvokeConfig) -> None:
    """The event was given up."""
    version = _version(ctx, queued)
    if settings.on_failure:
        label = version.label if version else LATEST
        _deliver(ctx, queued, settings.on_failure, _record(ctx, queued, payload, outcome, condition, label))
    if version is not None and version.dead_letter_arn:
        error = _value(outcome.payload) if outcome else {}
        message = str(error.get("errorMessage") or "") if isinstance(error, dict) else ""
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": queued.id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or condition},
        }
        ctx.effect(
            send,
            version.role,
            version.dead_letter_arn,
            payload.decode(),
            attributes,
            "",
            function_arn(ctx, queued.function, queued.qualifier),
        )


def _version(ctx: Context, queued: Queued) -> Version | None:
    """What the event is for; None if that is gone."""
    try:
        return find_version(ctx, queued.function, queued.qualifier)
    except AwsError:
        return None


def _record(ctx: Context, queued: Queued, payload: bytes, outcome: Outcome | None, condition: str, version: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
    request: dict[str, Any] = {
        "requestId": queued.id,
        "functionArn": function_arn(ctx, queued.function, queued.qualifier or LATEST),
        "condition": condition,
        "approximateInvokeCount": max(1, queued.attempts) if outcome is None or outcome.error else queued.attempts + 1,
    }
    record: dict[str, Any] = {"version": "1.0", "timestamp": stamp(ctx.now), "requestContext": request, "requestPayload": _value(payload)}
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": version}
        if outcome.error:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = _value(outcome.payload)
    return record


def _value(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")


def _deliver(ctx: Context, queued: Queued, target: str, record: dict[str, Any]) -> None:
    version = _version(ctx, queued)
    if version is not None:
        outcome = "Success" if record["requestContext"]["condition"] == "Success" else "Failure"
        title = f"Lambda Function Invocation Result - {outcome}"
        if target.split(":")[2] == "s3":
            title = object_key(ctx, f"async/{queued.function}")
        ctx.effect(
            send, version.role, target, json.dumps(record, separators=(",", ":")), {}, title, record["requestContext"]["functionArn"]
        )


def object_key(ctx: Context, of: str) -> str:
    """The key of a record in a bucket: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
    return f"aws/lambda/{of}/{ctx.now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{ctx.ids.uuid()}"


@effect
async def send(ctx: Context, role: str, target: str, body: str, attributes: dict[str, Any], detail_type: str, sender: str = "") -> None:
    """Sends one message to a queue, topic, function, event bus or bucket, as the function's role. `sender` is the function's ARN.

    `detail_type` is for buses; for buckets it is the object's key.
    """
    try:
        await _send(ctx, role, target, body, attributes, detail_type)
    except AwsError as error:
        # As on AWS: what cannot be delivered is counted, and gone.
        if sender and (error.status or 400) < 500:
            name = "DeadLetterErrors" if attributes else "DestinationDeliveryFailures"
            metering.add(ctx, name, metering.dimensions(sender))
            return
        raise


async def _send(ctx: Context, role: str, target: str, body: str, attributes: dict[str, Any], detail_type: str) -> None:
    with ctx.transaction():
        acting = ctx.assume(role, "lambda.amazonaws.com")
    acting = ctx.at(principal=acting.principal)
    _, _, service, region, account, resource = target.split(":", 5)
    acting = acting.at(region=region or ctx.region)
    if service == "sqs":
        url = f"http://localhost:4566/{account}/{resource}"
        await acting.call_async("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes})
    elif service == "sns":
        await acting.call_async("sns", "Publish", {"TopicArn": target, "Message": body, "MessageAttributes": attributes})
    elif service == "lambda":
        await acting.call_async("lambda", "Invoke", {"FunctionName": target, "InvocationType": "Event", "Payload": body.encode()})
    elif service == "s3":
        await acting.call_async("s3", "PutObject", {"Bucket": resource, "Key": detail_type, "Body": body.encode()})
    else:
        entry = {"Source": "lambda", "DetailType": detail_type, "Detail": body, "EventBusName": target}
        await acting.call_async("events", "PutEvents", {"Entries": [entry]})
