"""Metrics Insights: `SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) WHERE ... GROUP BY ... ORDER BY ... LIMIT n`.

Source: "Metrics Insights query components and syntax" in the CloudWatch user guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.metrics import Bucket, Metric, floor, merged
from cloudjar.services.cloudwatch.series import Points, slots
from cloudjar.services.cloudwatch.statistics import SIMPLE

MOST_SERIES = 500
_FUNCTIONS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
_OVERALL: dict[str, Callable[[list[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values),
    "COUNT": lambda values: float(len(values)),
    "MAX": max,
    "MIN": min,
    "SUM": sum,
}
_TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(!=|[(),=])|([\w./:-]+))""")


class Select(NamedTuple):
    """A query, taken apart."""

    function: str
    metric: str
    namespace: str
    schema: list[str] | None
    """The dimensions that a metric has, exactly; None for any."""
    tests: list[tuple[str, bool, str]]
    """(dimension, whether it must be equal, value)."""
    groups: list[str]
    order: tuple[str, bool] | None
    """The function that series are ordered by, and whether the largest comes first."""
    limit: int


def is_select(text: str) -> bool:
    """Whether an expression is such a query."""
    return re.match(r"\s*SELECT\b", text, re.IGNORECASE) is not None


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        text, at = text.strip(), 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise errors.validation(f"Error in expression: unexpected symbol at {text[at : at + 20]}")
            kind = ("name", "text", "mark", "word")[found.lastindex - 1] if found.lastindex else "mark"
            self._tokens.append((kind, found[found.lastindex or 0]))
            at = found.end()
        self._at = 0

    def problem(self) -> Exception:
        found = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end of the query"
        return errors.validation(f"Error in expression: Unexpected {found} in Metrics Insights query")

    def word(self, *words: str) -> str:
        """The next token if it is one of these, in capitals."""
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind in ("word", "mark") and text.upper() in words:
                self._at += 1
                return text.upper()
        return ""

    def need(self, *words: str) -> str:
        found = self.word(*words)
        if not found:
            raise self.problem()
        return found

    def name(self, *, quoted: str = "name") -> str:
        """A name, quoted or not."""
        if self._at == len(self._tokens) or self._tokens[self._at][0] not in ("word", quoted):
            raise self.problem()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def names(self) -> list[str]:
        found = [self.name()]
        while self.word(","):
            found.append(self.name())
        return found

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self.problem()


def parse(text: str) -> Select:
    """Raises ValidationError for what is no query."""
    parser = _Parser(text)
    parser.need("SELECT")
    function = parser.need(*_FUNCTIONS)
    parser.need("(")
    metric = parser.name()
    parser.need(")")
    parser.need("FROM")
    schema: list[str] | None = None
    if parser.word("SCHEMA"):
        parser.need("(")
        namespace, *schema = parser.names()
        parser.need(")")
    else:
        namespace = parser.name()
    tests: list[tuple[str, bool, str]] = []
    if parser.word("WHERE"):
        while True:
            key = parser.name()
            equal = parser.need("=", "!=") == "="
            tests.append((key, equal, parser.name(quoted="text")))
            if not parser.word("AND"):
                break
    groups: list[str] = []
    if parser.word("GROUP"):
        parser.need("BY")
        groups = parser.names()
    order = None
    if parser.word("ORDER"):
        parser.need("BY")
        by = parser.need(*_FUNCTIONS)
        parser.need("(")
        parser.need(")")
        order = (by, parser.word("ASC", "DESC") == "DESC")
    limit = MOST_SERIES
    if parser.word("LIMIT"):
        number = parser.name()
        if not number.isdecimal() or not 1 <= int(number) <= MOST_SERIES:
            raise errors.validation(f"Error in expression: LIMIT must be from 1 to {MOST_SERIES}")
        limit = int(number)
    parser.end()
    return Select(function, metric, namespace, schema, tests, groups, order, limit)


def run(ctx: Context, select: Select, start: datetime, end: datetime, period: int) -> list[tuple[tuple[str, ...], Points]]:
    """The series of a query, each with its values of what is grouped by."""
    found: dict[tuple[str, ...], dict[datetime, Bucket]] = {}
    for metric in ctx.where(Metric, namespace=select.namespace, name=select.metric):
        pairs = {pair["Name"]: pair["Value"] for pair in metric.pairs}
        if select.schema is not None and sorted(pairs) != sorted(select.schema):
            continue
        if any((pairs.get(key) == value) != equal for key, equal, value in select.tests) or any(key not in pairs for key in select.groups):
            continue
        group = found.setdefault(tuple(pairs[key] for key in select.groups), {})
        for (time, _), bucket in slots(ctx, metric, floor(start, period), end, period).items():
            known = group.get(time)
            group[time] = merged(known, bucket) if known else bucket
    value = SIMPLE[_FUNCTIONS[select.function]]
    series = [(key, {time: value(bucket) for time, bucket in sorted(group.items())}) for key, group in sorted(found.items()) if group]
    if select.order:
        by, largest_first = select.order
        series.sort(key=lambda one: _OVERALL[by](list(one[1].values())), reverse=largest_first)
    return series[: select.limit]
