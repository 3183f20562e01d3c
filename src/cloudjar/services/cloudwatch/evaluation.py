"""Evaluating metric alarms, by the world's clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.cloudwatch import contributors, metrics_insights
from cloudjar.services.cloudwatch.alarms import Alarm
from cloudjar.services.cloudwatch.judging import Watched, judged
from cloudjar.services.cloudwatch.metrics import floor
from cloudjar.services.cloudwatch.own import look
from cloudjar.services.cloudwatch.queries import Run
from cloudjar.services.cloudwatch.states import change

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
    period, periods = period_of(alarm), alarm.settings["EvaluationPeriods"]
    end = floor(ctx.now, period)
    try:
        found = _watched(ctx, alarm, end - timedelta(seconds=period * (periods + EXTRA_PERIODS)), end + timedelta(seconds=period))
    except AwsError as error:
        if alarm.state != "INSUFFICIENT_DATA":
            change(ctx, alarm, "INSUFFICIENT_DATA", f"Evaluation failed: {error.message}", "")
        return
    if groups_of(alarm):
        contributors.evaluate(ctx, alarm, [(one, _verdict(ctx, alarm, one, end)) for one in found])
        return
    state, reason, data = _verdict(ctx, alarm, found[0] if found else Watched({}, {}), end)(alarm.state)
    if state != alarm.state:
        change(ctx, alarm, state, reason(), data())


def groups_of(alarm: Alarm) -> list[str]:
    """What the Metrics Insights query that an alarm watches is grouped by."""
    if "Metrics" not in alarm.settings:
        return []
    expression = next(query for query in alarm.settings["Metrics"] if query.get("ReturnData", True)).get("Expression", "")
    return metrics_insights.parse(expression).groups if metrics_insights.is_select(expression) else []


def _watched(ctx: Context, alarm: Alarm, start: datetime, end: datetime) -> list[Watched]:
    settings = alarm.settings
    if "Metrics" in settings:
        queries = settings["Metrics"]
    else:
        metric = {"Namespace": settings["Namespace"], "MetricName": settings["MetricName"], "Dimensions": settings.get("Dimensions") or []}
        stat = {"Metric": metric, "Period": settings["Period"], "Stat": settings.get("Statistic") or settings["ExtendedStatistic"]}
        if settings.get("Unit"):
            stat["Unit"] = settings["Unit"]
        queries = [{"Id": "m", "MetricStat": stat}]
    band_id = settings.get("ThresholdMetricId")
    query = next(query for query in queries if query.get("ReturnData", True) and query["Id"] != band_id)
    run = Run(ctx, queries, start, end)
    if groups := groups_of(alarm):
        select = metrics_insights.parse(query["Expression"])
        look(ctx)
        series = metrics_insights.run(ctx, select, start, end, period_of(alarm))
        return [Watched(dict(zip(groups, key, strict=True)), points) for key, points in series]
    found = run.results(query)
    points = found[0][1] if found else {}
    if not band_id:
        return [Watched({}, points)]
    bounds = run.value(band_id)
    upper, lower = bounds if isinstance(bounds, list) and len(bounds) == 2 else ({}, {})
    # A point of which nothing is expected yet tells nothing.
    return [Watched({}, {time: value for time, value in points.items() if time in upper}, (upper, lower))]


Verdict = Callable[[str], tuple[str, Callable[[], str], Callable[[], str]]]
"""From the state so far to the new one, and what makes its reason and its data."""


def _verdict(ctx: Context, alarm: Alarm, watched: Watched, end: datetime) -> Verdict:
    settings, period = alarm.settings, period_of(alarm)
    # The period that is not over counts once it has data.
    last = end if end in watched.points else end - timedelta(seconds=period)
    first = last - timedelta(seconds=period * (settings["EvaluationPeriods"] + EXTRA_PERIODS - 1))
    recent = [time for time in sorted(watched.points, reverse=True) if first <= time <= last]
    used = recent[: settings["EvaluationPeriods"]]
    breaches = [watched.breaches(settings, time) for time in used]

    def verdict(state: str) -> tuple[str, Callable[[], str], Callable[[], str]]:
        new = judged(settings, breaches, state)
        return new, lambda: _reason(settings, watched, new, used, breaches), lambda: _data(ctx, alarm, watched, used, last)

    return verdict


def _data(ctx: Context, alarm: Alarm, watched: Watched, used: list[datetime], last: datetime) -> str:
    settings = alarm.settings
    told: dict[str, Any] = {
        "version": "1.0",
        "queryDate": _stamp(ctx.now),
        "startDate": _stamp(min(used, default=last)),
        **{name: settings[member] for name, member in (("statistic", "Statistic"), ("unit", "Unit")) if member in settings},
        "period": period_of(alarm),
        "recentDatapoints": [watched.points[time] for time in reversed(used)],
    }
    if watched.band is None:
        told["threshold"] = float(settings["Threshold"])
    else:
        upper, lower = watched.band
        told["recentLowerThresholds"] = [lower[time] for time in reversed(used)]
        told["recentUpperThresholds"] = [upper[time] for time in reversed(used)]
    told["evaluatedDatapoints"] = [{"timestamp": _stamp(time), "value": watched.points[time]} for time in used]
    return json.dumps(told, separators=(",", ":"))


def _reason(settings: dict[str, Any], watched: Watched, state: str, used: list[datetime], breaches: list[bool]) -> str:
    needed = settings["EvaluationPeriods"]
    wanted = settings.get("DatapointsToAlarm") or needed
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {needed} datapoint{'s were' if needed > 1 else ' was'} unknown."
    shown = [time for time, breach in zip(used, breaches, strict=True) if breach == (state == "ALARM")]
    if not shown:
        treated = "Breaching" if state == "ALARM" else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {needed} period{'s' if needed > 1 else ''} and {needed} missing "
            f"datapoint{'s were' if needed > 1 else ' was'} treated as [{treated}]."
        )
    points = ", ".join(f"{watched.points[time]} ({time.strftime('%d/%m/%y %H:%M:%S')})" for time in shown)
    verb = "were" if len(shown) > 1 else "was"
    negation = "" if state == "ALARM" else "not "
    crossing = f"minimum {wanted} datapoint{'s' if wanted > 1 else ''} for " + (
        "OK -> ALARM transition" if state == "ALARM" else "ALARM -> OK transition"
    )
    return (
        f"Threshold{'s' if watched.band else ''} Crossed: {len(shown)} out of the last {needed} datapoint{'s' if needed > 1 else ''} "
        f"[{points}] {verb} {negation}{watched.crossing(settings, shown)} ({crossing})."
    )[:1023]


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
