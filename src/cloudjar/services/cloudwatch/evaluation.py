"""Evaluating metric alarms, by the world's clock."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.cloudwatch.alarms import Alarm
from cloudjar.services.cloudwatch.metrics import floor
from cloudjar.services.cloudwatch.queries import Run
from cloudjar.services.cloudwatch.series import Points
from cloudjar.services.cloudwatch.states import change

COMPARE: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
EXTRA_PERIODS = 2
"""How many periods more than it needs an alarm looks at, for points that come late."""


def watch(ctx: Context, alarm: Alarm) -> None:
    """Has an alarm evaluated from now on: every minute, or every ten seconds if its periods are shorter."""
    ctx.cancel(alarm.timer)
    ctx.put(replace(alarm, timer=ctx.after(evaluate, alarm.name, seconds=_interval(alarm))))


def _interval(alarm: Alarm) -> int:
    return 10 if period_of(alarm) < 60 else 60


def period_of(alarm: Alarm) -> int:
    """An alarm's period: of its metric, or the longest of its metrics."""
    if "Period" in alarm.settings:
        return int(alarm.settings["Period"])
    metrics = alarm.settings["Metrics"]
    periods = [query["MetricStat"]["Period"] if "MetricStat" in query else query.get("Period", 0) for query in metrics]
    return int(max(periods, default=0) or 60)


@timer
def evaluate(ctx: Context, name: str) -> None:
    """Looks at an alarm's data, and changes its state if the data says so."""
    alarm = ctx.get(Alarm, name)
    if alarm is None:
        return
    alarm = ctx.put(replace(alarm, timer=ctx.after(evaluate, name, seconds=_interval(alarm))))
    settings = alarm.settings
    period, periods = period_of(alarm), settings["EvaluationPeriods"]
    end = floor(ctx.now, period)
    try:
        found = _points(ctx, alarm, end - timedelta(seconds=period * (periods + EXTRA_PERIODS)), end + timedelta(seconds=period))
    except AwsError as error:
        change(ctx, alarm, "INSUFFICIENT_DATA", f"Evaluation failed: {error.message}", "")
        return
    # The period that is not over counts once it has data.
    last = end if end in found else end - timedelta(seconds=period)
    first = last - timedelta(seconds=period * (periods + EXTRA_PERIODS - 1))
    recent = {time: value for time, value in sorted(found.items(), reverse=True) if first <= time <= last}
    used = dict(list(recent.items())[:periods])
    state = judged(settings, list(used.values()), alarm.state)
    if state != alarm.state:
        reason, data = _reason(ctx, alarm, state, used, last)
        change(ctx, alarm, state, reason, data)


def _points(ctx: Context, alarm: Alarm, start: datetime, end: datetime) -> Points:
    settings = alarm.settings
    if "Metrics" in settings:
        queries = settings["Metrics"]
    else:
        metric = {"Namespace": settings["Namespace"], "MetricName": settings["MetricName"], "Dimensions": settings.get("Dimensions") or []}
        stat = {"Metric": metric, "Period": settings["Period"], "Stat": settings.get("Statistic") or settings["ExtendedStatistic"]}
        if settings.get("Unit"):
            stat["Unit"] = settings["Unit"]
        queries = [{"Id": "m", "MetricStat": stat}]
    query = next(query for query in queries if query.get("ReturnData", True))
    series = Run(ctx, queries, start, end).results(query)
    return series[0][1] if series else {}


def judged(settings: dict[str, Any], values: list[float], state: str) -> str:
    """The state that the most recent values (at most EvaluationPeriods of them) mean.

    Source: "Configuring how CloudWatch alarms treat missing data" in the user guide.
    """
    compare, _ = COMPARE[settings["ComparisonOperator"]]
    threshold = float(settings["Threshold"])
    needed = int(settings["EvaluationPeriods"])
    wanted = int(settings.get("DatapointsToAlarm") or needed)
    treatment = settings.get("TreatMissingData") or "missing"
    breaching = sum(compare(value, threshold) for value in values)
    absent = needed - len(values)
    if breaching >= wanted or (treatment == "breaching" and breaching + absent >= wanted):
        return "ALARM"
    if treatment in ("breaching", "notBreaching"):
        return "OK"
    if treatment == "ignore":
        # So many good points that no missing one could change it.
        return "OK" if len(values) - breaching > needed - wanted else state
    if not values:
        return "INSUFFICIENT_DATA"
    return "ALARM" if breaching == len(values) else "OK"


def _reason(ctx: Context, alarm: Alarm, state: str, used: Points, last: datetime) -> tuple[str, str]:
    settings = alarm.settings
    compare, words = COMPARE[settings["ComparisonOperator"]]
    threshold, needed = float(settings["Threshold"]), settings["EvaluationPeriods"]
    wanted = settings.get("DatapointsToAlarm") or needed
    data = json.dumps(
        {
            "version": "1.0",
            "queryDate": _stamp(ctx.now),
            "startDate": _stamp(min(used, default=last)),
            **{name: settings[member] for name, member in (("statistic", "Statistic"), ("unit", "Unit")) if member in settings},
            "period": period_of(alarm),
            "recentDatapoints": list(reversed(used.values())),
            "threshold": threshold,
            "evaluatedDatapoints": [{"timestamp": _stamp(time), "value": value} for time, value in used.items()],
        },
        separators=(",", ":"),
    )
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {needed} datapoint{'s were' if needed > 1 else ' was'} unknown.", data
    shown = [(time, value) for time, value in used.items() if compare(value, threshold) == (state == "ALARM")]
    if not shown:
        treated = "Breaching" if state == "ALARM" else "NonBreaching"
        return f"Threshold Crossed: no datapoints were received for {needed} periods and {needed} missing datapoints were treated as " + (
            f"[{treated}]."
        ), data
    points = ", ".join(f"{value} ({time.strftime('%d/%m/%y %H:%M:%S')})" for time, value in shown)
    plural = len(shown) > 1
    verb = "were" if plural else "was"
    negation = "" if state == "ALARM" else "not "
    crossing = f"minimum {wanted} datapoint{'s' if wanted > 1 else ''} for " + (
        "OK -> ALARM transition" if state == "ALARM" else "ALARM -> OK transition"
    )
    return (
        f"Threshold Crossed: {len(shown)} out of the last {needed} datapoints [{points}] {verb} {negation}{words} the threshold "
        f"({threshold}) ({crossing})."
    )[:1023], data


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
