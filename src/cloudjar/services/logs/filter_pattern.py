"""CloudWatch Logs' filter pattern language: a pattern becomes a predicate over messages.

Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" in the
CloudWatch Logs user guide. Three forms: terms (`ERROR -"exit 0" ?a ?b %re%`), JSON (`{ $.a.b = "x*" && $.n > 3 }`) and
space-delimited fields (`[ip, user, status = 4*, ...]`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from cloudjar.services.logs import errors

Predicate = Callable[[str], bool]
Test = Callable[[Any], bool]

_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)*)%|(\S+))')
_TOKEN = re.compile(
    r"""\s*(?:(?P<op>&&|\|\||!=|>=|<=|=|>|<|\(|\))|(?P<selector>\$(?:\.[A-Za-z0-9_@:/#*-]+|\[\d+\]|\[\*\]|\.?\["(?:[^"\\]|\\.)*"\])*)"""
    r"""|"(?P<text>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)*)%|(?P<word>[^\s=!<>()&|"]+))"""
)
_STEP = re.compile(r'\.?\["((?:[^"\\]|\\.)*)"\]|\.([A-Za-z0-9_@:/#*-]+)|\[(\d+|\*)\]')
_FIELD = re.compile(r'\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\S+')
_REGEX = re.compile(r'"(?:[^"\\]|\\.)*"|(%(?:[^%\\]|\\.)*%)')
LONGEST = 1024
MOST_REGEXES = 2
_MISSING = object()


def compile_pattern(pattern: str) -> Predicate:
    """The predicate of a filter pattern; InvalidParameterException if it is none. An empty pattern matches everything."""
    text = pattern.strip()
    if len(text) > LONGEST:
        raise errors.bad_pattern(f"longer than {LONGEST} characters")
    if sum(bool(found) for found in _REGEX.findall(text)) > MOST_REGEXES:
        raise errors.bad_pattern(f"more than {MOST_REGEXES} regular expressions")
    if not text:
        return lambda message: True
    if text.startswith("{"):
        if not text.endswith("}"):
            raise errors.bad_pattern("a JSON pattern ends with }")
        test = _Expression(text[1:-1], _json_operand).parse()
        return lambda message: test(_loads(message))
    if text.startswith("["):
        if not text.endswith("]"):
            raise errors.bad_pattern("a space-delimited pattern ends with ]")
        return _fields_pattern(text[1:-1])
    return _terms_pattern(text)


def _terms_pattern(text: str) -> Predicate:
    required: list[Predicate] = []
    excluded: list[Predicate] = []
    optional: list[Predicate] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TERM.match(text, at)
        if found is None:
            raise errors.bad_pattern(text)
        at = found.end()
        sign, quoted, regex, word = found.groups()
        test = _regex(regex).search if regex is not None else _contains(_unescape(quoted) if quoted is not None else word)
        {"": required, "-": excluded, "?": optional}[sign].append(lambda message, test=test: bool(test(message)))  # type: ignore[misc]
    # "?" terms count only among themselves: beside required terms AWS ignores them.
    if optional and not required:
        return lambda message: any(t(message) for t in optional) and not any(t(message) for t in excluded)
    return lambda message: all(t(message) for t in required) and not any(t(message) for t in excluded)


def _contains(word: str) -> Predicate:
    return lambda message: word in message


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _regex(source: str) -> re.Pattern[str]:
    # AWS's subset: no groups, no back-references, at most two quantified pieces. That also keeps matching linear.
    if re.search(r"(?<!\\)[()]", source) or re.search(r"\\\d", source):
        raise errors.bad_pattern(f"unsupported regular expression %{source}%")
    try:
        return re.compile(source)
    except re.error as problem:
        raise errors.bad_pattern(f"%{source}%: {problem}") from None


def _loads(message: str) -> Any:
    if not message.lstrip().startswith(("{", "[")):
        return _MISSING
    try:
        return msgspec.json.decode(message)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _MISSING


class _Expression:
    """Comparisons joined by && and ||, with parentheses; `operand` turns what is left of an operator into a getter."""

    def __init__(self, text: str, operand: Callable[[str], Callable[[Any], list[Any]]]) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self._operand = operand
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise errors.bad_pattern(text[at:])
            kind = found.lastgroup or ""
            self._tokens.append((kind, found.group(kind)))
            at = found.end()

    def parse(self) -> Test:
        """The whole expression's test."""
        test = self._any()
        if self._at != len(self._tokens):
            raise errors.bad_pattern(f"unexpected {self._tokens[self._at][1]!r}")
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take("op", "||"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._take("op", "&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _one(self) -> Test:
        if self._take("op", "("):
            test = self._any()
            if not self._take("op", ")"):
                raise errors.bad_pattern("missing )")
            return test
        kind, text = self._next()
        if kind not in ("selector", "word"):
            raise errors.bad_pattern(f"expected a selector, not {text!r}")
        get = self._operand(text)
        kind, operator = self._next()
        if kind == "word" and operator.upper() in ("IS", "NOT"):
            return _state_test(get, operator.upper(), self._next()[1].upper())
        if kind != "op" or operator in ("&&", "||", "(", ")"):
            raise errors.bad_pattern(f"expected a comparison, not {operator!r}")
        return _comparison(get, operator, *self._next())

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise errors.bad_pattern("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _state_test(get: Callable[[Any], list[Any]], operator: str, state: str) -> Test:
    if (operator, state) == ("NOT", "EXISTS"):
        return lambda value: not get(value)
    wanted = {"NULL": None, "TRUE": True, "FALSE": False}
    if operator != "IS" or state not in wanted:
        raise errors.bad_pattern(f"{operator} {state}")
    return lambda value: any(found is wanted[state] for found in get(value))


def _comparison(get: Callable[[Any], list[Any]], operator: str, kind: str, text: str) -> Test:
    if kind == "regex":
        if operator not in ("=", "!="):
            raise errors.bad_pattern("a regular expression is compared with = or !=")
        match = _regex(text).search
        positive: Test = lambda found: match(_text(found)) is not None  # noqa: E731
    elif kind in ("text", "word"):
        number = _number(text) if kind == "word" else None
        if number is not None:
            positive = _numeric(operator, number)
        elif operator in ("=", "!="):
            glob = re.compile(".*".join(re.escape(part) for part in _unescape(text).split("*")), re.DOTALL)
            positive = lambda found: isinstance(found, str | int | float) and glob.fullmatch(_text(found)) is not None  # noqa: E731
        else:
            raise errors.bad_pattern(f"{operator} compares numbers, not {text!r}")
    else:
        raise errors.bad_pattern(f"expected a value, not {text!r}")
    if operator == "!=":
        return lambda value: bool(found := get(value)) and not any(positive(each) for each in found)
    return lambda value: any(positive(found) for found in get(value))


def _numeric(operator: str, number: float) -> Test:
    compare: dict[str, Callable[[float], bool]] = {
        "=": lambda n: n == number,
        "!=": lambda n: n == number,
        ">": lambda n: n > number,
        "<": lambda n: n < number,
        ">=": lambda n: n >= number,
        "<=": lambda n: n <= number,
    }
    test = compare[operator]

    def check(found: Any) -> bool:
        value = _number(found) if isinstance(found, str) else found
        return isinstance(value, int | float) and not isinstance(value, bool) and test(value)

    return check


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _json_operand(selector: str) -> Callable[[Any], list[Any]]:
    if not selector.startswith("$"):
        raise errors.bad_pattern(f"a JSON selector starts with $, not {selector!r}")
    steps: list[str | int] = []
    at = 1
    while at < len(selector):
        found = _STEP.match(selector, at)
        if found is None:
            raise errors.bad_pattern(selector)
        quoted, name, index = found.groups()
        if index is not None:
            steps.append(index if index == "*" else int(index))
        else:
            steps.append(_unescape(quoted) if quoted is not None else name)
        at = found.end()

    def get(value: Any) -> list[Any]:
        values = [] if value is _MISSING else [value]
        for step in steps:
            values = [inner for outer in values for inner in _descend(outer, step)]
        return values

    return get


def _descend(value: Any, step: str | int) -> list[Any]:
    if isinstance(step, int):
        return value[step : step + 1] if isinstance(value, list) else []
    if step == "*":
        return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _fields_pattern(text: str) -> Predicate:
    names, conditions = _columns(text)

    def operand(column: str) -> Callable[[Any], list[Any]]:
        if column not in names:
            raise errors.bad_pattern(f"there is no field {column!r}")
        return lambda row: [row[column]] if column in row else []

    checks = [_Expression(condition, operand).parse() for condition in conditions]

    def matches(message: str) -> bool:
        row = _row(names, message)
        return row is not None and all(check(row) for check in checks)

    return matches


def _row(names: list[str], message: str) -> dict[str, str] | None:
    """A message's space-delimited fields by name; None if their number does not fit."""
    values = [part[1:-1] if part[0] in '"[' and len(part) > 1 else part for part in _FIELD.findall(message)]
    if "..." in names:
        head = names.index("...")
        tail = len(names) - head - 1
        if len(values) < head + tail:
            return None
        return dict(zip(names[:head], values, strict=False)) | dict(zip(names[head + 1 :], values[len(values) - tail :], strict=False))
    return dict(zip(names, values, strict=True)) if len(values) == len(names) else None


def _columns(text: str) -> tuple[list[str], list[str]]:
    """The names of the fields of a space-delimited pattern, and the fields that have conditions."""
    columns = [column.strip() for column in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", text)] if text.strip() else []
    names: list[str] = []
    conditions: list[str] = []
    for column in columns:
        name = re.match(r"(?:\.\.\.|\w+)?", column)
        assert name is not None
        names.append(name.group() or f"_{len(names)}")
        if column[name.end() :].strip():
            conditions.append(column)
    if names.count("...") > 1:
        raise errors.bad_pattern("... may stand once")
    return names, conditions


def compile_selector(pattern: str, selector: str) -> Callable[[str], str | None]:
    """What reads a selector ("$.size", or "$size" of a space-delimited pattern) from a message that matches."""
    text = pattern.strip()
    if text.startswith("["):
        names, _ = _columns(text[1:-1])
        if selector[1:] not in names:
            raise errors.bad_pattern(f"there is no field {selector!r}")
        return lambda message: (_row(names, message) or {}).get(selector[1:])
    get = _json_operand(selector)

    def read(message: str) -> str | None:
        found = get(_loads(message))
        return _text(found[0]) if found else None

    return read


def selectors_of(pattern: str) -> list[str]:
    """The selectors that a pattern speaks of: what TestMetricFilter extracts."""
    text = pattern.strip()
    if text.startswith("["):
        return [f"${name}" for name in _columns(text[1:-1])[0] if name != "..."]
    if text.startswith("{"):
        return [found.group("selector") for found in _TOKEN.finditer(text[1:-1]) if found.group("selector")]
    return []
