"""/_cloudjar/clock: a world's time, seen and moved."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.kernel import keys, timers
from cloudjar.kernel.clock import EPOCH
from cloudjar.wire.http import Response

LAST = datetime(9000, 1, 1, tzinfo=UTC)
"""Time ends here, so that sums of dates stay dates."""
FASTEST = 1_000_000.0
"""World seconds a second."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def show(ask: Ask) -> Response:
    world = ask.world
    state = world.clock.state
    due = timers.next_due(world)
    return answer(
        {
            "world": world.name,
            "now": world.clock.now(),
            "rate": state.rate,
            "frozen": state.rate == 0,
            "autojump": state.autojump,
            "holds": sorted(world.clock.holds),
            "waiting": world.waits.requests,
            "next_timer": due,
        }
    )


def freeze(ask: Ask) -> Response:
    ask.world.set_clock(ask.world.clock.moved(rate=0.0))
    return show(ask)


def resume(ask: Ask) -> Response:
    ask.world.set_clock(ask.world.clock.moved(rate=1.0))
    return show(ask)


def set_(ask: Ask) -> Response:
    instant = parse_instant(ask.text("to"))
    ask.world.set_clock(ask.world.clock.moved(world=keys.microseconds(instant) / 1_000_000))
    return show(ask)


async def advance(ask: Ask) -> Response:
    by = ask.body.get("by", ask.query.get("by"))
    span = parse_duration(by)
    now = ask.world.clock.now()
    if span > LAST - now:
        raise Refusal(400, "BadMember", f"Time ends on {LAST:%Y-%m-%d}.")
    await ask.world.advance_to(now + span)
    return show(ask)


def rate(ask: Ask) -> Response:
    raw = ask.body.get("rate", ask.query.get("rate"))
    try:
        wanted = float(raw.removesuffix("x")) if isinstance(raw, str) else float(raw) if type(raw) in (int, float) else math.nan  # type: ignore[arg-type]
    except ValueError:
        wanted = math.nan
    if not 0 <= wanted <= FASTEST:
        raise Refusal(400, "BadMember", f'"rate" must be a number from 0 (frozen) to {FASTEST:.0f}, or a text such as "60x".')
    ask.world.set_clock(ask.world.clock.moved(rate=wanted))
    return show(ask)


def autojump(ask: Ask) -> Response:
    on = ask.body.get("on", True)
    if not isinstance(on, bool):
        raise Refusal(400, "BadMember", '"on" must be true or false.')
    ask.world.set_clock(ask.world.clock.moved(autojump=on))
    return show(ask)


def hold(ask: Ask) -> Response:
    ask.world.clock.hold(_reason(ask))
    return show(ask)


def release(ask: Ask) -> Response:
    name = _reason(ask)
    if name not in ask.world.clock.holds:
        raise Refusal(404, "UnknownHold", f"Nothing named {name!r} holds this clock.")
    ask.world.clock.release(name)
    ask.world.wake()
    return show(ask)


def _reason(ask: Ask) -> str:
    name = ask.text("name")
    if len(name) > 128:
        raise Refusal(400, "BadMember", '"name" may have 128 letters at most.')
    return name


def parse_duration(value: object) -> timedelta:
    """Seconds as a number, or a text such as "90s", "5m", "1d12h", "2w"; Refusal for anything else."""
    seconds = math.nan
    if type(value) in (int, float):
        seconds = float(value)  # type: ignore[arg-type]
    elif isinstance(value, str):
        text = value.strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            seconds = float(text)
        elif re.fullmatch(rf"(?:{_PART.pattern}\s*)+", text):
            seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not 0 <= seconds <= 1e12:
        raise Refusal(400, "BadMember", '"by" must be a duration: seconds as a number, or a text such as "90s", "5m", "1d12h", "2w".')
    return timedelta(seconds=seconds)


def parse_instant(text: str) -> datetime:
    """An ISO 8601 date, or date and time; UTC unless it says otherwise. Refusal for anything else."""
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal(400, "BadMember", '"to" must be a date such as "2018-02-01" or "2018-02-01T12:00:00Z".') from None
    if not EPOCH <= found <= LAST:
        raise Refusal(400, "BadMember", f'"to" must lie between 1970 and {LAST.year}.')
    return found
