"""Dynamic labels: `${LABEL} max ${MAX}`. Source: "Using dynamic labels" in the CloudWatch user guide."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudjar.services.cloudwatch.series import Points

_PLACE = re.compile(r"\$\{([A-Z_]+)(?:\('([^']*)'\))?\}")
_VALUES: dict[str, Callable[[Points], float]] = {
    "AVG": lambda points: sum(points.values()) / len(points),
    "MAX": lambda points: max(points.values()),
    "MIN": lambda points: min(points.values()),
    "SUM": lambda points: sum(points.values()),
    "FIRST": lambda points: points[min(points)],
    "LAST": lambda points: points[max(points)],
    "FIRST_LAST_RANGE": lambda points: points[max(points)] - points[min(points)],
    "MIN_MAX_RANGE": lambda points: max(points.values()) - min(points.values()),
    "DATAPOINT_COUNT": lambda points: float(len(points)),
}
_TIMES: dict[str, Callable[[Points], datetime]] = {
    "FIRST": lambda points: min(points),
    "LAST": lambda points: max(points),
    "MIN": lambda points: min(points, key=lambda time: points[time]),
    "MAX": lambda points: max(points, key=lambda time: points[time]),
}


def shown(given: str | None, own: str, points: Points, stat: dict[str, Any] | None) -> str:
    """A query's label with its places filled; its own label where none is given."""
    if not given:
        return own

    def fill(found: re.Match[str]) -> str:
        name, argument = found[1], found[2]
        if name == "LABEL":
            return own
        if name == "PROP" and argument:
            return _property(argument, stat)
        kind, _, ending = name.rpartition("_")
        if ending == "TIME" and kind in _TIMES:
            return _TIMES[kind](points).strftime("%Y-%m-%dT%H:%M:%SZ") if points else "--"
        if name in _VALUES:
            return f"{_VALUES[name](points):.10g}" if points else "--"
        return found[0]

    return _PLACE.sub(fill, given)


def _property(name: str, stat: dict[str, Any] | None) -> str:
    if stat is None:
        return ""
    metric = stat["Metric"]
    if name.startswith("Dim."):
        pairs = {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions") or ()}
        return pairs.get(name.removeprefix("Dim."), "")
    known = {"MetricName": metric["MetricName"], "Namespace": metric["Namespace"], "Period": str(stat["Period"]), "Stat": stat["Stat"]}
    return known.get(name, "")
