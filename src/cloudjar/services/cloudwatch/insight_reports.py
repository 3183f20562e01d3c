"""GetInsightRuleReport: what a rule has found, read from the log groups when it is asked for."""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import root_of
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.insight_definition import Definition
from cloudjar.services.cloudwatch.insight_rules import InsightRule, rule_arn
from cloudjar.services.cloudwatch.metrics import EPOCH, floor
from cloudjar.services.cloudwatch.queries import MOST_POINTS, check_period

METRICS = ("UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average")
MOST_CONTRIBUTORS = 100


def _on_rule(ctx: Context, req: dict[str, Any]) -> str:
    return rule_arn(ctx, req["RuleName"])


@operation(on=_on_rule)
async def get_insight_rule_report(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    start, end, period = req["StartTime"], req["EndTime"], req["Period"]
    _check(req)
    with ctx.transaction():
        rule = ctx.get(InsightRule, req["RuleName"])
    if rule is None:
        raise errors.resource_not_found(rule_arn(ctx, req["RuleName"]))
    definition = Definition(rule.definition)
    report = Report(period)
    spans = [(_milliseconds(since), _milliseconds(until) if until else None) for since, until in rule.spans]
    async for event in _events(ctx, definition.groups, start, end):
        ingested = event["ingestionTime"]
        if any(since <= ingested and (until is None or ingested < until) for since, until in spans):
            found = definition.contribution(event["message"])
            if found:
                report.add(event["timestamp"], *found)
    return report.wire(definition, req)


def _check(req: dict[str, Any]) -> None:
    if req["StartTime"] >= req["EndTime"]:
        raise errors.invalid_value("The parameter StartTime must be less than the parameter EndTime.")
    check_period(req["Period"])
    if (req["EndTime"] - req["StartTime"]) / timedelta(seconds=req["Period"]) > MOST_POINTS:
        raise errors.invalid_value(f"The time range must not hold more than {MOST_POINTS} periods.")
    if not 1 <= req.get("MaxContributorCount", 10) <= MOST_CONTRIBUTORS:
        raise errors.invalid_value(f"The parameter MaxContributorCount must be from 1 to {MOST_CONTRIBUTORS}.")
    if req.get("OrderBy", "Sum") not in ("Sum", "Maximum"):
        raise errors.invalid_value("The parameter OrderBy must be Sum or Maximum.")
    for name in req.get("Metrics") or ():
        if name not in METRICS:
            raise errors.invalid_value(f"The value {name} for parameter Metrics is not valid.")


def _milliseconds(time: datetime) -> int:
    return microseconds(time) // 1000


async def _events(ctx: Context, patterns: list[str], start: datetime, end: datetime) -> AsyncIterator[dict[str, Any]]:
    """The events of [start, end) of the groups whose names fit, on behalf of the account."""
    acting = ctx.at(principal=root_of(ctx.account))
    names: list[str] = []
    for pattern in dict.fromkeys(patterns):
        request: dict[str, Any] = {"logGroupNamePrefix": prefix} if (prefix := pattern.partition("*")[0]) else {}
        while True:
            page = await acting.call_async("logs", "DescribeLogGroups", request)
            names += [one["logGroupName"] for one in page["logGroups"] if fnmatch.fnmatchcase(one["logGroupName"], pattern)]
            if not page.get("nextToken"):
                break
            request["nextToken"] = page["nextToken"]
    for name in dict.fromkeys(names):
        request = {"logGroupName": name, "startTime": _milliseconds(start), "endTime": _milliseconds(end)}
        while True:
            try:
                page = await acting.call_async("logs", "FilterLogEvents", request)
            except AwsError as error:
                if error.code == "ResourceNotFoundException":
                    break
                raise
            for event in page["events"]:
                yield event
            if not page.get("nextToken"):
                break
            request["nextToken"] = page["nextToken"]


class Report:
    """Contributions added up by contributor and period."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._values: dict[tuple[str, ...], dict[datetime, float]] = defaultdict(dict)
        self._single: dict[datetime, list[float]] = defaultdict(list)

    def add(self, milliseconds: int, keys: tuple[str, ...], value: float) -> None:
        """Adds what one event says."""
        time = floor(EPOCH + timedelta(milliseconds=milliseconds), self._period)
        by_time = self._values[keys]
        by_time[time] = by_time.get(time, 0.0) + value
        self._single[time].append(value)

    def wire(self, definition: Definition, req: dict[str, Any]) -> dict[str, Any]:
        """The answer."""
        rank = max if req.get("OrderBy") == "Maximum" else sum
        ranked = sorted(self._values.items(), key=lambda one: (-rank(one[1].values()), one[0]))
        contributors = [
            {
                "Keys": list(keys),
                "ApproximateAggregateValue": sum(by_time.values()),
                "Datapoints": [{"Timestamp": time, "ApproximateValue": value} for time, value in sorted(by_time.items())],
            }
            for keys, by_time in ranked[: req.get("MaxContributorCount", 10)]
        ]
        answer: dict[str, Any] = {
            "KeyLabels": definition.keys,
            "AggregationStatistic": definition.aggregate.upper(),
            "AggregateValue": sum(sum(values) for values in self._single.values()),
            "ApproximateUniqueCount": len(self._values),
            "Contributors": contributors,
        }
        if wanted := req.get("Metrics"):
            answer["MetricDatapoints"] = [self._point(time, wanted) for time in sorted(self._single)]
        return answer

    def _point(self, time: datetime, wanted: list[str]) -> dict[str, Any]:
        shares, single = [by_time[time] for by_time in self._values.values() if time in by_time], self._single[time]
        told = {
            "UniqueContributors": float(len(shares)),
            "MaxContributorValue": max(shares),
            "SampleCount": float(len(single)),
            "Sum": sum(single),
            "Minimum": min(single),
            "Maximum": max(single),
            "Average": sum(single) / len(single),
        }
        return {"Timestamp": time} | {name: told[name] for name in wanted}
