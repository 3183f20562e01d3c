"""What a FIFO queue remembers for five minutes: deduplication ids of senders, and receivers' attempts."""

from __future__ import annotations

from itertools import islice

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.records import Record, record
from cloudjar.services.sqs.queues import Queue

INTERVAL = 300_000
"""Milliseconds."""
FORGOTTEN_AT_ONCE = 8
"""Old ids removed with each new one: more than come, so they do not pile up."""


@record("sqs.deduplication", key=("queue", "group", "id"), scope="world", indexes={"until": ("queue", "until")})
class Deduplication(Record):
    """A deduplication id that was used, and the message that it made. `group` is "" where ids count in the whole queue."""

    queue: int
    group: str
    id: str
    until: int
    message_id: str
    seq: int


@record("sqs.attempt", key=("queue", "id"), scope="world", indexes={"until": ("queue", "until")})
class Attempt(Record):
    """A ReceiveRequestAttemptId and the messages that it got: (sent, seq, receives) of each."""

    queue: int
    id: str
    until: int
    received: list[tuple[int, int, int]]


def earlier(ctx: Context, queue: Queue, group: str, deduplication_id: str) -> Deduplication | None:
    """The message that was sent with this id within the interval."""
    found = ctx.get(Deduplication, queue.uid, group if queue.deduplicates_by_group() else "", deduplication_id)
    return found if found and found.until > microseconds(ctx.now) // 1000 else None


def remember(ctx: Context, queue: Queue, group: str, deduplication_id: str, message_id: str, seq: int) -> None:
    """Keeps an id for the interval, and forgets some that are past theirs."""
    now = microseconds(ctx.now) // 1000
    for old in islice(ctx.ordered_by(Deduplication, "until", queue.uid).ending(now + 1), FORGOTTEN_AT_ONCE):
        ctx.delete(old)
    scope = group if queue.deduplicates_by_group() else ""
    ctx.put(Deduplication(queue.uid, scope, deduplication_id, now + INTERVAL, message_id, seq))


def attempt(ctx: Context, queue: Queue, attempt_id: str) -> Attempt | None:
    """What an attempt of this id got within the interval."""
    found = ctx.get(Attempt, queue.uid, attempt_id)
    return found if found and found.until > microseconds(ctx.now) // 1000 else None


def remember_attempt(ctx: Context, queue: Queue, attempt_id: str, received: list[tuple[int, int, int]]) -> None:
    """Keeps what an attempt got, and forgets some that are past their interval."""
    now = microseconds(ctx.now) // 1000
    for old in islice(ctx.ordered_by(Attempt, "until", queue.uid).ending(now + 1), FORGOTTEN_AT_ONCE):
        ctx.delete(old)
    ctx.put(Attempt(queue.uid, attempt_id, now + INTERVAL, received))
