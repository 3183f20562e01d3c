"""Statistics of buckets: Sum, Average, p99, tm95, TM(10%:90%) and the rest; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudjar.services.cloudwatch.metrics import Bucket

SIMPLE: dict[str, Callable[[Bucket], float]] = {
    "SampleCount": lambda bucket: bucket.count,
    "Sum": lambda bucket: bucket.sum,
    "Average": lambda bucket: bucket.sum / bucket.count if bucket.count else 0.0,
    "Minimum": lambda bucket: bucket.low,
    "Maximum": lambda bucket: bucket.high,
}
_SHORT = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)")
_RANGE = re.compile(r"(TM|WM|TC|TS|PR)\((\d+(?:\.\d+)?)?(%?):(\d+(?:\.\d+)?)?(%?)\)")


def is_statistic(name: str) -> bool:
    """Whether CloudWatch has a statistic of that name."""
    return name in SIMPLE or name == "IQM" or _SHORT.fullmatch(name) is not None or _RANGE.fullmatch(name) is not None


def statistic(bucket: Bucket, name: str) -> float | None:
    """A statistic of a bucket; None where its values are not known. Source: "CloudWatch statistics definitions" in the user guide."""
    if name in SIMPLE:
        return SIMPLE[name](bucket)
    values = sorted(bucket.values.items())
    if not values:
        return None
    if name == "IQM":
        return _part("tm", values, *_cut(values, 25.0, 75.0))
    if short := _SHORT.fullmatch(name):
        kind, number = short[1], float(short[2])
        if kind == "p":
            return percentile(values, number)
        return _part(kind, values, *_cut(values, 0.0, number))
    found = _RANGE.fullmatch(name)
    assert found is not None
    kind = found[1].lower()
    percent = bool(found[3] or found[5])
    if percent and kind != "pr":
        low, high = _cut(values, float(found[2] or 0), float(found[4] or 100))
    else:
        low, high = float(found[2] or values[0][0]), float(found[4] or values[-1][0])
    if kind == "pr":
        return 100.0 * _part("tc", values, low, high) / bucket.count
    return _part(kind, values, low, high)


def percentile(values: list[tuple[float, float]], percent: float) -> float:
    """The value that `percent` of all values are below or at, between neighbours by their distance."""
    total = sum(count for _, count in values)
    position = percent / 100 * (total - 1)
    seen = 0.0
    for at, (value, count) in enumerate(values):
        if position <= seen + count - 1:
            return value
        if position < seen + count and at + 1 < len(values):
            return value + (position - (seen + count - 1)) * (values[at + 1][0] - value)
        seen += count
    return values[-1][0]


def _cut(values: list[tuple[float, float]], low: float, high: float) -> tuple[float, float]:
    return percentile(values, low), percentile(values, high)


def _part(kind: str, values: list[tuple[float, float]], low: float, high: float) -> float:
    if kind == "wm":
        total = sum(count for _, count in values)
        return sum(min(max(value, low), high) * count for value, count in values) / total
    within = [(value, count) for value, count in values if low <= value <= high]
    count = sum(count for _, count in within)
    if kind == "tc":
        return count
    total = sum(value * count for value, count in within)
    if kind == "ts":
        return total
    return total / count if count else 0.0
