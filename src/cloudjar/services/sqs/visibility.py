"""ChangeMessageVisibility and ChangeMessageVisibilityBatch."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sqs import batches, errors, receipts
from cloudjar.services.sqs.messages import IN_FLIGHT, MessageStore
from cloudjar.services.sqs.queues import addressed, on_queue

LONGEST = 43_200
"""Seconds, counted from the receive."""


@operation(on=on_queue)
def change_message_visibility(ctx: Context, req: dict[str, Any]) -> None:
    home, queue = addressed(ctx, req)
    with MessageStore(home, queue) as store:
        _change(store, req["ReceiptHandle"], req["VisibilityTimeout"])


@operation(on=on_queue)
def change_message_visibility_batch(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    entries = batches.check(req["Entries"], "ChangeMessageVisibilityBatchRequestEntry")
    with MessageStore(home, queue) as store:
        return batches.run(entries, lambda entry: _change(store, entry["ReceiptHandle"], entry.get("VisibilityTimeout") or 0))


def check_timeout(seconds: int) -> None:
    """InvalidParameterValue unless it is between 0 seconds and 12 hours."""
    if not 0 <= seconds <= LONGEST:
        raise errors.invalid_value(seconds, "VisibilityTimeout", "Must be between 0 and 43200.")


def _change(store: MessageStore, handle: str, seconds: int) -> None:
    check_timeout(seconds)
    message, latest = receipts.find(store.ctx, store.queue, handle)
    if message is None or not latest or message.state != IN_FLIGHT or message.visible <= store.now:
        raise errors.not_in_flight(handle)
    if store.now + seconds * 1000 > message.received + LONGEST * 1000:
        raise errors.invalid_value(
            seconds, "VisibilityTimeout", f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST} seconds]."
        )
    store.keep_hidden(message, seconds)
