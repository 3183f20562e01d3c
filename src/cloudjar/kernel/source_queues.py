"""SQS queues as a source, for event source mappings and pipes: their batches, their records, and what is done with."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context

LARGEST_BATCH = 6_000_000
"""Bytes of records, so that the event stays below Invoke's own limit."""
_AT_ONCE = 10


def queue_url(arn: str) -> str:
    """The URL of a queue that an ARN names."""
    _, _, _, region, account, name = arn.split(":", 5)
    return f"https://sqs.{region}.amazonaws.com/{account}/{name}"


async def waiting(acting: Context, source: str) -> int:
    """How many messages can be received."""
    request = {"QueueUrl": queue_url(source), "AttributeNames": ["ApproximateNumberOfMessages"]}
    return int((await acting.call_async("sqs", "GetQueueAttributes", request))["Attributes"]["ApproximateNumberOfMessages"])


async def receive(acting: Context, source: str, most: int) -> list[dict[str, Any]]:
    """A batch of messages; empty if there is none. Raises AwsError."""
    batch: list[dict[str, Any]] = []
    while len(batch) < most and sum(len(message["Body"]) for message in batch) <= LARGEST_BATCH:
        request = {
            "QueueUrl": queue_url(source),
            "MaxNumberOfMessages": min(_AT_ONCE, most - len(batch)),
            "WaitTimeSeconds": 0,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        }
        found = (await acting.call_async("sqs", "ReceiveMessage", request)).get("Messages")
        if not found:
            break
        batch += found
    return batch


async def delete(acting: Context, source: str, handles: list[str]) -> None:
    """Takes messages that are done with out of their queue. Raises AwsError."""
    for start in range(0, len(handles), _AT_ONCE):
        entries = [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(handles[start : start + _AT_ONCE])]
        await acting.call_async("sqs", "DeleteMessageBatch", {"QueueUrl": queue_url(source), "Entries": entries})


async def wait_for(news: asyncio.Event, running: set[asyncio.Task[Any]]) -> None:
    """Returns when there is news, or a batch has ended; raises what it raised."""
    listening = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait({listening, *running}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
    for task in [task for task in running if task.done()]:
        running.discard(task)
        task.result()


def record_of(source: str, message: dict[str, Any]) -> dict[str, Any]:
    """A message as functions and pipes have it: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, "Example event"."""
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes") or {},
        "messageAttributes": {name: _attribute(value) for name, value in (message.get("MessageAttributes") or {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": source.split(":")[3],
    }
    if message.get("MD5OfMessageAttributes"):
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        found["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        found["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return {**found, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
