"""The query language of Logs Insights: a query becomes a pipeline over rows.

Source: "CloudWatch Logs Insights query syntax" in the CloudWatch Logs user guide. Commands: fields, display, filter, parse, stats, sort,
limit, dedup, unnest, pattern, filterIndex, unmask, SOURCE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

from cloudjar.kernel.errors import not_implemented
from cloudjar.services.logs import errors
from cloudjar.services.logs.insights_expression import Getter, Parser, Row, name_of, shown, truth
from cloudjar.services.logs.insights_pattern import COLUMNS, patterns
from cloudjar.services.logs.insights_rows import values_at
from cloudjar.services.logs.insights_stats import aggregate

Rows = Iterable[Row]
Step = Callable[[Rows], Rows]
_PARSE = re.compile(
    r"""\s*(?:(@?[\w.]+)\s+)?(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|/((?:[^/\\]|\\.)*)/)\s*(?:as\s+(.*))?$""", re.DOTALL | re.IGNORECASE
)
_SOURCE = re.compile(r"\s*SOURCE\s+logGroups?\s*\((.*)\)\s*", re.DOTALL | re.IGNORECASE)
DEFAULT_LIMIT = 10_000
"""Rows that come back where the query does not say."""
_SINGLE = frozenset(("fields", "display", "filter", "where", "filterindex", "unmask", "parse"))
REFUSED = ("diff", "lookup", "anomaly", "join", "subquery")


class Query:
    """A compiled query: `narrowed` takes rows as they come, `finished` all that are left, newest first; `columns` are what is shown."""

    def __init__(self, text: str) -> None:
        self.columns: list[str] = []
        self._steps: list[Step] = []
        self._limited = self._displayed = False
        self._single = 0
        """How many steps at the beginning look at one row at a time."""
        self.is_stats = False
        self.source: list[str] | None = None
        """The prefixes of the names of the groups that the query itself chooses."""
        self.unmasked = False
        """Whether sensitive data is to be shown."""
        self.source, text = _source(text)
        for command in split(text, "|"):
            self._add(command)
        if not self._steps and not self.columns:
            raise errors.malformed_query("unexpected end of query")
        if not self.columns:
            self.columns = ["@timestamp", "@message"]

    def narrowed(self, rows: Rows) -> Rows:
        """The rows after the first steps that look at one row at a time: any order, any portion."""
        for step in self._steps[: self._single]:
            rows = step(rows)
        return rows

    def finished(self, rows: Rows, limit: int | None) -> list[Row]:
        """The result of narrowed rows; at most `limit` rows where the query itself has no limit."""
        for step in self._steps[self._single :]:
            rows = step(rows)
        most = DEFAULT_LIMIT if limit is None else limit
        found: list[Row] = []
        for row in rows:
            if not self._limited and len(found) == most:
                break
            found.append(row)
        return found

    def _add(self, command: str) -> None:
        found = re.match(r"\s*(\w+)\s*", command)
        name = found[1] if found else command.strip()
        handler = getattr(self, f"_{name.lower()}_command", None)
        if name in REFUSED:
            raise not_implemented("logs", "StartQuery", f"the command {name}")
        if found is None or handler is None:
            raise errors.malformed_query(f"unexpected symbol found {name} at line 1")
        was_single = self._single == len(self._steps)
        handler(command[found.end() :])
        if was_single and name.lower() in _SINGLE:
            self._single = len(self._steps)

    def _fields_command(self, text: str) -> None:
        self._show(text, keep=True)

    def _display_command(self, text: str) -> None:
        if not self._displayed:
            self.columns, self._displayed = [], True
        self._show(text, keep=False)

    def _show(self, text: str, *, keep: bool) -> None:
        made: list[tuple[str, Getter]] = []
        for item in split(text, ","):
            parser = Parser(item)
            get = parser.expression()
            name = parser.alias() or name_of(item)
            parser.end()
            if not self._displayed or not keep:
                self.columns.append(name)
            if name != item.strip() or not parser.is_field:
                made.append((name, get))

        def step(rows: Rows) -> Rows:
            for row in rows:
                for name, get in made:
                    row[name] = get(row)
                yield row

        if made:
            self._steps.append(step)

    def _filter_command(self, text: str) -> None:
        parser = Parser(text)
        get = parser.expression()
        parser.end()
        self._steps.append(lambda rows: (row for row in rows if truth(get(row))))

    _where_command = _filter_command

    def _unmask_command(self, text: str) -> None:
        """Shows fields, and sensitive data in them as it is."""
        self.unmasked = True
        self._show(text, keep=True)

    # An index makes a query read less; the rows are those that the filter lets pass.
    _filterindex_command = _filter_command

    def _pattern_command(self, text: str) -> None:
        parser = Parser(text)
        field = parser.expression()
        parser.end()
        self.columns = list(COLUMNS)
        self.is_stats = True
        self._steps.append(lambda rows: patterns(rows, field))

    def _limit_command(self, text: str) -> None:
        if not text.strip().isdigit() or not 1 <= int(text) <= 100_000:
            raise errors.malformed_query(f"limit takes a number from 1 to 100000, not {text.strip()}")
        count = int(text)
        self._limited = True
        self._steps.append(lambda rows: (row for row, _ in zip(rows, range(count), strict=False)))

    _head_command = _limit_command

    def _sort_command(self, text: str) -> None:
        keys: list[tuple[Getter, bool]] = []
        for item in split(text, ","):
            words = re.fullmatch(r"(.*?)(?:\s+(asc|desc))?\s*", item, re.IGNORECASE | re.DOTALL)
            assert words is not None
            parser = Parser(words[1])
            keys.append((parser.expression(), (words[2] or "asc").lower() == "desc"))
            parser.end()

        def step(rows: Rows) -> Rows:
            found = list(rows)
            for get, descending in reversed(keys):
                found.sort(key=lambda row, get=get: _order(get(row)), reverse=descending)  # type: ignore[misc]
            return found

        self._steps.append(step)

    def _dedup_command(self, text: str) -> None:
        names = [item.strip() for item in split(text, ",")]
        getters = [Parser(name).expression() for name in names]

        def step(rows: Rows) -> Rows:
            seen: set[tuple[Any, ...]] = set()
            for row in rows:
                key = tuple(shown(get(row)) for get in getters)
                if None in key or key not in seen:
                    seen.add(key)
                    yield row

        self._steps.append(step)

    def _unnest_command(self, text: str) -> None:
        found = re.fullmatch(r"\s*([@\w.]+)\s+into\s+([@\w.]+)\s*", text, re.IGNORECASE)
        if found is None:
            raise errors.malformed_query(f"unnest takes a field and a name, not {text.strip()}")
        field, name = found[1], found[2]
        if not self._displayed:
            self.columns.append(name)

        def step(rows: Rows) -> Rows:
            for row in rows:
                values = values_at(row, field)
                for value in values if isinstance(values, list) else [values]:
                    fresh = copy(row)
                    fresh[name] = value
                    yield fresh

        self._steps.append(step)

    def _parse_command(self, text: str) -> None:
        found = _PARSE.match(text)
        if found is None:
            raise errors.malformed_query(f"parse takes a field, a pattern and names, not {text.strip()}")
        field = Parser(found[1] or "@message").expression()
        names = [name.strip() for name in (found[5] or "").split(",") if name.strip()]
        if found[4] is not None:
            match, names = _regex(found[4], names)
        else:
            glob = found[2] if found[2] is not None else found[3]
            if glob.count("*") != len(names):
                raise errors.malformed_query("parse takes as many names as its pattern has stars")
            pieces = [re.escape(piece) for piece in glob.split("*")]
            match = re.compile("(.*?)".join(pieces) + ("$" if glob.endswith("*") else ""), re.DOTALL)
        if not self._displayed:
            self.columns += names

        def step(rows: Rows) -> Rows:
            for row in rows:
                value = shown(field(row))
                hit = match.search(value) if value is not None else None
                if hit:
                    row.update(zip(names, hit.groups(), strict=False))
                yield row

        self._steps.append(step)

    def _stats_command(self, text: str) -> None:
        step, names = aggregate(text, split)
        self.columns = names
        self.is_stats = True
        self._steps.append(step)


def _source(text: str) -> tuple[list[str] | None, str]:
    """The groups that a query's SOURCE command chooses, and the rest of the query."""
    commands = split(text, "|")
    found = _SOURCE.fullmatch(commands[0]) if commands else None
    if found is None:
        return None, text
    chosen = dict(re.findall(r"(\w+)\s*:\s*(\[[^\]]*\]|'[^']*'|\"[^\"]*\")", found[1]))
    prefixes = re.findall(r"""['"]([^'"]+)['"]""", chosen.pop("namePrefix", ""))
    if chosen.pop("class", "STANDARD").strip("'\"") != "STANDARD" or chosen:
        raise not_implemented("logs", "StartQuery", f"SOURCE with {found[1].strip()}")
    if not 1 <= len(prefixes) <= 5 or any(len(prefix) < 3 or "*" in prefix for prefix in prefixes):
        raise errors.malformed_query("SOURCE takes one to five prefixes of at least three characters")
    return prefixes, "|".join(commands[1:])


def _regex(text: str, names: list[str]) -> tuple[re.Pattern[str], list[str]]:
    # Insights names groups (?<name>...), Python (?P<name>...).
    try:
        match = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", text))
    except re.error as problem:
        raise errors.malformed_query(f"invalid regular expression: {problem}") from None
    named = sorted(match.groupindex, key=match.groupindex.__getitem__)
    if not names and len(named) == match.groups:
        return match, named
    if len(names) != match.groups:
        raise errors.malformed_query("parse takes as many names as its pattern has groups")
    return match, names


def _order(value: Any) -> tuple[int, float, str]:
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    try:
        return (1, float(value), "")
    except ValueError:
        return (2, 0.0, value)


def split(text: str, at: str) -> list[str]:
    """A text's parts between separators, outside quotes, slashes of regular expressions and parentheses."""
    parts: list[str] = [""]
    quote = ""
    depth = position = 0
    while position < len(text):
        letter = text[position]
        if quote:
            if letter == "\\" and position + 1 < len(text):
                parts[-1] += letter
                position += 1
                letter = text[position]
            elif letter == quote:
                quote = ""
        elif letter in "\"'`" or (letter == "/" and re.search(r"(?:like|=~|parse(?:\s+@?[\w.]+)?)\s*$", parts[-1])):
            quote = letter
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == at and depth == 0:
            parts.append("")
            position += 1
            continue
        elif letter == "#" and depth == 0:
            # A comment goes to the end of its line.
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        parts[-1] += letter
        position += 1
    return [part for part in parts if part.strip()]
