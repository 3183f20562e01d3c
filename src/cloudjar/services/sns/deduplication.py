"""What a FIFO topic remembers for five minutes: the deduplication ids that were used."""

from __future__ import annotations

from itertools import islice

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.records import Record, record
from cloudjar.services.sns.topics import Topic

INTERVAL = 300_000
"""Milliseconds."""
FORGOTTEN_AT_ONCE = 8


@record("sns.deduplication", key=("topic_arn", "group", "id"), scope="world", indexes={"until": ("topic_arn", "until")})
class Deduplication(Record):
    """An id that was used, and the message that it made. `group` is "" where ids count in the whole topic."""

    topic_arn: str
    group: str
    id: str
    until: int
    message_id: str
    sequence_number: str


def _scope(topic: Topic, group: str) -> str:
    return group if topic.attributes.get("FifoThroughputScope") == "MessageGroup" else ""


def earlier(ctx: Context, topic: Topic, group: str, deduplication_id: str) -> Deduplication | None:
    """The message that was published with this id within the interval."""
    found = ctx.get(Deduplication, topic.arn, _scope(topic, group), deduplication_id)
    return found if found and found.until > microseconds(ctx.now) // 1000 else None


def remember(ctx: Context, topic: Topic, group: str, deduplication_id: str, message_id: str, sequence_number: str) -> None:
    """Keeps an id for the interval, and forgets some that are past theirs."""
    now = microseconds(ctx.now) // 1000
    for old in islice(ctx.ordered_by(Deduplication, "until", topic.arn).ending(now + 1), FORGOTTEN_AT_ONCE):
        ctx.delete(old)
    ctx.put(Deduplication(topic.arn, _scope(topic, group), deduplication_id, now + INTERVAL, message_id, sequence_number))
