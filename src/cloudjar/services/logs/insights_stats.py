"""The command stats of Logs Insights: aggregates by groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from statistics import fmean, pstdev
from typing import Any

from cloudjar.services.logs import errors
from cloudjar.services.logs.insights_expression import Getter, Parser, Row, name_of, number, shown

Rows = Iterable[Row]
Fold = Callable[[list[Row]], Any]


def aggregate(text: str, split: Callable[[str, str], list[str]]) -> tuple[Callable[[Rows], Rows], list[str]]:
    """The step of a stats command, and the names of its columns."""
    halves = re.split(r"\s+by\s+", text, maxsplit=1, flags=re.IGNORECASE)
    items = [_Item(item) for item in split(halves[0], ",")]
    groups: list[tuple[str, Getter]] = []
    for item in split(halves[1], ",") if len(halves) > 1 else []:
        parser = Parser(item)
        get = parser.expression()
        groups.append((parser.alias() or name_of(item), get))
        parser.end()
    if not items or not items[0].is_aggregate:
        raise errors.malformed_query("stats takes at least one aggregate")

    def step(rows: Rows) -> Rows:
        found: dict[tuple[Any, ...], list[Row]] = {}
        values: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            made = {name: get(row) for name, get in groups}
            key = tuple(shown(value) for value in made.values())
            found.setdefault(key, []).append(row)
            values.setdefault(key, made)
        if not found and not groups:
            found[()] = []
            values[()] = {}
        for key, members in found.items():
            row = values[key]
            for item in items:
                row[item.name] = item.value(row, members)
            yield row

    return step, [name for name, _ in groups] + [item.name for item in items]


class _Item(Parser):
    """One column of stats: an aggregate, or an expression of aggregates and of the columns before it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._folds: list[Fold] = []
        self._get = self.expression()
        self.name = self.alias() or name_of(text)
        self.end()
        self.is_aggregate = bool(self._folds)

    def value(self, row: Row, members: list[Row]) -> Any:
        """The column's value in a group, whose other columns so far are in `row`."""
        return self._get(row | {f"\0{at}": fold(members) for at, fold in enumerate(self._folds)})

    def _call(self, name: str) -> Getter:
        kind = name.lower()
        if kind not in ("pct", "percentile") and kind not in _FOLDS:
            return super()._call(name)
        everything = bool(self._op("*"))
        arguments: list[Getter] = []
        while not self._op(")"):
            arguments.append(self._any())
            if not self._op(","):
                self._need(")")
                break
        self._folds.append(_fold(kind, arguments, everything))
        place = f"\0{len(self._folds) - 1}"
        return lambda row: row.get(place)


def _fold(name: str, arguments: list[Getter], everything: bool) -> Fold:
    if name == "count" and not arguments:
        return lambda rows: float(len(rows))
    if not arguments or everything:
        raise errors.malformed_query(f"{name} takes a field")
    get = arguments[0]
    if name in ("pct", "percentile"):
        percent = number(arguments[1]({})) if len(arguments) > 1 else None
        if percent is None or not 0 <= percent <= 100:
            raise errors.malformed_query("pct takes a field and a percentage")
        return lambda rows: _percentile(_numbers(get, rows), percent)
    return lambda rows: _FOLDS[name](get, rows)


def _numbers(get: Getter, rows: list[Row]) -> list[float]:
    return [value for row in rows if (value := number(get(row))) is not None]


def _present(get: Getter, rows: list[Row]) -> list[Any]:
    return [value for row in rows if (value := get(row)) is not None]


def _percentile(values: list[float], percent: float) -> float | None:
    if not values:
        return None
    values.sort()
    position = percent / 100 * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (position - low) * (values[high] - values[low])


def _of_numbers(fold: Callable[[list[float]], float]) -> Callable[[Getter, list[Row]], Any]:
    return lambda get, rows: fold(values) if (values := _numbers(get, rows)) else None


def _extreme(pick: Callable[..., Any]) -> Callable[[Getter, list[Row]], Any]:
    def fold(get: Getter, rows: list[Row]) -> Any:
        numbers, values = _numbers(get, rows), _present(get, rows)
        if numbers and len(numbers) == len(values):
            return pick(numbers)
        return pick([shown(value) for value in values]) if values else None

    return fold


def _by_time(pick: Callable[..., Row]) -> Callable[[Getter, list[Row]], Any]:
    def fold(get: Getter, rows: list[Row]) -> Any:
        present = [row for row in rows if get(row) is not None]
        return get(pick(present, key=lambda row: row.get("@time", 0))) if present else None

    return fold


_FOLDS: dict[str, Callable[[Getter, list[Row]], Any]] = {
    "count": lambda get, rows: float(len(_present(get, rows))),
    "count_distinct": lambda get, rows: float(len({shown(value) for value in _present(get, rows)})),
    "sum": lambda get, rows: float(sum(_numbers(get, rows))),
    "avg": _of_numbers(fmean),
    "stddev": _of_numbers(pstdev),
    "median": lambda get, rows: _percentile(_numbers(get, rows), 50),
    "min": _extreme(min),
    "max": _extreme(max),
    "earliest": _by_time(min),
    "latest": _by_time(max),
    "sortsfirst": _extreme(min),
    "sortslast": _extreme(max),
}
