"""SQS as a pipe's source: batches through the pipe, and out of the queue what has arrived."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.source_filters import passes
from cloudjar.services.pipes.flow import Flow
from cloudjar.services.pipes.pipes import Pipe
from cloudjar.services.pipes.polling import Poller
from cloudjar.services.pipes.settings import queue_url

_AT_ONCE = 10
_BATCHES = 5
"""Batches in work at a time; one for a FIFO queue, so that order holds."""
_LARGEST_BATCH = 6_000_000
"""Bytes of records, so that they stay below Invoke's own limit."""


async def drain(poller: Poller, pipe: Pipe) -> None:
    """Serves a queue until it is empty."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            poller.news.clear()
            now = poller.pipe()
            if now is not None:
                most = 1 if now.source.endswith(".fifo") else _BATCHES
                acting = poller.acting(now)
                while len(running) < most and (batch := await _receive(poller, now, acting)):
                    running.add(asyncio.get_running_loop().create_task(_handle(poller, now, acting, batch)))
            if not running and (now is None or not poller.news.is_set()):
                return
            await _wait(poller.news, running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _wait(news: asyncio.Event, running: set[asyncio.Task[None]]) -> None:
    """Returns when there is news, or a batch has ended; raises what it raised."""
    listening = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait({listening, *running}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
    for task in [task for task in running if task.done()]:
        running.discard(task)
        task.result()


async def _receive(poller: Poller, pipe: Pipe, acting: Context) -> list[dict[str, Any]]:
    """A batch; empty if there is nothing, or nothing yet."""
    url, size = queue_url(pipe.source), pipe.reading["BatchSize"]
    if pipe.reading.get("MaximumBatchingWindowInSeconds"):
        request: dict[str, Any] = {"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]}
        attributes = (await acting.call_async("sqs", "GetQueueAttributes", request))["Attributes"]
        if not poller.is_due(pipe, int(attributes["ApproximateNumberOfMessages"])):
            return []
    batch: list[dict[str, Any]] = []
    while len(batch) < size and sum(len(message["Body"]) for message in batch) < _LARGEST_BATCH:
        request = {
            "QueueUrl": url,
            "MaxNumberOfMessages": min(_AT_ONCE, size - len(batch)),
            "WaitTimeSeconds": 0,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        }
        found = (await acting.call_async("sqs", "ReceiveMessage", request)).get("Messages")
        if not found:
            break
        batch += found
    return batch


async def _handle(poller: Poller, pipe: Pipe, acting: Context, batch: list[dict[str, Any]]) -> None:
    """One batch, to its end. What failed is seen again when its visibility timeout is over."""
    records = [record_of(pipe.source, message) for message in batch]
    wanted = [record for record in records if passes(pipe.filters, record, "body")]
    failed: set[int] = set()
    if wanted:
        failed = await Flow(poller.ctx, acting, pipe).run(wanted, "messageId")
    lost = {wanted[at]["messageId"] for at in failed}
    handles = [record["receiptHandle"] for record in records if record["messageId"] not in lost]
    for start in range(0, len(handles), _AT_ONCE):
        entries = [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(handles[start : start + _AT_ONCE])]
        await acting.call_async("sqs", "DeleteMessageBatch", {"QueueUrl": queue_url(pipe.source), "Entries": entries})


def record_of(source: str, message: dict[str, Any]) -> dict[str, Any]:
    """A message as pipes have it. Source: "Amazon SQS as a source" in the user guide."""
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
    found: dict[str, Any] = {"dataType": value["DataType"]}
    if value.get("StringValue") is not None:
        found["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        found["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return {**found, "stringListValues": [], "binaryListValues": []}
