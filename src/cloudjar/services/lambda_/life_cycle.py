"""By which day the life cycle of runtimes is judged: the world's own, another, or none."""

from __future__ import annotations

from datetime import date, datetime

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.lambda_.runtimes import pacific_midnight

TODAY, NONE = "today", "none"


@record("lambda.life_cycle", key="name", scope="world")
class LifeCycle(Record):
    """A world's choice."""

    profile: str
    """TODAY, NONE, or a date as 2020-08-01."""
    name: str = "runtimes"


def profile(ctx: Context) -> str:
    """The world's choice; TODAY unless another was made."""
    found = ctx.get(LifeCycle, "runtimes")
    return found.profile if found else TODAY


def choose(ctx: Context, wanted: str) -> None:
    """Makes the choice; ValueError for what is none."""
    if wanted not in (TODAY, NONE):
        date.fromisoformat(wanted)
    ctx.put(LifeCycle(wanted))


def judged_at(ctx: Context) -> datetime | None:
    """The instant that the dates of runtimes are held against; None where none of them counts."""
    wanted = profile(ctx)
    if wanted == TODAY:
        return ctx.now
    return None if wanted == NONE else pacific_midnight(date.fromisoformat(wanted))
