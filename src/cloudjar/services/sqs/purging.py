"""What goes in the background, some at a time: expired messages, purged and deleted queues' leavings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.services.sqs.deduplication import Attempt, Deduplication
from cloudjar.services.sqs.groups import Group
from cloudjar.services.sqs.messages import Counts, Message, MessageStore
from cloudjar.services.sqs.queues import Queue

AT_ONCE = 2000
"""Records removed in one transaction, so that requests are not kept waiting."""


def expire_at(ctx: Context, queue: Queue, sent: int) -> None:
    """Sees to it that messages sent at `sent` (milliseconds since 1970) go when their time is over."""
    due = datetime.fromtimestamp(sent / 1000 + queue.retention, UTC) + timedelta(milliseconds=1)
    ctx.after(expire_messages, queue.name, queue.store, sent, at=max(due, ctx.now), housekeeping=True)


def expire_sooner(ctx: Context, queue: Queue) -> None:
    """The retention period has become shorter."""
    counts = ctx.get(Counts, queue.store)
    if counts and counts.sweep:
        expire_at(ctx, queue, counts.sweep)


@timer
def expire_messages(ctx: Context, name: str, store: int, sent: int) -> None:
    """Removes messages whose retention period is over, and comes again for the next."""
    queue = ctx.get(Queue, name)
    if queue is None or queue.store != store:
        return
    with MessageStore(ctx, queue) as messages:
        if messages.sweep != sent:
            # An earlier timer has done this one's work.
            return
        for message in islice(ctx.where(Message, store=store), AT_ONCE):
            if not messages.is_expired(message):
                break
            messages.remove(message)
        oldest = ctx.where(Message, store=store).first()
        messages.sweep = oldest.sent if oldest else 0
    if oldest:
        expire_at(ctx, queue, oldest.sent)


def move_counts(ctx: Context, store: int, fresh: int) -> None:
    """Lets sequence numbers go on after a purge."""
    counts = ctx.get(Counts, store)
    if counts:
        ctx.delete(counts)
        ctx.put(Counts(fresh, seq=counts.seq))


def forget_store(ctx: Context, store: int) -> None:
    """Removes all messages of a store that no queue has any more."""
    counts = ctx.get(Counts, store)
    if counts:
        ctx.delete(counts)
    ctx.after(purge_store, store)


@timer
def purge_store(ctx: Context, store: int) -> None:
    """Removes a store's messages and groups."""
    gone: list[Message | Group] = list(islice(ctx.where(Message, store=store), AT_ONCE))
    gone += islice(ctx.where(Group, store=store), AT_ONCE - len(gone))
    for each in gone:
        ctx.delete(each)
    if len(gone) == AT_ONCE:
        ctx.after(purge_store, store)


def forget_queue(ctx: Context, uid: int) -> None:
    """Removes what a deleted queue remembered of its callers."""
    ctx.after(purge_memories, uid)


@timer
def purge_memories(ctx: Context, uid: int) -> None:
    """Removes a deleted queue's deduplication ids and receive attempts."""
    gone: list[Deduplication | Attempt] = list(islice(ctx.where(Deduplication, queue=uid), AT_ONCE))
    gone += islice(ctx.where(Attempt, queue=uid), AT_ONCE - len(gone))
    for each in gone:
        ctx.delete(each)
    if len(gone) == AT_ONCE:
        ctx.after(purge_memories, uid)
