"""Timers: delayed calls as records, committed with the state that wants them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudjar.kernel import marks
from cloudjar.kernel.records import Record, record, replace

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context
    from cloudjar.kernel.world import World

ATTEMPTS = 8
"""How often a failing handler is tried, a doubling number of seconds apart, before its timer is parked."""


@record("kernel.timer", key=("due", "id"), scope="world", indexes={"id": "id"})
class Timer(Record):
    """A call that is due."""

    due: datetime
    id: str
    handler: str
    args: list[Any]
    account: str
    region: str
    attempts: int = 0
    housekeeping: bool = False
    """Nobody waits for it: autojump does not go there."""


@record("kernel.parked_timer", key="id", scope="world")
class ParkedTimer(Record):
    """A timer whose handler kept failing: kept for inspection."""

    id: str
    timer: Timer
    error: str


def add(ctx: Context, handler: Callable[..., Any], args: tuple[Any, ...], due: datetime, *, housekeeping: bool = False) -> str:
    """Stores a timer; see `Context.after`."""
    if not isinstance(getattr(handler, marks.MARK, None), marks.TimerMark):
        raise TypeError(f"{handler!r} is not marked @timer")
    timer_id = f"{ctx.world.step(ctx._open(), 'timer'):012d}"
    ctx.put(Timer(due, timer_id, marks.name_of(handler), list(args), ctx.account, ctx.region, housekeeping=housekeeping))
    ctx.on_commit(ctx.world.wake)
    return timer_id


def remove(ctx: Context, timer_id: str) -> None:
    """Forgets a timer; see `Context.cancel`."""
    for timer in ctx.where(Timer, id=timer_id):
        ctx.delete(timer)


def next_due(world: World) -> datetime | None:
    """When the earliest timer is due."""
    with world.reading() as ctx:
        first = ctx.where(Timer).first()
        return first.due if first else None


def next_worth_a_jump(world: World) -> datetime | None:
    """When the earliest timer is due that is no mere housekeeping."""
    with world.reading() as ctx:
        return next((timer.due for timer in ctx.where(Timer) if not timer.housekeeping), None)


def fire_next(world: World) -> bool:
    """Fires the earliest timer if it is due; says whether there was one. A failing handler is retried later."""
    with world.reading() as ctx:
        timer = ctx.where(Timer).first()
        if timer is None or timer.due > ctx.now:
            return False
    try:
        with world.store.transaction() as txn:
            world.context(txn).delete(timer)
            handler = world.host.resolve(timer.handler, marks.TimerMark)
            handler(world.context(txn, timer.account, timer.region, timer.handler), *timer.args)
    except Exception as error:  # the scheduler's rim: one bad handler must not stop the others
        world.host.log_failure(f"timer {timer.handler}", error)
        with world.store.transaction() as txn:
            ctx = world.context(txn)
            ctx.delete(timer)
            if timer.attempts + 1 < ATTEMPTS:
                later = ctx.now + timedelta(seconds=2**timer.attempts)
                ctx.put(replace(timer, due=later, attempts=timer.attempts + 1))
            else:
                ctx.put(ParkedTimer(timer.id, timer, repr(error)))
    return True
