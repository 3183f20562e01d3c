"""ReceiveMessage: at once, or as soon as there is something."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from cloudjar.kernel.clock import EPOCH, monotonic_seconds
from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import operation
from cloudjar.kernel.store import StoreFull
from cloudjar.services.sqs import deduplication, encryption, errors, message_attributes, receipts, waiters
from cloudjar.services.sqs.groups import Group
from cloudjar.services.sqs.messages import IN_FLIGHT, READY, UNPACK, Message, MessageStore, Payload
from cloudjar.services.sqs.queues import Queue, addressed, count, on_queue
from cloudjar.services.sqs.sends import sequence_number
from cloudjar.services.sqs.visibility import check_timeout

MOST_IN_FLIGHT = 120_000
MOMENT = 0.001
"""Seconds: the shortest wait, so that a poll which wakes a little early does not look again and again."""
GIVEN_UP_AT_ONCE = 500
"""Messages that one receive moves to the dead-letter queue, or finds expired, so that no call takes long."""
SYSTEM_ATTRIBUTES = frozenset(
    (
        "All",
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
        "AWSTraceHeader",
        "DeadLetterQueueSourceArn",
    )
)


@operation(on=on_queue)
def receive_message(ctx: Context, req: dict[str, Any]) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
    _check(req)
    poll = Poll(ctx, req)
    messages, queue, seconds = poll.try_here()
    if messages or seconds <= 0:
        return {"Messages": messages} if messages else {}
    return _wait(poll, queue, seconds)


async def _wait(poll: Poll, queue: int, seconds: float) -> dict[str, Any]:
    """The rest of a long poll, after a first try that found nothing."""
    messages: list[dict[str, Any]] = []
    line = poll.ctx.world.part(waiters.Waiters)
    while not messages and seconds > 0:
        if not await line.wait(poll.ctx, queue, seconds):
            return {}
        messages, queue, seconds = poll.try_once()
    return {"Messages": messages} if messages else {}


class Poll:
    """One call of ReceiveMessage, over its tries.

    It waits by the world's clock and by the machine's, whichever is there first: the world's may stand still, the client's patience does
    not. Its end is no timer, so that autojump does not run ahead from one idle poll to the next.
    """

    def __init__(self, ctx: Context, req: dict[str, Any]) -> None:
        self.ctx = ctx
        self.req = req
        self.started = monotonic_seconds()
        self.deadline: int | None = None
        """By the world's clock, in milliseconds since 1970."""
        self.timer = ""

    def try_once(self) -> tuple[list[dict[str, Any]], int, float]:
        """The messages that there are now, the queue, and how many seconds to wait for more if there are none."""
        while True:
            try:
                with self.ctx.transaction():
                    return self.try_here()
            except StoreFull:
                continue  # the map has grown; the same call gives the same answer

    def try_here(self) -> tuple[list[dict[str, Any]], int, float]:
        """The same, in the transaction that is open."""
        home, queue = addressed(self.ctx, self.req)
        if self.timer:
            home.cancel(self.timer)
            self.timer = ""
        with MessageStore(home, queue) as store:
            found = receive(self.ctx, store, self.req)
            if found:
                count(home, queue, "NumberOfMessagesReceived", float(len(found)))
            wait = self.req.get("WaitTimeSeconds")
            seconds = queue.wait if wait is None else wait
            if found:
                return found, queue.uid, 0
            if not seconds:
                count(home, queue, "NumberOfEmptyReceives")
                return [], queue.uid, 0
            if self.deadline is None:
                self.deadline = store.now + seconds * 1000
            left = seconds - (monotonic_seconds() - self.started)
            if store.now >= self.deadline or left <= 0:
                count(home, queue, "NumberOfEmptyReceives")
                return [], queue.uid, 0
            due = store.next_due()
        clock = home.world.clock
        if due is not None and (due <= self.deadline or clock.state.autojump):
            self.timer = home.after(waiters.wake, queue.uid, seconds=max(0.0, due / 1000 - microseconds(home.now) / 1_000_000))
        ends = clock.wall_delay(EPOCH + timedelta(milliseconds=self.deadline))
        return [], queue.uid, left if ends is None else max(MOMENT, min(left, ends))


def _check(req: dict[str, Any]) -> None:
    count, wait, timeout = req.get("MaxNumberOfMessages"), req.get("WaitTimeSeconds"), req.get("VisibilityTimeout")
    if count is not None and not 1 <= count <= 10:
        raise errors.invalid_value(count, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
    if wait is not None and not 0 <= wait <= waiters.LONGEST_WAIT:
        raise errors.invalid_value(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
    if timeout is not None:
        check_timeout(timeout)
    for name in (*(req.get("AttributeNames") or ()), *(req.get("MessageSystemAttributeNames") or ())):
        if name not in SYSTEM_ATTRIBUTES:
            raise errors.unknown_attribute(name)


def receive(ctx: Context, store: MessageStore, req: dict[str, Any]) -> list[dict[str, Any]]:
    """Takes messages for the caller `ctx`, as the request asks."""
    queue, home = store.queue, store.ctx
    timeout = req.get("VisibilityTimeout")
    timeout = queue.visibility_timeout if timeout is None else timeout
    attempt_id = req.get("ReceiveRequestAttemptId")
    if attempt_id is not None and not queue.fifo:
        raise errors.invalid_value(
            attempt_id, "ReceiveRequestAttemptId", "The request include parameter that is not valid for this queue type."
        )
    if attempt_id and (taken := _repeat(store, attempt_id, timeout)):
        return [message_to_wire(ctx, queue, message, req) for message in taken]
    store.make_due_ready()
    room = MOST_IN_FLIGHT - store.in_flight
    if room <= 0:
        if queue.fifo:
            return []
        raise errors.over_limit(queue.name)
    count = min(req.get("MaxNumberOfMessages") or 1, room)
    taken = _take_in_order(store, count, timeout) if queue.fifo else _take_any(store, count, timeout)
    if attempt_id and taken:
        deduplication.remember_attempt(home, queue, attempt_id, [(each.sent, each.seq, each.receives) for each in taken])
    return [message_to_wire(ctx, queue, message, req) for message in taken]


def _repeat(store: MessageStore, attempt_id: str, timeout: int) -> list[Message]:
    """The messages of an attempt whose answer was lost, if nobody has touched them since; hidden anew."""
    known = deduplication.attempt(store.ctx, store.queue, attempt_id)
    if known is None:
        return []
    found = []
    for sent, seq, receives in known.received:
        message = store.ctx.get(Message, store.queue.store, sent, seq)
        if message is None or message.receives != receives or message.state != IN_FLIGHT or message.visible <= store.now:
            return []
        found.append(message)
    for message in found:
        store.keep_hidden(message, timeout)
    return found


def _take_any(store: MessageStore, count: int, timeout: int) -> list[Message]:
    taken: list[Message] = []
    given_up = 0
    for message in store.ctx.ordered_by(Message, "state", store.queue.store, READY):
        if _gives_up(store, message):
            given_up += 1
            if given_up == GIVEN_UP_AT_ONCE:
                break
            continue
        taken.append(store.take(message, timeout))
        if len(taken) == count:
            break
    return taken


def _take_in_order(store: MessageStore, count: int, timeout: int) -> list[Message]:
    taken: list[Message] = []
    given_up = 0
    for group in store.ctx.ordered_by(Group, "open", store.queue.store):
        before = len(taken)
        for message in store.ctx.ordered_by(Message, "group", store.queue.store, group.name):
            if message.state != READY:
                break
            if _gives_up(store, message):
                given_up += 1
                if given_up == GIVEN_UP_AT_ONCE:
                    break
                continue
            taken.append(store.take(message, timeout))
            if len(taken) == count:
                break
        if len(taken) > before:
            store.took_from(group.name, len(taken) - before)
        if len(taken) == count or given_up == GIVEN_UP_AT_ONCE:
            break
    return taken


def _gives_up(store: MessageStore, message: Message) -> bool:
    """Whether a message is not for receivers any more: too old, or received too often. It is gone then."""
    if store.is_expired(message):
        store.remove(message)
        return True
    queue = store.queue
    too_often = queue.dead_letter_arn is not None and message.receives - message.carried_receives >= queue.max_receives
    return too_often and store.dead_letter(message)


def message_to_wire(ctx: Context, queue: Queue, message: Message, req: dict[str, Any], handle: str | None = None) -> dict[str, Any]:
    payload = UNPACK(encryption.decrypt(ctx, queue, message.data_key, ctx.blobs.read(message.payload)))
    wire: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": receipts.handle_of(queue, message) if handle is None else handle,
        "MD5OfBody": payload.md5,
        "Body": payload.body,
    }
    wanted = {*(req.get("AttributeNames") or ()), *(req.get("MessageSystemAttributeNames") or ())}
    if wanted:
        found = _system_attributes(message, payload)
        wire["Attributes"] = found if "All" in wanted else {name: value for name, value in found.items() if name in wanted}
    chosen = message_attributes.selected(payload.attributes, req.get("MessageAttributeNames") or [])
    if chosen:
        wire["MessageAttributes"] = chosen
        wire["MD5OfMessageAttributes"] = message_attributes.md5(chosen)
    return wire


def _system_attributes(message: Message, payload: Payload) -> dict[str, str]:
    found = {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(message.first_received),
    }
    optional = {
        "SequenceNumber": sequence_number(message.seq) if message.fifo else "",
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication_id,
        "AWSTraceHeader": payload.trace_header,
        "DeadLetterQueueSourceArn": message.source_arn,
    }
    return found | {name: value for name, value in optional.items() if value}
