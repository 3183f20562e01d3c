"""Metric math over arrays of series and over the calendar: SORT, SLICE, FIRST, HOUR and the like.

Source: "Functions supported for metric math" in the CloudWatch user guide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from statistics import fmean
from typing import Any

from cloudjar.services.cloudwatch.series import Points

WORDS = frozenset(("REPEAT", "LINEAR", "AVG", "MIN", "MAX", "SUM", "ASC", "DESC"))
"""What stands for itself as an argument, and is no id."""
_RANKS: dict[str, Callable[[list[float]], float]] = {"AVG": fmean, "MIN": min, "MAX": max, "SUM": math.fsum}
CALENDAR: dict[str, Callable[[datetime], float]] = {
    "MINUTE": lambda time: float(time.minute),
    "HOUR": lambda time: float(time.hour),
    "DAY": lambda time: float(time.isoweekday()),
    "DATE": lambda time: float(time.day),
    "MONTH": lambda time: float(time.month),
    "YEAR": lambda time: float(time.year),
    "EPOCH": lambda time: time.timestamp(),
}


def _sort(array: list[Points], function: str, order: str = "ASC", most: float | None = None) -> list[Points]:
    if order not in ("ASC", "DESC"):
        raise TypeError(order)
    rank = _RANKS[function]
    found = sorted((one for one in array if one), key=lambda one: rank(list(one.values())), reverse=order == "DESC")
    return found if most is None else found[: int(most)]


def _slice(array: list[Points], start: float, end: float | None = None) -> list[Points]:
    return array[int(start) : None if end is None else int(end)]


OF_ARRAYS: dict[str, Callable[..., Any]] = {
    "SORT": _sort,
    "SLICE": _slice,
    "FIRST": lambda array: array[0] if array else {},
    "LAST": lambda array: array[-1] if array else {},
    "METRIC_COUNT": lambda array: float(len(array)),
    "REMOVE_EMPTY": lambda array: [one for one in array if one],
}
NOT_HERE = ("INSIGHT_RULE_METRIC", "SERVICE_QUOTA", "DB_PERF_INSIGHTS", "LAMBDA")
