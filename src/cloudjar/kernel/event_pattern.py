"""The event pattern language of EventBridge, Pipes and Lambda's filters: a pattern becomes a predicate over decoded events.

Source: "Amazon EventBridge event patterns" and "Comparison operators for use in event patterns" in the EventBridge user guide.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Test = Callable[[Any], bool]
Predicate = Callable[[Any], bool]

_ABSENT: Any = object()
_LARGEST = 5_000_000_000
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class PatternProblem(Exception):
    """A pattern that is none; its text is AWS's reason."""


@lru_cache(maxsize=2048)
def compile_pattern(text: str) -> Predicate:
    """The predicate of a pattern's JSON text; raises PatternProblem."""
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise PatternProblem(str(problem)) from None
    if not isinstance(pattern, dict):
        raise PatternProblem("Filter is not an object")
    if not pattern:
        raise PatternProblem("Empty patterns are not allowed")
    return _compile_object(pattern)


def _compile_object(pattern: dict[str, Any]) -> Predicate:
    tests: list[tuple[str, Predicate]] = []
    choices: list[list[Predicate]] = []
    for name, value in pattern.items():
        if name == "$or" and isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            if len(value) < 2:
                raise PatternProblem("There are must have at least 2 Objects in '$or' relationship.")
            choices.append([_compile_object(one) for one in value])
        elif isinstance(value, dict):
            if not value:
                raise PatternProblem("Empty objects are not allowed")
            tests.append((name, _compile_object(value)))
        elif isinstance(value, list):
            if not value:
                raise PatternProblem("Empty arrays are not allowed")
            tests.append((name, _any_of(value)))
        else:
            raise PatternProblem(f'"{name}" must be an object or an array')

    def matches(event: Any) -> bool:
        if isinstance(event, list):
            # All the tests of one object must hold for one and the same element.
            return any(matches(element) for element in event)
        fields = event if isinstance(event, dict) else {}
        return all(test(fields.get(name, _ABSENT)) for name, test in tests) and all(any(one(fields) for one in group) for group in choices)

    return matches


def _any_of(values: list[Any]) -> Predicate:
    exact_text = frozenset(v for v in values if isinstance(v, str))
    others: list[Test] = []
    absent = False
    for value in values:
        if isinstance(value, dict):
            if value == {"exists": False}:
                absent = True
            else:
                others.append(_operator(value))
        elif isinstance(value, list):
            raise PatternProblem("Match value must be String, number, true, false, or null")
        elif not isinstance(value, str):
            others.append(_exactly(value))

    def leaf(value: Any) -> bool:
        if isinstance(value, str) and value in exact_text:
            return True
        return any(test(value) for test in others)

    def matches(value: Any) -> bool:
        if value is _ABSENT or isinstance(value, dict):
            return absent
        if isinstance(value, list):
            if not value or all(isinstance(one, dict) for one in value):
                return absent
            return any(matches(one) for one in value if not isinstance(one, dict))
        return leaf(value)

    return matches


def _exactly(wanted: Any) -> Test:
    # AWS compares a number's text: 300 is not 300.0; and JSON's true is not 1.
    return lambda value: type(value) is type(wanted) and value == wanted


def _operator(given: dict[str, Any]) -> Test:
    if len(given) != 1:
        raise PatternProblem("Only one key allowed in match expression")
    [(name, argument)] = given.items()
    compiler = _OPERATORS.get(name)
    if compiler is None:
        raise PatternProblem(f"Unrecognized match type {name}")
    return compiler(argument)


def _prefix(argument: Any) -> Test:
    folded = _folding("prefix", argument)
    if folded is not None:
        return lambda value: isinstance(value, str) and value.casefold().startswith(folded)
    _text("prefix", argument)
    return lambda value: isinstance(value, str) and value.startswith(argument)


def _suffix(argument: Any) -> Test:
    folded = _folding("suffix", argument)
    if folded is not None:
        return lambda value: isinstance(value, str) and value.casefold().endswith(folded)
    _text("suffix", argument)
    return lambda value: isinstance(value, str) and value.endswith(argument)


def _folding(name: str, argument: Any) -> str | None:
    if not isinstance(argument, dict):
        return None
    if set(argument) != {"equals-ignore-case"} or not isinstance(argument["equals-ignore-case"], str):
        raise PatternProblem(f"{name} match pattern must be a string")
    return argument["equals-ignore-case"].casefold()


def _text(name: str, argument: Any) -> str:
    if not isinstance(argument, str):
        raise PatternProblem(f"{name} match pattern must be a string")
    return argument


def _ignoring_case(argument: Any) -> Test:
    folded = _text("equals-ignore-case", argument).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any) -> Test:
    text = _text("wildcard", argument)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 1
            if at == len(text) or text[at] not in "*\\":
                raise PatternProblem(f"Invalid escape character at pos {at - 1}")
            pieces.append(re.escape(text[at]))
        elif letter == "*":
            if text[at + 1 : at + 2] == "*":
                raise PatternProblem(f"Consecutive wildcard characters at pos {at}")
            pieces.append(".*")
        else:
            pieces.append(re.escape(letter))
        at += 1
    found = re.compile("".join(pieces), re.DOTALL).fullmatch
    return lambda value: isinstance(value, str) and found(value) is not None


def _anything_but(argument: Any) -> Test:
    if isinstance(argument, dict):
        if len(argument) != 1:
            raise PatternProblem("Only one key allowed in match expression")
        [(name, nested)] = argument.items()
        if name not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            raise PatternProblem(f"Unsupported anything-but pattern: {name}")
        values = nested if isinstance(nested, list) else [nested]
        if not values:
            raise PatternProblem("Empty arrays are not allowed")
        tests = [_OPERATORS[name](value) for value in values]
        return lambda value: not any(test(value) for test in tests)
    values = argument if isinstance(argument, list) else [argument]
    if not values:
        raise PatternProblem("Empty arrays are not allowed")
    if not all(isinstance(v, str) for v in values) and not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise PatternProblem("Inside anything but list, either all values are number or string, mixed type is not supported")
    if isinstance(values[0], str):
        words = frozenset(values)
        return lambda value: not (isinstance(value, str) and value in words)
    return lambda value: not (_is_number(value) and value in values)


def _numeric(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise PatternProblem("Value of numeric must be an array.")
    if len(argument) not in (2, 4):
        raise PatternProblem("Invalid member in numeric match: " + ("missing value" if argument else "empty"))
    bounds: list[tuple[Callable[[float, float], bool], float]] = []
    for at in range(0, len(argument), 2):
        operator, number = argument[at], argument[at + 1]
        if not isinstance(operator, str) or operator not in _COMPARE:
            raise PatternProblem(f"Unrecognized numeric range operator: {operator}")
        if not _is_number(number):
            raise PatternProblem("Value of " + operator + " must be numeric")
        if abs(number) > _LARGEST:
            raise PatternProblem(f"Value must be between -{_LARGEST} and {_LARGEST}, inclusive")
        bounds.append((_COMPARE[operator], number))
    if len(argument) == 4:
        low, high = argument[0], argument[2]
        if low not in (">", ">=") or high not in ("<", "<="):
            raise PatternProblem(f"Bad numeric range operator: {low if low not in ('>', '>=') else high}")
        if argument[1] >= argument[3]:
            raise PatternProblem("Bottom must be less than top")
    return lambda value: _is_number(value) and all(test(value, number) for test, number in bounds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _exists(argument: Any) -> Test:
    if not isinstance(argument, bool):
        raise PatternProblem("exists match pattern must be either true or false.")
    return lambda value: argument


def _cidr(argument: Any) -> Test:
    try:
        network = ipaddress.ip_network(_text("cidr", argument), strict=False)
    except ValueError:
        raise PatternProblem(f"Malformed CIDR, one '/' required, or invalid address: {argument}") from None

    def within(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return within


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
}
