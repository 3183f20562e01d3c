"""A look at a queue's messages that changes nothing: what /_aws/sqs/messages shows."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.sqs.messages import DELAYED, IN_FLIGHT, everything
from cloudjar.services.sqs.queues import addressed
from cloudjar.services.sqs.receives import message_to_wire

HANDLE = "SQS/BACKDOOR/ACCESS"
"""Stands where a receipt handle would; nothing can be deleted with it."""
MOST = 10_000


def look(ctx: Context, queue_url: str, *, invisible: bool, delayed: bool) -> list[dict[str, Any]]:
    """A queue's messages as ReceiveMessage gives them, oldest first; those in flight and delayed only if asked for.

    Raises QueueDoesNotExist, InvalidAddress.
    """
    home, queue = addressed(ctx, {"QueueUrl": queue_url})
    now = ctx.now.timestamp() * 1000
    found = []
    for message in everything(home, queue):
        pending = message.visible > now
        if (message.state == IN_FLIGHT and pending and not invisible) or (message.state == DELAYED and pending and not delayed):
            continue
        found.append(message_to_wire(home, queue, message, {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}, HANDLE))
        if len(found) == MOST:
            break
    return found
