"""Schedule expressions: rate(), cron() and at(), as EventBridge and EventBridge Scheduler read them.

Source: "Creating a rule that runs on a schedule" and "Schedule types in EventBridge Scheduler". Cron has six fields: minutes, hours,
day of month, month, day of week (1 = Sunday), year; `L`, `W` and `#` as AWS has them.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\((.*)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_MONTHS = {name: at for at, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)}
_DAYS = {name: at for at, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_YEARS = (1970, 2199)


class ScheduleProblem(Exception):
    """An expression that is none."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds, from `start` on."""

    seconds: int

    def after(self, instant: datetime, start: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first run later than an instant."""
        if instant < start:
            return start
        runs = (instant - start) // timedelta(seconds=self.seconds)
        return start + (runs + 1) * timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class At:
    """Once, at a local time."""

    local: datetime

    def after(self, instant: datetime, start: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The run, if it is later than an instant."""
        due = self.local.replace(tzinfo=zone).astimezone(UTC)
        return due if due > instant else None


@dataclass(frozen=True, slots=True)
class Cron:
    """Calendar times."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]

    def after(self, instant: datetime, start: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first run later than an instant, in UTC; None if the years have run out."""
        local = instant.astimezone(zone)
        for year in range(local.year, max(self.years, default=0) + 1):
            if year not in self.years:
                continue
            for month in range(local.month if year == local.year else 1, 13):
                if month not in self.months:
                    continue
                for day in self._days_of(year, month):
                    if (year, month, day) < (local.year, local.month, local.day):
                        continue
                    for due in self._times_of(year, month, day, zone):
                        if due > instant:
                            return due
        return None

    def _times_of(self, year: int, month: int, day: int, zone: tzinfo) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                wall = datetime(year, month, day, hour, minute, tzinfo=zone)
                due = wall.astimezone(UTC)
                # A time that the clocks skip in spring does not happen.
                if due.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                    yield due

    def _days_of(self, year: int, month: int) -> list[int]:
        last = calendar.monthrange(year, month)[1]
        if self.days != "?":
            return _days_of_month(self.days, year, month, last)
        return _days_of_week(self.weekdays, year, month, last)


Schedule = Rate | At | Cron


@lru_cache(maxsize=1024)
def parse(text: str, *, one_time: bool = False) -> Schedule:
    """The schedule of an expression; raises ScheduleProblem. `one_time` allows at()."""
    found = _RATE.fullmatch(text)
    if found:
        number, unit = int(found[1]), found[2]
        # A unit is singular for 1 and plural otherwise: AWS insists.
        if number < 1 or (number == 1) == unit.endswith("s"):
            raise ScheduleProblem(text)
        return Rate(number * _UNITS[unit.rstrip("s")])
    found = _AT.fullmatch(text) if one_time else None
    if found:
        try:
            return At(datetime.fromisoformat(found[1]))
        except ValueError:
            raise ScheduleProblem(text) from None
    found = _CRON.fullmatch(text)
    if not found:
        raise ScheduleProblem(text)
    fields = found[1].upper().split()
    if len(fields) != 6:
        raise ScheduleProblem(text)
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        # Exactly one of the two day fields says which days; the other is "?".
        raise ScheduleProblem(text)
    if days != "?":
        _check_days(days)
    else:
        _check_weekdays(weekdays)
    return Cron(
        tuple(_numbers(minutes, 0, 59)),
        tuple(_numbers(hours, 0, 23)),
        days,
        frozenset(_numbers(months, 1, 12, _MONTHS)),
        weekdays,
        frozenset(_numbers(years, *_YEARS)),
    )


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> list[int]:
    """The numbers that a field of lists, ranges and steps stands for, in order."""
    found: set[int] = set()
    for part in field.split(","):
        base, slash, step_text = part.partition("/")
        if slash and (not step_text.isdigit() or int(step_text) < 1):
            raise ScheduleProblem(field)
        step = int(step_text) if slash else 1
        if base == "*":
            first, last = low, high
        elif "-" in base:
            first_text, _, last_text = base.partition("-")
            first, last = _number(first_text, low, high, names), _number(last_text, low, high, names)
        else:
            first = _number(base, low, high, names)
            last = high if slash else first
        if first > last:
            # FRI-MON goes round the end.
            found.update(range(first, high + 1, step))
            found.update(range(low, last + 1, step))
        else:
            found.update(range(first, last + 1, step))
    return sorted(found)


def _number(text: str, low: int, high: int, names: dict[str, int] | None) -> int:
    value = (names or {}).get(text)
    if value is None:
        if not text.isdigit():
            raise ScheduleProblem(text)
        value = int(text)
    if not low <= value <= high:
        raise ScheduleProblem(text)
    return value


def _check_days(field: str) -> None:
    if field in ("L", "LW"):
        return
    if re.fullmatch(r"\d{1,2}W", field):
        _number(field[:-1], 1, 31, None)
    else:
        _numbers(field, 1, 31)


def _check_weekdays(field: str) -> None:
    if field == "L":
        return
    if re.fullmatch(r"\w{1,3}L", field):
        _number(field[:-1], 1, 7, _DAYS)
    elif "#" in field:
        day, _, nth = field.partition("#")
        _number(day, 1, 7, _DAYS)
        _number(nth, 1, 5, None)
    else:
        _numbers(field, 1, 7, _DAYS)


def _days_of_month(field: str, year: int, month: int, last: int) -> list[int]:
    if field == "L":
        return [last]
    if field.endswith("W"):
        wanted = last if field == "LW" else int(field[:-1])
        return [] if wanted > last else [_nearest_weekday(year, month, wanted, last)]
    return [day for day in _numbers(field, 1, 31) if day <= last]


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _days_of_week(field: str, year: int, month: int, last: int) -> list[int]:
    def is_day(day: int, number: int) -> bool:
        return (calendar.weekday(year, month, day) + 1) % 7 + 1 == number

    days = range(1, last + 1)
    if field == "L":
        return [day for day in days if is_day(day, 7)]
    if field.endswith("L"):
        return [day for day in days if is_day(day, _number(field[:-1], 1, 7, _DAYS))][-1:]
    if "#" in field:
        name, _, nth = field.partition("#")
        at = int(nth) - 1
        return [day for day in days if is_day(day, _number(name, 1, 7, _DAYS))][at : at + 1]
    wanted = set(_numbers(field, 1, 7, _DAYS))
    return [day for day in days if (calendar.weekday(year, month, day) + 1) % 7 + 1 in wanted]
