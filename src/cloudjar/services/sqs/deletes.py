"""DeleteMessage and DeleteMessageBatch."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sqs import batches, errors, receipts
from cloudjar.services.sqs.messages import IN_FLIGHT, MessageStore
from cloudjar.services.sqs.queues import addressed, count, on_queue


@operation(on=on_queue)
def delete_message(ctx: Context, req: dict[str, Any]) -> None:
    home, queue = addressed(ctx, req)
    with MessageStore(home, queue) as store:
        _delete(store, req["ReceiptHandle"])


@operation(on=on_queue)
def delete_message_batch(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    entries = batches.check(req["Entries"], "DeleteMessageBatchRequestEntry")
    with MessageStore(home, queue) as store:
        return batches.run(entries, lambda entry: _delete(store, entry["ReceiptHandle"]))


def _delete(store: MessageStore, handle: str) -> None:
    count(store.ctx, store.queue, "NumberOfMessagesDeleted")
    message, latest = receipts.find(store.ctx, store.queue, handle)
    if message is None:
        return
    if store.queue.fifo and not (latest and message.state == IN_FLIGHT and message.visible > store.now):
        raise errors.expired_handle(handle)
    # An older handle of a standard queue succeeds, and deletes nothing.
    if latest:
        store.remove(message)
