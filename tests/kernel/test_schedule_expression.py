"""rate(), cron() and at(), after the examples of EventBridge's and Scheduler's user guides."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cloudjar.kernel.schedule_expression import ScheduleProblem, parse

NOW = datetime(2026, 1, 15, 10, 7, 30, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("cron(0 10 * * ? *)", "2026-01-16T10:00"),
        ("cron(15 12 * * ? *)", "2026-01-15T12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-15T18:00"),
        ("cron(0 8 1 * ? *)", "2026-02-01T08:00"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-01-15T10:10"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-01-15T10:10"),
        ("cron(0 9 ? * 2#1 *)", "2026-02-02T09:00"),
        ("cron(0 9 ? * 6L *)", "2026-01-30T09:00"),
        ("cron(0 9 ? * FRIL *)", "2026-01-30T09:00"),
        ("cron(0 9 ? * L *)", "2026-01-17T09:00"),
        ("cron(0 9 L * ? *)", "2026-01-31T09:00"),
        ("cron(0 9 LW * ? *)", "2026-01-30T09:00"),
        ("cron(0 9 17W * ? *)", "2026-01-16T09:00"),
        ("cron(0 9 1W 8 ? *)", "2026-08-03T09:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00"),
        ("cron(30 9 ? JAN,JUL SUN,SAT 2027)", "2027-01-02T09:30"),
        ("cron(0 9 ? * FRI-MON *)", "2026-01-16T09:00"),
        ("rate(1 minute)", "2026-01-15T10:08:30"),
        ("rate(5 hours)", "2026-01-15T15:07:30"),
    ],
)
def test_the_next_run_is_the_one_of_the_user_guide(expression, due):
    assert parse(expression).after(NOW, NOW) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_schedule_whose_years_are_over_never_runs():
    assert parse("cron(0 10 * * ? 2020)").after(NOW, NOW) is None


def test_calendar_times_are_local():
    zone = ZoneInfo("Europe/Berlin")
    assert parse("cron(0 9 * * ? *)").after(NOW, NOW, zone) == datetime(2026, 1, 16, 8, 0, tzinfo=UTC)
    assert parse("at(2026-07-01T09:00:00)", one_time=True).after(NOW, NOW, zone) == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_does_not_happen():
    zone = ZoneInfo("America/New_York")
    before = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)
    assert parse("cron(30 2 * * ? *)").after(before, before, zone) == datetime(2026, 3, 9, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(1 second)",
        "cron(* * * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 8 *)",
        "at(2026-01-01T00:00:00)",
        "",
        "x",
    ],
)
def test_what_is_no_schedule_is_refused(expression):
    with pytest.raises(ScheduleProblem):
        parse(expression)
