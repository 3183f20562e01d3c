"""Messages, and the store of one queue: three states in time order, and counts that are kept, not made.

A message is ready, delayed or in flight. Time passes without a timer a message: whoever receives first makes ready what has become due.
In a FIFO queue, groups stand in line (groups.py), and messages within their group.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import TracebackType
from typing import Any

import msgspec

from cloudjar.kernel import watches
from cloudjar.kernel.blobs import EMPTY, Blob
from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sqs import groups
from cloudjar.services.sqs.queues import NAMESPACE, Queue, at_arn, queue_arn
from cloudjar.services.sqs.waiters import Waiters, wake_at

READY, DELAYED, IN_FLIGHT = 0, 1, 2
DUE_AT_ONCE = 1000
"""Messages made ready in one call, so that none takes long."""


@record(
    "sqs.message",
    key=("store", "sent", "seq"),
    scope="world",
    indexes={"state": ("timed", "state", "visible"), "group": ("grouped", "group", "seq")},
    blobs=lambda message: [message.payload.id] if message.payload.id else [],
)
class Message(Record):
    """A message. Instants are milliseconds since 1970. `payload` holds a `payloads.Payload`, packed, perhaps encrypted."""

    store: int
    sent: int
    seq: int
    id: str
    payload: Blob = EMPTY
    sender: str = ""
    state: int = READY
    visible: int = 0
    """When it becomes, or became, visible."""
    receives: int = 0
    carried_receives: int = 0
    """Those of `receives` that happened in the queue that it came from."""
    first_received: int = 0
    received: int = 0
    fifo: bool = False
    group: str = ""
    deduplication_id: str = ""
    source_arn: str = ""
    """The queue that gave it up."""
    data_key: bytes = b""
    """The data key that the payload is encrypted with, as KMS encrypted it."""

    @property
    def timed(self) -> int | None:
        return None if self.fifo and self.state == READY else self.store

    @property
    def grouped(self) -> int | None:
        return self.store if self.fifo else None


@record("sqs.counts", key="store", scope="world")
class Counts(Record):
    """How many messages a store holds, and the last sequence number given."""

    store: int
    total: int = 0
    delayed: int = 0
    in_flight: int = 0
    seq: int = 0
    sweep: int = 0
    """The `sent` of the oldest message, as far as the timer that expires messages knows; 0 if none is set."""


class MessageStore:
    """A queue's messages within one transaction: `with MessageStore(ctx, queue) as store:`. The counts are written at the end."""

    def __init__(self, ctx: Context, queue: Queue) -> None:
        self.ctx = ctx
        self.queue = queue
        self.now = microseconds(ctx.now) // 1000
        self._found = ctx.get(Counts, queue.store) or Counts(queue.store)
        self.total = self._found.total
        self.delayed = self._found.delayed
        self.in_flight = self._found.in_flight
        self.seq = self._found.seq
        self.sweep = self._found.sweep
        self._news = False

    def __enter__(self) -> MessageStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.ctx.used(NAMESPACE, (("QueueName", self.queue.name),))
            counts = Counts(self.queue.store, self.total, self.delayed, self.in_flight, self.seq, self.sweep)
            if counts != self._found:
                self.ctx.put(counts)
            if self._news or self.delayed or self.in_flight:
                self._tell_watchers()

    # In and out

    def add(self, message: Message, delay: int = 0) -> Message:
        """Stores a message under the next sequence number, to be seen after `delay` seconds."""
        self.seq += 1
        visible = self.now + delay * 1000
        message = replace(
            message,
            store=self.queue.store,
            seq=self.seq,
            fifo=self.queue.fifo,
            state=DELAYED if delay else READY,
            visible=visible,
        )
        self.ctx.put(message)
        self.total += 1
        if self.sweep == 0 or message.sent < self.sweep:
            self._expire_from(message.sent)
        if delay:
            self.delayed += 1
            wake_at(self.ctx, self.queue.uid, visible)
        else:
            self.wake()
        if self.queue.fifo:
            groups.joined(self.ctx, message)
        return message

    def remove(self, message: Message) -> None:
        """Takes a message out for good."""
        self.ctx.delete(message)
        self.total -= 1
        self._left_state(message)
        if self.queue.fifo:
            self._settle(message.group, -1 if message.state == IN_FLIGHT else 0)

    def dead_letter(self, message: Message) -> bool:
        """Moves a message to the dead-letter queue; False if that is gone."""
        found = at_arn(self.ctx, self.queue.dead_letter_arn or "")
        if found is None:
            return False
        moved = replace(
            message,
            # The age counts on in a standard queue, and anew in a FIFO queue.
            sent=self.now if self.queue.fifo else message.sent,
            carried_receives=message.receives,
            received=0,
            source_arn=message.source_arn or queue_arn(self.ctx, self.queue.name),
        )
        self.remove(message)
        if found[1].store == self.queue.store:
            self.add(moved)
        else:
            with MessageStore(*found) as target:
                target.add(moved)
        return True

    # States

    def take(self, message: Message, timeout: int) -> Message:
        """Puts a ready message in flight for `timeout` seconds."""
        taken = replace(
            message,
            state=IN_FLIGHT,
            visible=self.now + timeout * 1000,
            receives=message.receives + 1,
            first_received=message.first_received or self.now,
            received=self.now,
        )
        self.ctx.put(taken)
        self.in_flight += 1
        wake_at(self.ctx, self.queue.uid, taken.visible)
        return taken

    def took_from(self, group: str, count: int) -> None:
        """So many messages of a FIFO queue's group went in flight."""
        self._settle(group, count)

    def keep_hidden(self, message: Message, timeout: int) -> None:
        """Gives a message in flight `timeout` more seconds from now on; 0 makes it ready."""
        if timeout == 0:
            self.make_ready(message)
            self.wake()
        else:
            self.ctx.put(replace(message, visible=self.now + timeout * 1000))
            wake_at(self.ctx, self.queue.uid, self.now + timeout * 1000)

    def make_ready(self, message: Message) -> None:
        """Ends a delay, or a flight."""
        self.ctx.put(replace(message, state=READY, visible=min(message.visible, self.now)))
        self._left_state(message)
        if self.queue.fifo:
            self._settle(message.group, -1 if message.state == IN_FLIGHT else 0)

    def make_due_ready(self) -> None:
        """Makes ready what has become visible by now."""
        for state, count in ((DELAYED, self.delayed), (IN_FLIGHT, self.in_flight)):
            if count:
                for message in self._due(state):
                    self.make_ready(message)

    def next_due(self) -> int | None:
        """When the next message becomes visible."""
        found = None
        for state, count in ((DELAYED, self.delayed), (IN_FLIGHT, self.in_flight)):
            first = self.ctx.ordered_by(Message, "state", self.queue.store, state).first() if count else None
            if first and (found is None or first.visible < found):
                found = first.visible
        return found

    def is_expired(self, message: Message) -> bool:
        """Whether the retention period of a message is over."""
        return message.sent + self.queue.retention * 1000 <= self.now

    def wake(self) -> None:
        """Lets one long poll look again, once this has committed."""
        self._news = True
        waiters, uid = self.ctx.world.part(Waiters), self.queue.uid
        if waiters.any(uid):
            self.ctx.on_commit(lambda: waiters.wake_one(uid))

    def _tell_watchers(self) -> None:
        arn = queue_arn(self.ctx, self.queue.name)
        if not watches.watched(self.ctx, arn):
            return
        if self._news:
            watches.ring(self.ctx, arn)
        due = self.next_due()
        if due is not None:
            watches.ring_at(self.ctx, arn, EPOCH + timedelta(milliseconds=due))

    def _due(self, state: int) -> list[Message]:
        rows = self.ctx.ordered_by(Message, "state", self.queue.store, state).ending(self.now + 1)
        return [message for message, _ in zip(rows, range(DUE_AT_ONCE), strict=False)]

    def _left_state(self, message: Message) -> None:
        if message.state == IN_FLIGHT:
            self.in_flight -= 1
        elif message.state == DELAYED:
            self.delayed -= 1

    def _settle(self, group: str, in_flight: int) -> None:
        head = self.ctx.ordered_by(Message, "group", self.queue.store, group).first()
        first = None if head is None else head.seq if head.state == READY else 0
        if groups.settle(self.ctx, self.queue.store, group, in_flight, first):
            self.wake()

    def _expire_from(self, sent: int) -> None:
        from cloudjar.services.sqs import purging

        self.sweep = sent
        purging.expire_at(self.ctx, self.queue, sent)


def counted(ctx: Context, queue: Queue) -> tuple[int, int, int]:
    """How many messages are ready, in flight and delayed. What has become visible counts as ready, though nobody has asked for it yet."""
    counts = ctx.get(Counts, queue.store) or Counts(queue.store)
    now = microseconds(ctx.now) // 1000
    due = {
        state: ctx.ordered_by(Message, "state", queue.store, state).ending(now + 1).count() if count else 0
        for state, count in ((DELAYED, counts.delayed), (IN_FLIGHT, counts.in_flight))
    }
    delayed, in_flight = counts.delayed - due[DELAYED], counts.in_flight - due[IN_FLIGHT]
    return counts.total - delayed - in_flight, in_flight, delayed


def everything(ctx: Context, queue: Queue) -> Iterator[Message]:
    """All messages of a queue, oldest first, whatever their state."""
    return iter(ctx.where(Message, store=queue.store))


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sender gave: written once, read at each receive."""

    body: str
    md5: str
    attributes: dict[str, dict[str, Any]] = {}
    """By name: {"DataType": ..., "StringValue" or "BinaryValue": ...}."""
    trace_header: str = ""


PACK = msgspec.msgpack.Encoder().encode
UNPACK = msgspec.msgpack.Decoder(Payload).decode
