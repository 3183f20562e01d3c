"""Metric math: expressions over series of points. Source: "Using metric math" in the CloudWatch user guide."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import fmean, pstdev

from cloudjar.kernel.errors import not_implemented
from cloudjar.services.cloudwatch import array_functions, errors
from cloudjar.services.cloudwatch.series import Points

Value = float | Points | list[Points] | str
_TOKEN = re.compile(r"""\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|("[^"]*"|'[^']*')|(&&|\|\||[<>=!]=|[-+*/^()<>,\[\]]))""")
_LEVELS: tuple[tuple[str, ...], ...] = (("||", "OR"), ("&&", "AND"), ("<", "<=", ">", ">=", "==", "!="), ("+", "-"), ("*", "/"), ("^",))
_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "||": lambda a, b: float(bool(a) or bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
}
_FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": fmean,
    "MIN": min,
    "MAX": max,
    "STDDEV": pstdev,
}
_EACH: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda x: float(math.ceil(x)),
    "FLOOR": lambda x: float(math.floor(x)),
    "LOG": math.log,
    "LOG10": math.log10,
}


class Series:
    """What an expression may refer to: the other queries by id, a search, the times, the period, and what is expected of a query."""

    def __init__(
        self, lookup: Callable[[str], Value], metrics: Callable[[], dict[str, Points]], search: Callable[[str, str, int], list[Points]],
        times: list[datetime], period: int, band: Callable[[str, float], list[Points]],
    ) -> None:  # fmt: skip
        self.lookup = lookup
        self.metrics = metrics
        self.search = search
        self.times = times
        self.period = period
        self.band = band


def evaluate(text: str, series: Series) -> Value:
    """The value of an expression; raises ValidationError."""
    return _Expression(text, series).parse()


class _Expression:
    def __init__(self, text: str, series: Series) -> None:
        self._text = text
        self._series = series
        self._tokens = _tokens(text)
        self._at = 0

    def parse(self) -> Value:
        value = self._level(0)
        if self._at < len(self._tokens):
            raise self._problem()
        return value

    def _problem(self) -> Exception:
        return errors.validation(f"Error in expression '{self._text}': Invalid syntax")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            raise self._problem()
        self._at += 1
        return token

    def _level(self, level: int) -> Value:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            operator = self._take()
            left = _pairwise(_BINARY[operator], left, self._level(level + 1))
        return left

    def _unary(self) -> Value:
        if self._peek() == "-":
            self._take()
            return _pairwise(_BINARY["-"], 0.0, self._unary())
        return self._atom()

    def _atom(self) -> Value:
        token = self._take()
        if token == "(":
            value = self._level(0)
            self._take(")")
            return value
        if token == "[":
            return self._array()
        if token[0].isdigit():
            return float(token)
        if token[0] in "\"'":
            return token[1:-1]
        if not token[0].isalpha():
            raise self._problem()
        if self._peek() == "(":
            return self._call(token)
        return self._series.lookup(token)

    def _array(self) -> list[Points]:
        found: list[Points] = []
        while True:
            value = self._level(0)
            if isinstance(value, list):
                found += value
            elif isinstance(value, dict):
                found.append(value)
            else:
                raise self._problem()
            if self._peek() != ",":
                self._take("]")
                return found
            self._take(",")

    def _call(self, name: str) -> Value:
        self._take("(")
        if name == "ANOMALY_DETECTION_BAND":
            return self._band()
        arguments: list[Value] = []
        while self._peek() != ")":
            # FILL(m1, REPEAT): a word, not an id.
            if self._peek() in array_functions.WORDS and self._tokens[self._at + 1 : self._at + 2] != ["("]:
                arguments.append(self._take())
            else:
                arguments.append(self._level(0))
            if self._peek() != ")":
                self._take(",")
        self._take(")")
        try:
            return _apply(name, arguments, self._series)
        except (IndexError, TypeError, AttributeError, KeyError):
            raise errors.validation(f"Error in expression '{self._text}': Invalid arguments to {name}") from None

    def _band(self) -> Value:
        """ANOMALY_DETECTION_BAND(m1, 2): the id of what is watched, and how many deviations wide the band is to each side."""
        watched, width = self._take(), "2"
        if self._peek() == ",":
            self._take()
            width = self._take()
        self._take(")")
        if not watched[0].isalpha() or not width[0].isdigit():
            raise self._problem()
        return list(self._series.band(watched, float(width)))


def _tokens(text: str) -> list[str]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise errors.validation(f"Error in expression '{text}': Unexpected character at {at}")
        found.append(next(group for group in token.groups() if group is not None))
        at = token.end()
    return found


def _pairwise(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """A function of two values: number by number, point by point, series by series."""
    if isinstance(left, str) or isinstance(right, str):
        raise errors.validation("Error in expression: a text is no operand")
    if isinstance(left, list):
        if isinstance(right, list):
            raise errors.validation("Error in expression: operations between two arrays of time series are not supported")
        return [_points(function, one, right) for one in left]
    if isinstance(right, list):
        return [_points(function, left, one) for one in right]
    if isinstance(left, dict) or isinstance(right, dict):
        return _points(function, left, right)
    return _number(function, left, right)


def _number(function: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        value = function(left, right)
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return value if isinstance(value, float) and math.isfinite(value) else math.nan


def _points(function: Callable[[float, float], float], left: float | Points, right: float | Points) -> Points:
    if isinstance(left, dict) and isinstance(right, dict):
        # Only where both have a point is there one.
        pairs = ((time, left[time], right[time]) for time in left if time in right)
    elif isinstance(left, dict):
        assert not isinstance(right, dict)
        pairs = ((time, value, right) for time, value in left.items())
    else:
        assert isinstance(right, dict)
        pairs = ((time, left, value) for time, value in right.items())
    found = ((time, _number(function, a, b)) for time, a, b in pairs)
    return {time: value for time, value in found if not math.isnan(value)}


def _apply(name: str, arguments: list[Value], series: Series) -> Value:
    first = arguments[0] if arguments else None
    if name == "METRICS":
        found = series.metrics()
        return [points for key, points in found.items() if not isinstance(first, str) or first in key]
    if name == "SEARCH":
        query, stat = arguments[0], arguments[1]
        period = arguments[2] if len(arguments) > 2 else float(series.period)
        if not isinstance(query, str) or not isinstance(stat, str) or not isinstance(period, float):
            raise TypeError(name)
        return series.search(query, stat, int(period))
    if name in _FOLDS:
        fold = _FOLDS[name]
        if isinstance(first, list):
            # Of an array: one series, the fold of all points at each time.
            times = sorted({time for one in first for time in one})
            return {time: fold([one[time] for one in first if time in one]) for time in times}
        if isinstance(first, dict):
            return fold(list(first.values())) if first else math.nan
        raise TypeError(name)
    if name in array_functions.OF_ARRAYS:
        if not isinstance(first, list):
            raise TypeError(name)
        value: Value = array_functions.OF_ARRAYS[name](*arguments)
        return value
    if name in array_functions.NOT_HERE:
        raise not_implemented("cloudwatch", "GetMetricData", f"the function {name}")
    if name == "IF":
        return _choose(*arguments, series=series)
    if name == "TIME_SERIES":
        return dict.fromkeys(series.times, _scalar(first))
    if isinstance(first, list):
        return [_of_points(name, one, arguments[1:], series) for one in first]
    if isinstance(first, dict):
        return _of_points(name, first, arguments[1:], series)
    if name in _EACH and isinstance(first, float):
        return _each(_EACH[name], first)
    raise errors.validation(f"Error in expression: Unsupported function {name}")


def _of_points(name: str, points: Points, more: list[Value], series: Series) -> Points:
    if name in _EACH:
        found = {time: _each(_EACH[name], value) for time, value in points.items()}
        return {time: value for time, value in found.items() if not math.isnan(value)}
    if name in array_functions.CALENDAR:
        return {time: array_functions.CALENDAR[name](time) for time in series.times}
    times = sorted(points)
    if name == "DIFF_TIME":
        return {b: (b - a).total_seconds() for a, b in itertools.pairwise(times)}
    if name == "FILL":
        return _fill(points, more[0], series)
    if name == "PERIOD":
        return dict.fromkeys(times, float(series.period))
    if name == "RATE":
        pairs = itertools.pairwise(times)
        return {b: (points[b] - points[a]) / (b - a).total_seconds() for a, b in pairs}
    if name == "DIFF":
        return {b: points[b] - points[a] for a, b in itertools.pairwise(times)}
    if name == "RUNNING_SUM":
        total, out = 0.0, {}
        for time in times:
            total += points[time]
            out[time] = total
        return out
    raise errors.validation(f"Error in expression: Unsupported function {name}")


def _each(function: Callable[[float], float], value: float) -> float:
    try:
        return function(value)
    except ValueError:
        return math.nan


def _fill(points: Points, how: Value, series: Series) -> Points:
    out: Points = {}
    last: float | None = None
    for time in series.times:
        if time in points:
            last = points[time]
            out[time] = last
        elif how == "REPEAT":
            if last is not None:
                out[time] = last
        elif how == "LINEAR":
            later = min((t for t in points if t > time), default=None)
            earlier = max((t for t in points if t < time), default=None)
            if later is not None and earlier is not None:
                share = (time - earlier) / (later - earlier)
                out[time] = points[earlier] + share * (points[later] - points[earlier])
        elif isinstance(how, dict):
            if time in how:
                out[time] = how[time]
        else:
            out[time] = _scalar(how)
    return out


def _scalar(value: Value | None) -> float:
    if not isinstance(value, float):
        raise TypeError("a number was expected")
    return value


def _choose(condition: Value, yes: Value, no: Value | None = None, *, series: Series) -> Value:
    if isinstance(condition, float):
        chosen = yes if condition else no
        return {} if chosen is None else chosen
    if not isinstance(condition, dict):
        raise TypeError("IF")
    out: Points = {}
    for time, test in condition.items():
        chosen = yes if test else no
        value = chosen.get(time) if isinstance(chosen, dict) else chosen
        if isinstance(value, float):
            out[time] = value
    return out
