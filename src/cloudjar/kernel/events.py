"""Events: published facts. An outbox, delivered after commit, in order and at least once, to each listener."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudjar.kernel import marks
from cloudjar.kernel.records import Record, record, replace

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context
    from cloudjar.kernel.world import World

KEPT = 1000
"""How many past events a world keeps for inspection."""

ATTEMPTS = 8


@record("kernel.event", key="seq", scope="world")
class Event(Record):
    """A fact, in EventBridge's vocabulary."""

    seq: int
    id: str
    time: datetime
    source: str
    detail_type: str
    detail: dict[str, Any]
    resources: list[str]
    account: str
    region: str


@record("kernel.delivery", key=("listener", "seq"), scope="world")
class Delivery(Record):
    """An event that a listener has yet to see."""

    listener: str
    seq: int
    event: Event
    attempts: int = 0
    not_before: datetime | None = None


@record("kernel.parked_delivery", key=("listener", "seq"), scope="world")
class ParkedDelivery(Record):
    """A delivery whose listener kept failing: kept for inspection."""

    listener: str
    seq: int
    event: Event
    error: str


def publish(ctx: Context, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
    """Stores an event and its deliveries; see `Context.emit`."""
    world = ctx.world
    seq = world.step(ctx._open(), "event")
    event = Event(seq, ctx.ids.uuid(), ctx.now, source, detail_type, detail, resources, ctx.account, ctx.region)
    ctx.put(event)
    if seq > KEPT:
        stale = ctx.get(Event, seq - KEPT)
        if stale:
            ctx.delete(stale)
    listeners = world.host.listeners(source, detail_type)
    for listener in listeners:
        ctx.put(Delivery(listener, seq, event))
    if listeners:
        ctx.on_commit(world.wake)


def deliver_next(world: World) -> bool:
    """Delivers the first waiting event of the first listener that may run; says whether there was one."""
    with world.reading() as ctx:
        delivery = _next(ctx)
    if delivery is None:
        return False
    event = delivery.event
    try:
        with world.store.transaction() as txn:
            world.context(txn).delete(delivery)
            handler = world.host.resolve(delivery.listener, marks.EventMark)
            handler(world.context(txn, event.account, event.region, delivery.listener), event)
    except Exception as error:  # the scheduler's rim: one bad listener must not stop the others
        world.host.log_failure(f"listener {delivery.listener}", error)
        with world.store.transaction() as txn:
            ctx = world.context(txn)
            if delivery.attempts + 1 < ATTEMPTS:
                later = ctx.now + timedelta(seconds=2**delivery.attempts)
                ctx.put(replace(delivery, attempts=delivery.attempts + 1, not_before=later))
                ctx.after(wake_listeners, at=later)
            else:
                ctx.delete(delivery)
                ctx.put(ParkedDelivery(delivery.listener, delivery.seq, event, repr(error)))
    return True


def _next(ctx: Context) -> Delivery | None:
    # Order holds within a listener: its first waiting event blocks its later ones, and nobody else's.
    position = ctx.where(Delivery)
    while (first := position.first()) is not None:
        if first.not_before is None or first.not_before <= ctx.now:
            return first
        position = ctx.where(Delivery).starting(first.listener + "\0")
    return None


@marks.timer
def wake_listeners(ctx: Context) -> None:
    """A blocked listener may be tried again."""
    ctx.on_commit(ctx.world.wake)
