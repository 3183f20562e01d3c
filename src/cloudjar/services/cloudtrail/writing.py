"""Writing into a trail's bucket, topic and log group, as CloudTrail itself: their policies decide."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import replace
from cloudjar.services.cloudtrail import checks
from cloudjar.services.cloudtrail.trails import Trail, arn_of


async def put(ctx: Context, name: str, key: str, content: bytes, more: dict[str, Any]) -> str:
    """Puts an object into the trail's bucket, as CloudTrail; gives the error's code, or an empty text."""
    with ctx.transaction():
        trail = ctx.get(Trail, name)
    if trail is None:
        return ""
    writer = ctx.as_service("cloudtrail.amazonaws.com", arn_of(ctx, name))
    request = {"Bucket": trail.bucket, "Key": key, "Body": content, "ACL": checks.OWNERS, **more}
    if trail.key:
        context = base64.b64encode(json.dumps({checks.CONTEXT_KEY: arn_of(ctx, name)}).encode()).decode()
        request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": trail.key, "SSEKMSEncryptionContext": context}
    try:
        await writer.call_async("s3", "PutObject", request)
    except AwsError as error:
        region = error.headers.get("x-amz-bucket-region")
        if not region:
            return error.code
        try:
            await writer.at(region=region).call_async("s3", "PutObject", request)
        except AwsError as second:
            return second.code
    return ""


LARGEST_BATCH = 900_000
"""Bytes of messages in one call to CloudWatch Logs, which takes a little more."""
LARGEST_MESSAGE = 200_000


class LogFile(NamedTuple):
    """A file of events, to be written."""

    account: str
    region: str
    cursor: str
    last: int
    key: str
    content: bytes
    events: list[dict[str, Any]]


async def announce(ctx: Context, name: str, file: LogFile) -> None:
    """Tells a trail's topic of a file, and writes its events to the log group; what fails is in the trail's status."""
    with ctx.transaction():
        trail = ctx.get(Trail, name)
    if trail is None:
        return
    if trail.topic:
        problem = await _notify(ctx, trail, file.key)
        with ctx.transaction():
            _keep(ctx, name, {"notify_error": problem} if problem else {"notify_error": "", "notified": ctx.now})
    if trail.log_group:
        problem = await _log(ctx, trail, file)
        with ctx.transaction():
            _keep(ctx, name, {"log_error": problem} if problem else {"log_error": "", "logged": ctx.now})


def _keep(ctx: Context, name: str, changes: dict[str, Any]) -> None:
    trail = ctx.get(Trail, name)
    if trail is not None:
        ctx.put(replace(trail, **changes))


async def _notify(ctx: Context, trail: Trail, key: str) -> str:
    message = json.dumps({"s3Bucket": trail.bucket, "s3ObjectKey": [key]}, separators=(",", ":"))
    parts = trail.topic.split(":")
    there = checks.service(ctx, trail).at(region=parts[3])
    try:
        await there.call_async("sns", "Publish", {"TopicArn": trail.topic, "Message": message})
    except AwsError as error:
        return error.code
    return ""


async def _log(ctx: Context, trail: Trail, file: LogFile) -> str:
    try:
        with ctx.transaction():
            acting = ctx.assume(trail.log_role, checks.PRINCIPAL, arn_of(ctx, trail.name))
        acting = acting.at(account=trail.log_group.split(":")[4])
        stream = {"logGroupName": checks.group_name(trail.log_group), "logStreamName": checks.stream_name(file.account, file.region)}
        for batch in _batches(file.events):
            try:
                await acting.call_async("logs", "PutLogEvents", {**stream, "logEvents": batch})
            except AwsError as error:
                if error.code != "ResourceNotFoundException":
                    raise
                await acting.call_async("logs", "CreateLogStream", stream)
                await acting.call_async("logs", "PutLogEvents", {**stream, "logEvents": batch})
    except AwsError as error:
        return error.code
    return ""


def _batches(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The events as messages, in their order, in portions that CloudWatch Logs takes; larger ones are left out, as AWS does."""
    found: list[list[dict[str, Any]]] = []
    room = 0
    for event in events:
        message = json.dumps(event, separators=(",", ":"))
        size = len(message.encode()) + 26
        if size > LARGEST_MESSAGE:
            continue
        if size > room or len(found[-1]) >= 10_000:
            found.append([])
            room = LARGEST_BATCH
        found[-1].append({"timestamp": int(datetime.fromisoformat(event["eventTime"]).timestamp() * 1000), "message": message})
        room -= size
    return found
