"""GetMetricData and GetMetricStatistics."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.cloudwatch import anomaly_model, detectors, errors, labels, metrics_insights, search
from cloudjar.services.cloudwatch.expressions import Series, Value, evaluate
from cloudjar.services.cloudwatch.metrics import Metric, dimensions_key, floor
from cloudjar.services.cloudwatch.own import look
from cloudjar.services.cloudwatch.series import Points, points, slots
from cloudjar.services.cloudwatch.statistics import SIMPLE, is_statistic, statistic

MOST_POINTS = 1440
MOST_DATA_POINTS = 100_800


def check_period(period: int) -> None:
    """A period is 1, 5, 10, 20 or 30 seconds, or whole minutes."""
    if period not in (1, 5, 10, 20, 30) and period % 60:
        raise errors.invalid_value("The parameter Period must be a value in the set [1, 5, 10, 20, 30] or a multiple of 60.")


@operation()
def get_metric_statistics(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    start, end, period = req["StartTime"], req["EndTime"], req["Period"]
    statistics, extended = req.get("Statistics") or [], req.get("ExtendedStatistics") or []
    if not statistics and not extended:
        raise errors.missing("At least one of the parameters Statistics and ExtendedStatistics must be specified.")
    if start >= end:
        raise errors.invalid_combination("The parameter StartTime must be less than the parameter EndTime.")
    check_period(period)
    for name in extended:
        if not is_statistic(name) or name in SIMPLE:
            raise errors.invalid_value(f"The value {name} for parameter ExtendedStatistics is not supported.")
    if (end - start) / timedelta(seconds=period) > MOST_POINTS:
        raise errors.invalid_combination(
            f"You have requested up to {math.ceil((end - start).total_seconds() / period)} datapoints, which exceeds the limit of "
            f"{MOST_POINTS}. You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    metric = _metric(ctx, req)
    found = []
    # Periods begin at the start that was asked for, to the minute.
    first = floor(start, min(period, 60))
    for (time, unit), bucket in slots(ctx, metric, first, end, period, req.get("Unit"), by_unit=True).items():
        point: dict[str, Any] = {"Timestamp": time, "Unit": unit} | {name: SIMPLE[name](bucket) for name in statistics}
        more = {name: value for name in extended if (value := statistic(bucket, name)) is not None}
        if more:
            point["ExtendedStatistics"] = more
        if statistics or more:
            found.append(point)
    return {"Label": req["MetricName"], "Datapoints": found}


@operation()
def get_metric_data(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    queries, start, end = req["MetricDataQueries"], req["StartTime"], req["EndTime"]
    if start >= end:
        raise errors.validation("The parameter StartTime must be less than the parameter EndTime.")
    check_queries(queries)
    run = Run(ctx, queries, start, end)
    descending = (req.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
    limit = min(req.get("MaxDatapoints") or MOST_DATA_POINTS, MOST_DATA_POINTS)
    skip = _offset(req.get("NextToken"))
    results: list[dict[str, Any]] = []
    more = False
    seen = sent = 0
    for query in queries:
        if query.get("ReturnData") is False:
            continue
        for label, found in run.results(query):
            times = sorted(found, reverse=descending)
            kept = []
            for time in times:
                if seen >= skip:
                    if sent == limit:
                        more = True
                        break
                    kept.append(time)
                    sent += 1
                seen += 1
            results.append(
                {
                    "Id": query["Id"],
                    "Label": labels.shown(query.get("Label"), label, found, query.get("MetricStat")),
                    "Timestamps": kept,
                    "Values": [found[time] for time in kept],
                    "StatusCode": "PartialData" if len(kept) < len(times) and more else "Complete",
                }
            )
    answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    return answer | ({"NextToken": f"{skip + sent}"} if more else {})


def _offset(token: str | None) -> int:
    if not token:
        return 0
    if not token.isdigit() or len(token) > 9:
        raise errors.invalid_token()
    return int(token)


def check_queries(queries: list[dict[str, Any]]) -> None:
    """The rules that GetMetricData and alarms share."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) < len(ids):
        raise errors.validation("The values for parameter Id in MetricDataQueries are not unique.")
    for query in queries:
        if not re.fullmatch(r"[a-z]\w*", query["Id"]):
            raise errors.validation(f"The value {query['Id']} for parameter Id does not match [a-z][a-zA-Z0-9_]*.")
        if ("MetricStat" in query) == ("Expression" in query):
            raise errors.validation(f"Exactly one of MetricStat and Expression must be specified in query {query['Id']}.")
        if query.get("AccountId"):
            raise not_implemented("cloudwatch", "GetMetricData", "AccountId")
        if stat := query.get("MetricStat"):
            check_period(stat["Period"])
            if not is_statistic(stat["Stat"]):
                raise errors.validation(f"The value {stat['Stat']} for parameter Stat is not supported.")
            if not stat["Metric"].get("Namespace") or not stat["Metric"].get("MetricName"):
                raise errors.validation("The parameters Namespace and MetricName of a Metric are required.")
        elif metrics_insights.is_select(query["Expression"]):
            metrics_insights.parse(query["Expression"])


def _metric(ctx: Context, wanted: dict[str, Any]) -> Metric | None:
    namespace, name = wanted["Namespace"], wanted["MetricName"]
    look(ctx, namespace, name, wanted.get("Dimensions"))
    return ctx.get(Metric, namespace, name, dimensions_key(wanted.get("Dimensions")))


class Run:
    """One evaluation of a set of queries over a span of time."""

    def __init__(self, ctx: Context, queries: list[dict[str, Any]], start: datetime, end: datetime) -> None:
        self._ctx = ctx
        self._queries = {query["Id"]: query for query in queries}
        self._span = start, end
        self._found: dict[str, Value] = {}
        self._running: list[str] = []
        self._labels: dict[int, str] = {}
        """What series are called that have come out of a search, by their identity."""

    def results(self, query: dict[str, Any]) -> list[tuple[str, Points]]:
        """The series that a query gives, with their labels."""
        if "MetricStat" in query:
            found = self.value(query["Id"])
            assert isinstance(found, dict)
            return [(query["MetricStat"]["Metric"]["MetricName"], found)]
        value = self.value(query["Id"])
        if isinstance(value, list):
            return [(self._labels.get(id(one), query["Id"]), one) for one in value]
        if isinstance(value, dict) and id(value) in self._labels:
            return [(self._labels[id(value)], value)]
        if isinstance(value, float):
            value = dict.fromkeys(self._times(self.period_of(query)), value)
        if not isinstance(value, dict):
            raise errors.validation(f"Error in expression '{query['Id']}': the result must be a time series")
        return [(query["Id"], value)]

    def value(self, name: str) -> Value:
        """The value of the query with that id."""
        if name in self._found:
            return self._found[name]
        query = self._queries.get(name)
        if query is None or name in self._running:
            raise errors.validation(f"Error in expression: Invalid use of '{name}'")
        self._running.append(name)
        if stat := query.get("MetricStat"):
            metric = _metric(self._ctx, stat["Metric"])
            found: Value = points(self._ctx, metric, *self._span, stat["Period"], stat["Stat"], stat.get("Unit"))
        elif metrics_insights.is_select(query["Expression"]):
            look(self._ctx)
            select = metrics_insights.parse(query["Expression"])
            series = metrics_insights.run(self._ctx, select, *self._span, self.period_of(query))
            self._labels |= {id(points): " ".join(key) or select.metric for key, points in series}
            found = [points for _, points in series]
        else:
            period = self.period_of(query)
            found = evaluate(query["Expression"], Series(self.value, self._metrics, self._search, self._times(period), period, self._band))
        self._running.pop()
        self._found[name] = found
        return found

    def period_of(self, query: dict[str, Any]) -> int:
        """A query's period: its own, or the longest of the metrics that there are."""
        if "MetricStat" in query:
            return int(query["MetricStat"]["Period"])
        periods = [other["MetricStat"]["Period"] for other in self._queries.values() if "MetricStat" in other]
        return int(query.get("Period") or max(periods, default=300))

    def _times(self, period: int) -> list[datetime]:
        start, end = floor(self._span[0], period), self._span[1]
        step = timedelta(seconds=period)
        count = max(0, math.ceil((end - start) / step))
        if count > MOST_DATA_POINTS:
            raise errors.validation("The time range holds too many periods.")
        return [start + at * step for at in range(count)]

    def _band(self, name: str, deviations: float) -> list[Points]:
        """The upper and the lower bound of what is expected of a query; nothing where it has no detector, or no data to learn from."""
        points = self.value(name)
        if not isinstance(points, dict):
            raise errors.validation(f"Error in expression: {name} must be a single time series for {detectors.BAND}")
        queries = list(self._queries.values())
        detector = detectors.of_query(self._ctx, queries, name)
        if detector is None:
            return []
        start = self._span[0]
        past = Run(self._ctx, queries, start - detectors.learns_from(detector), start).value(name)
        model = detectors.trained(detector, past if isinstance(past, dict) and past else points)
        return anomaly_model.band(model, sorted(points), deviations) if model else []

    def _metrics(self) -> dict[str, Points]:
        found = {name: self.value(name) for name, query in self._queries.items() if "MetricStat" in query}
        self._labels |= {id(value): self._queries[name]["MetricStat"]["Metric"]["MetricName"] for name, value in found.items()}
        return {name: value for name, value in found.items() if isinstance(value, dict)}

    def _search(self, text: str, stat: str, period: int) -> list[Points]:
        if not is_statistic(stat):
            raise errors.validation(f"Error in expression: Unsupported statistic {stat}")
        found = []
        look(self._ctx)
        for metric in search.matching(self._ctx, text):
            look(self._ctx, metric.namespace, metric.name, metric.pairs)
            series = points(self._ctx, metric, *self._span, period, stat, None)
            if series:
                found.append(series)
                self._labels[id(series)] = " ".join([pair["Value"] for pair in metric.pairs] + [metric.name])
        return found
