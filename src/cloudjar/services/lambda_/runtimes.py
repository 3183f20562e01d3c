"""The runtimes that Lambda has had, and the days on which each was shut to new and to old functions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from cloudjar.services.lambda_ import errors

AL1 = "Amazon Linux"
AL2 = "Amazon Linux 2"
AL2023 = "Amazon Linux 2023"


class Runtime(Struct, frozen=True):
    """One runtime. Dates count from midnight, Pacific time; None where AWS has announced none."""

    name: str
    system: str
    deprecated: date | None = None
    block_create: date | None = None
    block_update: date | None = None

    @property
    def family(self) -> str:
        """ "provided", "python", "nodejs", "java", "dotnet", "go" or "ruby"."""
        letters = re.match("[a-z]+", self.name)
        return letters[0].removesuffix("core") if letters else self.name


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# Name, system, deprecation, block create, block update: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, the tables
# "Supported runtimes" and "Deprecated runtimes", as of November 2026. Every line was held against the copy that cfn-lint 1.58 carries
# (LmbdRuntimeLifecycle.json), and ruby's against lambda-ruby.html. AWS has put the blocks of most runtimes deprecated since 2024 off
# to the first quarter of 2027.
_LATE = ("2027-02-01", "2027-03-03")
_TABLE: tuple[tuple[str | None, ...], ...] = (
    ("nodejs", AL1, "2016-08-30", "2016-09-30", "2016-10-31"),
    ("nodejs4.3", AL1, "2020-03-05", "2020-02-03", "2020-03-05"),
    ("nodejs4.3-edge", AL1, "2020-03-05", "2019-03-31", "2019-04-30"),
    ("nodejs6.10", AL1, "2019-08-12", "2019-07-12", "2019-08-12"),
    ("nodejs8.10", AL1, "2020-03-06", "2020-02-04", "2020-03-06"),
    ("nodejs10.x", AL2, "2021-07-30", "2021-07-30", "2022-02-14"),
    ("nodejs12.x", AL2, "2023-03-31", "2023-03-31", "2023-04-30"),
    ("nodejs14.x", AL2, "2023-12-04", "2024-01-09", _LATE[1]),
    ("nodejs16.x", AL2, "2024-06-12", *_LATE),
    ("nodejs18.x", AL2, "2025-09-01", *_LATE),
    ("nodejs20.x", AL2023, "2026-04-30", *_LATE),
    ("nodejs22.x", AL2023, "2027-04-30", "2027-06-01", "2027-07-01"),
    ("nodejs24.x", AL2023, "2028-04-30", "2028-06-01", "2028-07-01"),
    ("python2.7", AL1, "2021-07-15", "2021-07-15", "2022-05-30"),
    ("python3.6", AL1, "2022-07-18", "2022-07-18", "2022-08-29"),
    ("python3.7", AL1, "2023-12-04", "2024-01-09", _LATE[1]),
    ("python3.8", AL2, "2024-10-14", *_LATE),
    ("python3.9", AL2, "2025-12-15", *_LATE),
    ("python3.10", AL2, "2026-10-31", *_LATE),
    ("python3.11", AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("python3.12", AL2023, "2028-10-31", "2028-11-30", "2029-01-10"),
    ("python3.13", AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("python3.14", AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("ruby2.5", AL1, "2021-07-30", "2021-07-30", "2022-03-31"),
    ("ruby2.7", AL2, "2023-12-07", "2024-01-09", _LATE[1]),
    ("ruby3.2", AL2, "2026-03-31", *_LATE),
    ("ruby3.3", AL2023, "2027-03-31", "2027-04-30", "2027-05-31"),
    ("ruby3.4", AL2023, "2028-03-31", "2028-04-30", "2028-05-31"),
    ("ruby4.0", AL2023, "2029-03-31", "2029-04-30", "2029-05-31"),
    ("java8", AL1, "2024-01-08", "2024-02-08", _LATE[1]),
    ("java8.al2", AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("java11", AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("java17", AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("java21", AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("java25", AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("dotnetcore1.0", AL1, "2019-06-27", "2019-06-30", "2019-07-30"),
    ("dotnetcore2.0", AL1, "2019-05-30", "2019-04-30", "2019-05-30"),
    ("dotnetcore2.1", AL1, "2022-01-05", "2022-01-05", "2022-04-13"),
    ("dotnetcore3.1", AL2, "2023-04-03", "2023-04-03", "2023-05-03"),
    ("dotnet6", AL2, "2024-12-20", *_LATE),
    ("dotnet8", AL2023, "2026-11-10", *_LATE),
    ("dotnet10", AL2023, "2028-11-14", "2028-12-14", "2029-01-15"),
    ("go1.x", AL1, "2024-01-08", "2024-02-08", _LATE[1]),
    ("provided", AL1, "2024-01-08", "2024-02-08", _LATE[1]),
    ("provided.al2", AL2, "2026-07-31", *_LATE),
    ("provided.al2023", AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
)
RUNTIMES: dict[str, Runtime] = {
    str(name): Runtime(str(name), str(system), _day(deprecated), _day(create), _day(update))
    for name, system, deprecated, create, update in _TABLE
}


def runtime_named(name: str, now: datetime | None) -> Runtime:
    """The runtime of that name; refuses names that AWS never had, in AWS's words."""
    found = RUNTIMES.get(name)
    if found is None:
        known = ", ".join(r.name for r in reversed(RUNTIMES.values()) if not _is_past(r.block_create, now))
        raise errors.invalid(
            f"Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{known}] or be a valid ARN"
        )
    return found


def may_create(runtime: Runtime, now: datetime | None) -> None:
    """Refuses a new function on a runtime that is shut to them; `now` is None where dates do not count."""
    if _is_past(runtime.block_create, now):
        raise _shut(runtime, now)


def may_update(runtime: Runtime, now: datetime | None) -> None:
    """Refuses a change of a function on a runtime that is shut to them too."""
    if _is_past(runtime.block_update, now):
        raise _shut(runtime, now)


def may_move(old: Runtime, new: Runtime, now: datetime | None) -> None:
    """Refuses to move a function onto a runtime that is shut to new functions."""
    if old.name != new.name:
        may_create(new, now)


def _shut(runtime: Runtime, now: datetime | None) -> Exception:
    # AWS says "creating or updating" of both, whichever it refuses.
    heirs = [r for r in RUNTIMES.values() if r.family == runtime.family and not _is_past(r.block_create, now)]
    heir = heirs[-1].name if heirs else "provided.al2023"
    return errors.invalid(
        f"The runtime parameter of {runtime.name} is no longer supported for creating or updating AWS Lambda functions. "
        f"We recommend you use the new runtime ({heir}) while creating or updating functions."
    )


def _is_past(day: date | None, now: datetime | None) -> bool:
    return day is not None and now is not None and now >= pacific_midnight(day)


def pacific_midnight(day: date) -> datetime:
    """Midnight in Los Angeles: UTC-7 from the second Sunday of March to the first of November, else UTC-8."""
    march, november = date(day.year, 3, 8), date(day.year, 11, 1)
    starts = march + timedelta(days=(6 - march.weekday()) % 7)
    ends = november + timedelta(days=(6 - november.weekday()) % 7)
    hours = 7 if starts < day <= ends else 8
    return datetime(day.year, day.month, day.day, hours, tzinfo=UTC)
