"""The archive of a FIFO topic, and replays out of it to one subscription.

Source: "Amazon SNS message archiving and replay for FIFO topics", SNS Developer Guide.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from cloudjar.kernel.blobs import EMPTY, Blob
from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import errors
from cloudjar.services.sns.subscriptions import Subscription
from cloudjar.services.sns.topics import Topic

if TYPE_CHECKING:
    from cloudjar.services.sns.publishing import Published

LONGEST_DAYS = 365
AT_ONCE = 100
"""Messages replayed, or removed, in one transaction."""
_FIRST = 10**19
"""Where sequence numbers begin; keys hold no such numbers."""
PENDING, RUNNING, COMPLETED = "Pending", "In progress", "Completed"


@record(
    "sns.archived",
    key=("topic_arn", "time", "seq"),
    scope="world",
    blobs=lambda archived: [archived.payload.id] if archived.payload.id else [],
)
class Archived(Record):
    """A message that was published; `time` is microseconds since 1970."""

    topic_arn: str
    time: int
    seq: int
    payload: Blob = EMPTY


@record("sns.replay", key=("topic_arn", "subscription_id"), scope="world")
class Replay(Record):
    """Where a subscription's replay stands: what comes next has this time and sequence number, or later ones."""

    topic_arn: str
    subscription_id: str
    id: str
    status: str
    time: int
    seq: int = 0
    until: int | None = None


# The topic's side


def days_of(policy: str) -> int:
    """The retention that an ArchivePolicy asks for; 0 for `{}`. Raises InvalidParameter."""
    found = _object(policy, "ArchivePolicy")
    if not found:
        return 0
    days = found.get("MessageRetentionPeriod")
    text = str(days)
    if set(found) != {"MessageRetentionPeriod"} or isinstance(days, bool) or not (text.isdecimal() and 1 <= int(text[:9]) <= LONGEST_DAYS):
        raise errors.invalid(f"ArchivePolicy: MessageRetentionPeriod must be a whole number of days from 1 to {LONGEST_DAYS}")
    return int(text)


def beginning(ctx: Context, topic: Topic) -> datetime | None:
    """The earliest point that can be replayed from; None for a topic that archives nothing."""
    if topic.archived_since is None:
        return None
    return max(topic.archived_since, ctx.now - timedelta(days=days_of(topic.attributes["ArchivePolicy"])))


def keep(ctx: Context, topic: Topic, published: Published) -> None:
    """Archives a message, if its topic does."""
    if topic.archived_since is None:
        return
    is_first = ctx.where(Archived, topic_arn=topic.arn).first() is None
    ctx.put(Archived(topic.arn, microseconds(published.time), int(published.sequence_number) % _FIRST, ctx.blobs.put(_packed(published))))
    if is_first:
        _sweep_later(ctx, topic, published.time)


def _sweep_later(ctx: Context, topic: Topic, oldest: datetime) -> None:
    due = oldest + timedelta(days=days_of(topic.attributes["ArchivePolicy"]), milliseconds=1)
    ctx.after(sweep, topic.name, at=max(due, ctx.now), housekeeping=True)


@timer
def sweep(ctx: Context, name: str) -> None:
    """Removes messages that were kept long enough, and all of a topic that archives no more."""
    topic = ctx.get(Topic, name)
    arn = ctx.arn("sns", name)
    first = beginning(ctx, topic) if topic else None
    rows = ctx.where(Archived, topic_arn=arn)
    gone = list(islice(rows if first is None else rows.ending(microseconds(first)), AT_ONCE))
    for archived in gone:
        ctx.delete(archived)
    oldest = ctx.where(Archived, topic_arn=arn).first()
    if len(gone) == AT_ONCE:
        ctx.after(sweep, name)
    elif oldest and topic and first:
        _sweep_later(ctx, topic, EPOCH + timedelta(microseconds=oldest.time))


# The subscription's side


def check_policy(ctx: Context, topic: Topic, text: str) -> tuple[int, int | None]:
    """The points that a ReplayPolicy starts and ends at, in microseconds since 1970. Raises InvalidParameter."""
    policy = _object(text, "ReplayPolicy")
    first = beginning(ctx, topic)
    if first is None:
        raise errors.invalid("ReplayPolicy: the topic has no ArchivePolicy")
    if policy.get("PointType") != "Timestamp" or set(policy) - {"PointType", "StartingPoint", "EndingPoint"}:
        raise errors.invalid("ReplayPolicy: PointType must be Timestamp, beside StartingPoint and, if wanted, EndingPoint")
    start = _instant(policy.get("StartingPoint"), "StartingPoint")
    end = _instant(policy["EndingPoint"], "EndingPoint") if policy.get("EndingPoint") else None
    # Points may be whole seconds; the second that the archive began in counts.
    if start < first.replace(microsecond=0) or start > ctx.now:
        raise errors.invalid("ReplayPolicy: StartingPoint must lie between the topic's BeginningArchiveTime and now")
    if end is not None and not start < end <= ctx.now:
        raise errors.invalid("ReplayPolicy: EndingPoint must lie between StartingPoint and now")
    return microseconds(start), None if end is None else microseconds(end)


def begin(ctx: Context, topic: Topic, subscription: Subscription, text: str) -> None:
    """Starts a replay, in place of an earlier one."""
    start, end = check_policy(ctx, topic, text)
    replay = ctx.put(Replay(topic.arn, subscription.id, ctx.ids.hex(16), PENDING, start, until=end))
    ctx.after(go_on, topic.arn, subscription.id, replay.id)


def stop(ctx: Context, subscription: Subscription) -> None:
    """Ends a replay, and the pause after one."""
    found = ctx.get(Replay, subscription.topic_arn, subscription.id)
    if found:
        ctx.delete(found)


def status(ctx: Context, subscription: Subscription) -> str:
    """The ReplayStatus; "" where there is no replay."""
    found = ctx.get(Replay, subscription.topic_arn, subscription.id)
    return found.status if found else ""


def holds_back(ctx: Context, subscription: Subscription) -> bool:
    """Whether new messages do not go to a subscription: while a replay runs, and after one with an end."""
    found = ctx.get(Replay, subscription.topic_arn, subscription.id)
    return found is not None and (found.status != COMPLETED or found.until is not None)


@timer
def go_on(ctx: Context, topic_arn: str, subscription_id: str, replay_id: str) -> None:
    """Replays some messages."""
    from cloudjar.services.sns import fan_out

    replay = ctx.get(Replay, topic_arn, subscription_id)
    subscription = ctx.get(Subscription, topic_arn, subscription_id)
    topic = ctx.get(Topic, topic_arn.rpartition(":")[2])
    if replay is None or replay.id != replay_id or subscription is None or topic is None:
        return
    if not subscription.confirmed:
        ctx.after(go_on, topic_arn, subscription_id, replay_id, seconds=60)
        return
    rows = ctx.where(Archived, topic_arn=topic_arn).starting(replay.time, replay.seq)
    if replay.until is not None:
        rows = rows.ending(replay.until + 1)
    found = list(islice(rows, AT_ONCE))
    for archived in found:
        fan_out.replay(ctx, topic, subscription, _unpacked(ctx.blobs.read(archived.payload)))
    if len(found) == AT_ONCE:
        ctx.put(replace(replay, status=RUNNING, time=found[-1].time, seq=found[-1].seq + 1))
        ctx.after(go_on, topic_arn, subscription_id, replay_id)
    else:
        ctx.put(replace(replay, status=COMPLETED))


# Messages as bytes


def _packed(published: Published) -> bytes:
    whole: dict[str, Any] = msgspec.structs.asdict(published)
    whole["time"] = microseconds(published.time)
    whole["attributes"] = {name: _without_bytes(value) for name, value in published.attributes.items()}
    # Not MessagePack: text may hold what UTF-8 does not have.
    return json.dumps(whole).encode()


def _without_bytes(value: dict[str, Any]) -> dict[str, Any]:
    binary = value.get("BinaryValue")
    return value if binary is None else {**value, "BinaryValue": base64.b64encode(binary).decode()}


def _unpacked(data: bytes) -> Published:
    from cloudjar.services.sns.publishing import Published

    whole = json.loads(data)
    whole["time"] = EPOCH + timedelta(microseconds=whole["time"])
    for value in whole["attributes"].values():
        if "BinaryValue" in value:
            value["BinaryValue"] = base64.b64decode(value["BinaryValue"])
    return Published(**whole)


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise errors.invalid(f"{name}: failed to parse JSON.")
    return found


def _instant(value: Any, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise errors.invalid(f"ReplayPolicy: {name} is not a timestamp in ISO 8601") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
