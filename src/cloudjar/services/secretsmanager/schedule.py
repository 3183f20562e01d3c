"""Rotation schedules: `rate(...)` and `cron(...)`, in UTC, by the hour.

Source: "Schedule expressions in Secrets Manager rotation".
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudjar.services.secretsmanager import errors

_RATE = re.compile(r"rate\((\d{1,5}) (hours?|days?)\)").fullmatch
_CRON = re.compile(r"cron\(([^)]+)\)").fullmatch
_MONTHS = {
    name: number for number, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
LEAST_HOURS = 4
MOST_DAYS = 1000
YEARS_AHEAD = 6


def check(rules: dict[str, Any]) -> None:
    """InvalidParameterException for two schedules, or for one that is none. A Duration needs no work: windows are used as they open."""
    expression, days = rules.get("ScheduleExpression"), rules.get("AutomaticallyAfterDays")
    if expression and days:
        raise errors.parameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.")
    if not expression:
        return
    rate = _RATE(expression)
    if rate:
        number, unit = int(rate[1]), rate[2]
        if (unit.startswith("hour") and number < LEAST_HOURS) or number > MOST_DAYS:
            raise errors.bad_schedule(f"a secret is rotated every {LEAST_HOURS} hours at most, and every {MOST_DAYS} days at least.")
        return
    _fields(expression)


def next_after(rules: dict[str, Any], now: datetime) -> datetime | None:
    """When the next rotation window opens; None if there is no schedule."""
    if rules.get("AutomaticallyAfterDays"):
        return _midnight(now + timedelta(days=rules["AutomaticallyAfterDays"]))
    expression = rules.get("ScheduleExpression")
    if not expression:
        return None
    rate = _RATE(expression)
    if rate:
        number = int(rate[1])
        if rate[2].startswith("day"):
            return _midnight(now + timedelta(days=number))
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=number)
    return _next_by_cron(expression, now)


def _midnight(instant: datetime) -> datetime:
    return datetime(instant.year, instant.month, instant.day, tzinfo=UTC)


def _fields(expression: str) -> list[str]:
    found = _CRON(expression)
    fields = found[1].split() if found else []
    if len(fields) != 6:
        raise errors.bad_schedule("it is neither rate(...) nor cron() of six fields.")
    minutes, hours, day, month, weekday, year = fields
    if minutes != "0":
        raise errors.bad_schedule("the minutes must be 0.")
    if (day == "?") == (weekday == "?"):
        raise errors.bad_schedule("exactly one of day-of-month and day-of-week must be ?.")
    _numbers(hours, 0, 23, {})
    _numbers(month, 1, 12, _MONTHS)
    _numbers(year, 1970, 2199, {})
    if day not in ("?", "L"):
        _numbers(day, 1, 31, {})
    if weekday != "?" and "#" not in weekday and not weekday.endswith("L"):
        _numbers(weekday, 1, 7, _DAYS)
    elif weekday != "?":
        _weekday(weekday)
    return fields


def _numbers(field: str, lowest: int, highest: int, names: Mapping[str, int]) -> set[int]:
    """The numbers that a field means: `*`, `5`, `1-5`, `1,3`, `*/2`, `0/8`, names."""
    found: set[int] = set()
    try:
        for part in field.upper().split(","):
            span, _, step = part.partition("/")
            start, dash, end = span.partition("-")
            first = lowest if start in ("*", "") and (span == "*" or step) else names.get(start) or int(start)
            last = (names.get(end) or int(end)) if dash else highest if step or span == "*" else first
            if not lowest <= first <= last <= highest or (step and int(step) < 1):
                raise ValueError(part)
            found.update(range(first, last + 1, int(step or 1)))
    except ValueError:
        raise errors.bad_schedule(f"{field} is not understood.") from None
    return found


def _weekday(field: str) -> tuple[int, int]:
    """(day of the week, which of the month) of `SUN#1`; 0 stands for the last, `SUNL`."""
    name, mark, which = field.upper().partition("#")
    day = _numbers(name if mark else name[:-1] or "SAT", 1, 7, _DAYS)
    if mark and which not in ("1", "2", "3", "4", "5"):
        raise errors.bad_schedule(f"{field} is not understood.")
    return min(day), int(which) if mark else 0


def _next_by_cron(expression: str, now: datetime) -> datetime | None:
    _, hours, day, month, weekday, year = _fields(expression)
    at_hours = sorted(_numbers(hours, 0, 23, {}))
    months, years = _numbers(month, 1, 12, _MONTHS), _numbers(year, 1970, 2199, {})
    date = _midnight(now)
    for _ in range(366 * YEARS_AHEAD):
        if date.month in months and date.year in years and _on_day(date, day, weekday):
            for hour in at_hours:
                instant = date.replace(hour=hour)
                if instant > now:
                    return instant
        date += timedelta(days=1)
    return None


def _on_day(date: datetime, day: str, weekday: str) -> bool:
    last = monthrange(date.year, date.month)[1]
    if weekday == "?":
        return date.day == last if day == "L" else date.day in _numbers(day, 1, 31, {})
    number = date.isoweekday() % 7 + 1
    if "#" in weekday or weekday.endswith("L"):
        wanted, which = _weekday(weekday)
        return number == wanted and ((date.day - 1) // 7 + 1 == which if which else date.day + 7 > last)
    return number in _numbers(weekday, 1, 7, _DAYS)
