"""Receipt handles: which message, and which of its receives."""

from __future__ import annotations

import base64
import binascii

from cloudjar.kernel.context import Context
from cloudjar.services.sqs import errors
from cloudjar.services.sqs.messages import Message
from cloudjar.services.sqs.queues import Queue

_MARK = "SQS1"


def handle_of(queue: Queue, message: Message) -> str:
    """The handle that a receiver gets. It differs from receive to receive."""
    text = f"{_MARK}:{queue.uid}:{message.store}:{message.sent}:{message.seq}:{message.receives}:{message.id}"
    return base64.b64encode(text.encode()).decode()


def find(ctx: Context, queue: Queue, handle: str) -> tuple[Message | None, bool]:
    """The message that a handle means, None if it is gone, and whether the handle is of its last receive.

    Raises ReceiptHandleIsInvalid for what this queue never gave out.
    """
    try:
        mark, uid, store, sent, seq, receives, message_id = base64.b64decode(handle.encode("ascii"), validate=True).decode().split(":")
        key = int(store), int(sent), int(seq)
        known = mark == _MARK and int(uid) == queue.uid
    except (binascii.Error, ValueError):
        raise errors.invalid_handle(handle) from None
    if not known or max(key) >= 1 << 62 or min(key) < 0:
        raise errors.invalid_handle(handle)
    message = ctx.get(Message, *key) if key[0] == queue.store else None
    if message is None or message.id != message_id:
        return None, False
    return message, str(message.receives) == receives
