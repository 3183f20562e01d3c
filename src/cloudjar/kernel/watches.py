"""Watches: who is told that a queue or stream has something new. Records, so that nothing is missed over a crash.

The side that has news rings (`ring`, `ring_at`); it knows nothing of the watchers. Many rings may become one look: a watcher takes all
that there is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel import effects, marks, timers
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record

if TYPE_CHECKING:
    from cloudjar.kernel.world import World


@record("kernel.watch", key=("arn", "handler", "subject"), scope="world")
class Watch(Record):
    """Has an `@effect` handler, `(ctx, subject)`, run whenever the source with this ARN rings."""

    arn: str
    handler: str
    subject: str
    account: str
    region: str


@record("kernel.watch_alarm", key="arn", scope="world")
class Alarm(Record):
    """When the source rings by itself, because time brings something."""

    arn: str
    due: datetime
    timer: str


class Watched:
    """The ARNs that are, or were, watched in a world, in memory because every message asks. One too many costs a look."""

    def __init__(self, world: World) -> None:
        self.arns: set[str] | None = None

    def has(self, ctx: Context, arn: str) -> bool:
        if self.arns is None:
            self.arns = {found.arn for found in ctx.where(Watch)}
        return arn in self.arns


def watch(ctx: Context, arn: str, handler: Callable[..., Awaitable[None]], subject: str) -> None:
    """Runs `handler(ctx, subject)` in this account and Region, now and after each ring of the source."""
    known = ctx.world.part(Watched)
    if not known.has(ctx, arn) and known.arns is not None:
        known.arns.add(arn)
    ctx.put(Watch(arn, marks.name_of(handler), subject, ctx.account, ctx.region))
    ctx.effect(handler, subject)


def unwatch(ctx: Context, arn: str, handler: Callable[..., Awaitable[None]], subject: str) -> None:
    """Ends a watch; no error if there is none."""
    for found in list(ctx.where(Watch, arn=arn, handler=marks.name_of(handler), subject=subject)):
        ctx.delete(found)


def watched(ctx: Context, arn: str) -> bool:
    """Whether anybody watches a source."""
    return ctx.world.part(Watched).has(ctx, arn) and ctx.where(Watch, arn=arn).first() is not None


def ring(ctx: Context, arn: str) -> None:
    """Something is there: watchers run once this transaction has committed."""
    for found in list(ctx.where(Watch, arn=arn)):
        handler: Any = ctx.world.host.resolve(found.handler, marks.EffectMark)
        effects.add(ctx.at(account=found.account, region=found.region), handler, (found.subject,))


def ring_at(ctx: Context, arn: str, due: datetime) -> None:
    """Something will be there at an instant. Only the earliest is kept: watchers that look then may ask for a next."""
    alarm = ctx.get(Alarm, arn)
    if alarm is not None:
        if alarm.due <= due:
            return
        timers.remove(ctx, alarm.timer)
    ctx.put(Alarm(arn, due, ctx.after(_alarm, arn, at=due)))


@marks.timer
def _alarm(ctx: Context, arn: str) -> None:
    alarm = ctx.get(Alarm, arn)
    if alarm is not None:
        ctx.delete(alarm)
    ring(ctx, arn)
