"""Expressions of Logs Insights: fields, comparisons, like, in, arithmetic and functions, compiled to closures."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cloudjar.services.logs import errors

Row = dict[str, Any]
Getter = Callable[[Row], Any]
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`(?P<quoted>[^`]*)`"""
    r"""|/(?P<regex>(?:[^/\\]|\\.)*)/(?P<flags>[a-z]*)|(?P<word>@?[A-Za-z_][\w.@:]*)|(?P<op>=~|!=|<=|>=|[-+*/%^=<>(),\[\]]))"""
)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_PERIODS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNITS = {"second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
    "^": lambda a, b: a**b,
}
_LEVELS = (("+", "-"), ("*", "/", "%"), ("^",))


def name_of(text: str) -> str:
    """What a column is called that has no alias: its own text."""
    return text.strip().strip("`")


def shown(value: Any) -> str | None:
    """A value as results have it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.4f}".rstrip("0")
    return value if isinstance(value, str) else json.dumps(value)


def number(value: Any) -> float | None:
    """A value as a number, if it is one."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def truth(value: Any) -> bool:
    """Whether a filter lets a value pass."""
    return value is True or (value is not None and value not in (False, 0, "", "0", "false"))


class Parser:
    """One expression, or several in a row with commas between."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._tokens = _tokens(self._text)
        self._at = 0
        self.is_field = len(self._tokens) == 1 and self._tokens[0][0] in ("word", "quoted")

    def expression(self) -> Getter:
        """A whole expression."""
        return self._any()

    def alias(self) -> str:
        """What follows "as", or ""."""
        if not self._word("as"):
            return ""
        kind, text = self._next()
        if kind not in ("word", "quoted"):
            raise self._problem()
        return text

    def end(self) -> None:
        """Refuses what is left over."""
        if self._at < len(self._tokens):
            raise self._problem()

    def _problem(self) -> Exception:
        found = self._tokens[self._at][1] if self._at < len(self._tokens) else "end of query"
        return errors.malformed_query(f"unexpected symbol found {found} in {self._text}")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise self._problem()
        self._at += 1
        return self._tokens[self._at - 1]

    def _word(self, *words: str) -> bool:
        kind, text = self._peek()
        if kind == "word" and text.lower() in words:
            self._at += 1
            return True
        return False

    def _op(self, *operators: str) -> str:
        kind, text = self._peek()
        if kind == "op" and text in operators:
            self._at += 1
            return text
        return ""

    def _need(self, operator: str) -> None:
        if not self._op(operator):
            raise self._problem()

    def _any(self) -> Getter:
        left = self._all()
        while self._word("or"):
            left = _either(left, self._all())
        return left

    def _all(self) -> Getter:
        left = self._not()
        while self._word("and"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Getter:
        if self._word("not"):
            inner = self._not()
            return lambda row: not truth(inner(row))
        return self._comparison()

    def _comparison(self) -> Getter:
        left = self._arithmetic(0)
        if operator := self._op(*_COMPARE):
            return _compared(_COMPARE[operator], left, self._arithmetic(0))
        if self._op("=~"):
            return self._like(left)
        negated = self._word("not")
        if self._word("like"):
            test = self._like(left)
        elif self._word("in"):
            test = self._in(left)
        elif negated:
            raise self._problem()
        else:
            return left
        return (lambda row: not test(row)) if negated else test

    def _like(self, left: Getter) -> Getter:
        kind, text = self._next()
        if kind == "regex":
            try:
                search = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", text)).search
            except re.error as problem:
                raise errors.malformed_query(f"invalid regular expression: {problem}") from None
            return lambda row: (value := shown(left(row))) is not None and search(value) is not None
        if kind != "text":
            raise self._problem()
        # "%" stands for anything at the ends, as it does by itself: like looks for a part.
        part = text.strip("%")
        return lambda row: (value := shown(left(row))) is not None and part in value

    def _in(self, left: Getter) -> Getter:
        self._need("[")
        values: list[Getter] = []
        while not self._op("]"):
            values.append(self._arithmetic(0))
            if not self._op(","):
                self._need("]")
                break
        tests = [_compared(_COMPARE["="], left, value) for value in values]
        return lambda row: any(test(row) for test in tests)

    def _arithmetic(self, level: int) -> Getter:
        if level == len(_LEVELS):
            return self._atom()
        left = self._arithmetic(level + 1)
        while operator := self._op(*_LEVELS[level]):
            left = _calculated(_ARITHMETIC[operator], left, self._arithmetic(level + 1))
        return left

    def _atom(self) -> Getter:
        if self._op("("):
            inner = self._any()
            self._need(")")
            return inner
        if self._op("-"):
            return _calculated(_ARITHMETIC["-"], lambda row: 0.0, self._atom())
        kind, text = self._next()
        if kind == "number":
            value = float(text)
            return lambda row: value
        if kind == "text":
            return lambda row: text
        if kind == "quoted":
            return lambda row: row.get(text)
        if kind != "word":
            raise self._problem()
        if self._op("("):
            return self._call(text)
        if text.lower() in ("true", "false"):
            constant = text.lower() == "true"
            return lambda row: constant
        return lambda row: row.get(text)

    def _call(self, name: str) -> Getter:
        if name.lower() == "bin":
            return self._bin()
        if name.lower() == "now":
            self._need(")")
            return lambda row: row.get("@now")
        if name.lower() in ("datefloor", "dateceil"):
            return self._rounded(name.lower() == "dateceil")
        arguments: list[Getter] = []
        while not self._op(")"):
            arguments.append(self._any())
            if not self._op(","):
                self._need(")")
                break
        function = FUNCTIONS.get(name.lower())
        if function is None:
            raise errors.malformed_query(f"unknown function {name}")

        def call(row: Row) -> Any:
            try:
                return function(*[get(row) for get in arguments])
            except (TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError):
                return None

        return call

    def _bin(self) -> Getter:
        width = self._period()
        return lambda row: stamp(time // width * width) if (time := row.get("@time")) is not None else None

    def _rounded(self, up: bool) -> Getter:
        """datefloor or dateceil: a time, rounded to a period."""
        get = self._any()
        self._need(",")
        width = self._period()

        def rounded(row: Row) -> Any:
            value = get(row)
            try:
                time = int(datetime.fromisoformat(str(value)).replace(tzinfo=UTC).timestamp() * 1000)
            except ValueError:
                return None
            return stamp((time + width - 1 if up else time) // width * width)

        return rounded

    def _period(self) -> int:
        """A period such as 5m up to a closing parenthesis, in milliseconds."""
        start = self._at
        while not self._op(")"):
            self._next()
        text = "".join(piece for _, piece in self._tokens[start : self._at - 1])
        found = re.fullmatch(r"(\d+)([a-z]+)", text)
        unit = found[2].rstrip("s") or "s" if found else ""
        seconds = _PERIODS.get(_UNITS.get(unit, unit) if found and found[2] != "ms" else "ms") if found else None
        if found is None or seconds is None:
            raise errors.malformed_query(f"bin takes a period such as 5m, not {text}")
        return int(int(found[1]) * seconds * 1000)


def stamp(milliseconds: int) -> str:
    """A time as results have it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{milliseconds % 1000:03d}"


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is not None and token.lastgroup == "flags" and not _may_be_regex(found):
            # After a value a slash divides.
            slash = text.index("/", at)
            found.append(("op", "/"))
            at = slash + 1
            continue
        if token is None:
            # A period such as 5m is read in two pieces.
            digits = re.match(r"\s*(\d+)([a-z]+)", text[at:])
            if digits is None:
                raise errors.malformed_query(f"unexpected symbol found {text[at:].strip()[:20]}")
            found += [("number", digits[1]), ("word", digits[2])]
            at += digits.end()
            continue
        kind = "regex" if token.group("regex") is not None else str(token.lastgroup)
        value = str(token.group(kind))
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind == "regex" and "i" in (token.group("flags") or ""):
            value = f"(?i){value}"
        found.append((kind, value))
        at = token.end()
    return found


def _may_be_regex(before: list[tuple[str, str]]) -> bool:
    return not before or (before[-1][0] == "op" and before[-1][1] == "=~") or before[-1][1].lower() == "like"


def _either(left: Getter, right: Getter) -> Getter:
    return lambda row: truth(left(row)) or truth(right(row))


def _both(left: Getter, right: Getter) -> Getter:
    return lambda row: truth(left(row)) and truth(right(row))


def _compared(test: Callable[[Any, Any], bool], left: Getter, right: Getter) -> Getter:
    def compare(row: Row) -> bool:
        a, b = left(row), right(row)
        if a is None or b is None:
            return test is _COMPARE["!="] and (a is None) != (b is None)
        x, y = number(a), number(b)
        return test(x, y) if x is not None and y is not None else test(shown(a), shown(b))

    return compare


def _calculated(operation: Callable[[float, float], float], left: Getter, right: Getter) -> Getter:
    def calculate(row: Row) -> float | None:
        a, b = number(left(row)), number(right(row))
        if a is None or b is None:
            return None
        try:
            value = operation(a, b)
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return value if isinstance(value, float) and math.isfinite(value) else None

    return calculate


def _need_number(value: Any) -> float:
    found = number(value)
    if found is None:
        raise ValueError(value)
    return found


def _text(value: Any) -> str:
    found = shown(value)
    if found is None:
        raise ValueError(value)
    return found


def _substr(value: Any, start: Any, length: Any = None) -> str:
    first = int(_need_number(start))
    return _text(value)[first:] if length is None else _text(value)[first : first + int(_need_number(length))]


def _in_subnet(value: Any, subnet: Any) -> bool:
    return ipaddress.ip_address(_text(value)) in ipaddress.ip_network(_text(subnet), strict=False)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda x: abs(_need_number(x)),
    "ceil": lambda x: float(math.ceil(_need_number(x))),
    "floor": lambda x: float(math.floor(_need_number(x))),
    "sqrt": lambda x: math.sqrt(_need_number(x)),
    "log": lambda x: math.log(_need_number(x)),
    "greatest": lambda *xs: max(_need_number(x) for x in xs),
    "least": lambda *xs: min(_need_number(x) for x in xs),
    "ispresent": lambda x: x is not None,
    "isempty": lambda x: x is None or x == "",
    "isblank": lambda x: x is None or not _text(x).strip(),
    "coalesce": lambda *xs: next((x for x in xs if x is not None), None),
    "concat": lambda *xs: "".join(_text(x) for x in xs),
    "strlen": lambda x: float(len(_text(x))),
    "tolower": lambda x: _text(x).lower(),
    "toupper": lambda x: _text(x).upper(),
    "trim": lambda x, letters=None: _text(x).strip(letters),
    "ltrim": lambda x, letters=None: _text(x).lstrip(letters),
    "rtrim": lambda x, letters=None: _text(x).rstrip(letters),
    "substr": _substr,
    "replace": lambda x, old, new: _text(x).replace(_text(old), _text(new)),
    "strcontains": lambda x, part: float(_text(part) in _text(x)),
    "isvalidip": lambda x: _valid(x, ipaddress.ip_address),
    "isvalidipv4": lambda x: _valid(x, ipaddress.IPv4Address),
    "isvalidipv6": lambda x: _valid(x, ipaddress.IPv6Address),
    "isipinsubnet": _in_subnet,
    "isipv4insubnet": _in_subnet,
    "isipv6insubnet": _in_subnet,
    "jsonparse": lambda x: json.loads(_text(x)),
    "jsonstringify": lambda x: json.dumps(x, separators=(",", ":")),
    "frommillis": lambda x: stamp(int(_need_number(x))),
    "tomillis": lambda x: datetime.fromisoformat(_text(x)).replace(tzinfo=UTC).timestamp() * 1000,
}


def _valid(value: Any, kind: Callable[[str], Any]) -> bool:
    try:
        kind(_text(value))
    except ValueError:
        return False
    return True
