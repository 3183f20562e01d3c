"""SendMessage and SendMessageBatch."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import unquote

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sqs import batches, deduplication, encryption, errors, message_attributes
from cloudjar.services.sqs.messages import PACK, Message, MessageStore, Payload
from cloudjar.services.sqs.queues import ONE_MIB, Queue, addressed, count, on_queue

_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_TRACE_TYPE = "String"
_LONGEST_TRACE = 512
FIRST_SEQUENCE_NUMBER = 18_870_000_000_000_000_000
"""SQS's sequence numbers have twenty digits."""


@operation(on=on_queue)
def send_message(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    with MessageStore(home, queue) as store:
        return _send(ctx, store, req)


@operation(on=on_queue)
def send_message_batch(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    entries = batches.check(req["Entries"], "SendMessageBatchRequestEntry")
    total = sum(_size(entry) for entry in entries)
    if total > ONE_MIB:
        raise errors.batch_too_long(ONE_MIB, total)
    with MessageStore(home, queue) as store:
        return batches.run(entries, lambda entry: _send(ctx, store, entry))


def _size(entry: dict[str, Any]) -> int:
    attributes = {
        name: value
        for name, value in (entry.get("MessageAttributes") or {}).items()
        if value.get("DataType") and (value.get("StringValue") is not None or value.get("BinaryValue") is not None)
    }
    return len(entry["MessageBody"].encode("utf-8", "surrogatepass")) + message_attributes.size(attributes)


def _send(ctx: Context, store: MessageStore, req: dict[str, Any]) -> dict[str, Any]:
    """One message into its queue. Nothing is stored if it is refused."""
    queue = store.queue
    text = req["MessageBody"]
    if not text:
        raise errors.missing_parameter("The request must contain the parameter MessageBody.")
    message_attributes.check_text(text)
    body = text.encode()
    attributes = message_attributes.check(req.get("MessageAttributes") or {})
    system = req.get("MessageSystemAttributes") or {}
    if len(body) + message_attributes.size(attributes) > queue.maximum_size:
        raise errors.message_too_long(queue.maximum_size)
    payload = Payload(text, hashlib.md5(body, usedforsecurity=False).hexdigest(), attributes, _trace_header(system) or _callers_trace(ctx))
    answer: dict[str, Any] = {"MD5OfMessageBody": payload.md5}
    if attributes:
        answer["MD5OfMessageAttributes"] = message_attributes.md5(attributes)
    if system:
        answer["MD5OfMessageSystemAttributes"] = message_attributes.md5(system)

    group, deduplication_id = _placement(queue, req, body)
    delay = _delay(queue, req)
    if queue.fifo:
        known = deduplication.earlier(store.ctx, queue, group, deduplication_id)
        if known:
            return {**answer, "MessageId": known.message_id, "SequenceNumber": sequence_number(known.seq)}

    data, data_key = encryption.encrypt(ctx, queue, PACK(payload))
    message = store.add(
        Message(
            queue.store,
            store.now,
            0,
            store.ctx.ids.uuid(),
            store.ctx.blobs.put(data),
            sender=ctx.principal.user_id or ctx.principal.account or ctx.principal.arn,
            group=group,
            deduplication_id=deduplication_id,
            data_key=data_key,
        ),
        delay,
    )
    count(store.ctx, queue, "NumberOfMessagesSent")
    count(store.ctx, queue, "SentMessageSize", float(len(body)), "Bytes")
    answer["MessageId"] = message.id
    if queue.fifo:
        deduplication.remember(store.ctx, queue, group, deduplication_id, message.id, message.seq)
        answer["SequenceNumber"] = sequence_number(message.seq)
    return answer


def sequence_number(seq: int) -> str:
    """A SequenceNumber as SQS writes it."""
    return str(FIRST_SEQUENCE_NUMBER + seq * 256)


def _placement(queue: Queue, req: dict[str, Any], body: bytes) -> tuple[str, str]:
    """The group and the deduplication id of a message."""
    group, given = req.get("MessageGroupId"), req.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", given)):
        if value is not None and not _TOKEN.fullmatch(value):
            raise errors.invalid_value(
                value, name, f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            )  # fmt: skip
    if not queue.fifo:
        if given is not None:
            raise errors.invalid_value(
                given, "MessageDeduplicationId", "The request includes a parameter that is not valid for this queue type."
            )
        return group or "", ""
    if group is None:
        raise errors.missing_parameter("The request must contain the parameter MessageGroupId.")
    if given is not None:
        return group, given
    if not queue.content_based_deduplication:
        raise errors.invalid_parameter(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
        )
    return group, hashlib.sha256(body).hexdigest()


def _delay(queue: Queue, req: dict[str, Any]) -> int:
    delay = req.get("DelaySeconds")
    if delay is None:
        return queue.delay
    if not 0 <= delay <= 900:
        raise errors.invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    # A FIFO queue delays all its messages alike, so that their order holds.
    if queue.fifo:
        if delay:
            raise errors.invalid_value(delay, "DelaySeconds", "The request include parameter that is not valid for this queue type.")
        return queue.delay
    return int(delay)


def _callers_trace(ctx: Context) -> str:
    """SDKs within a function send its trace along, and the queue keeps it with the message."""
    return unquote(ctx.call_info.headers.get("x-amzn-trace-id", ""))[:_LONGEST_TRACE]


def _trace_header(system: dict[str, dict[str, Any]]) -> str:
    for name, value in system.items():
        if name != "AWSTraceHeader":
            raise errors.invalid_parameter(f"Message system attribute name '{name}' is invalid.")
        if value.get("DataType") != _TRACE_TYPE or not value.get("StringValue"):
            raise errors.invalid_parameter("The message system attribute 'AWSTraceHeader' must be a non-empty String.")
        return str(value["StringValue"])
    return ""
