"""Subscription filter policies: read once, then asked of each message. Pure.

Source: "Amazon SNS subscription filter policies" and "Filter policy constraints", SNS Developer Guide.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cloudjar.services.sns import errors

ATTRIBUTES, BODY = "MessageAttributes", "MessageBody"
MOST_NAMES = 5
MOST_COMBINATIONS = 150
_COMPARE = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

Values = Mapping[str, Any]
"""What a message has by name: an attribute's values as a list, or what a JSON body holds."""
Matcher = Callable[[Values], bool]
Test = Callable[[Any], bool]


def matches(policy: str, scope: str, attributes: Mapping[str, Mapping[str, Any]], message: str) -> bool:
    """Whether a message passes a filter policy that is in order; no policy lets everything through."""
    if not policy:
        return True
    values = attribute_values(attributes) if scope != BODY else body_values(message)
    return values is not None and read(policy, scope)(values)


def read(text: str, scope: str) -> Matcher:
    """The policy as a function. Raises InvalidParameter for one that is not in order."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.invalid("FilterPolicy: failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise errors.invalid("FilterPolicy: failed to parse JSON. Filter policy must be a JSON object")
    rules = _Reader(scope)
    matcher = rules.object(policy, "")
    if len(rules.names) > MOST_NAMES:
        raise errors.invalid("FilterPolicy: Filter policy can not have more than 5 keys")
    if rules.combinations > MOST_COMBINATIONS:
        raise errors.invalid("FilterPolicy: Filter policy is too complex")
    return matcher


class _Reader:
    """Reads one policy, and counts how large it is."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.names: set[str] = set()
        self.combinations = 1

    def object(self, policy: Mapping[str, Any], prefix: str, depth: int = 1) -> Matcher:
        parts: list[Matcher] = []
        for name, rule in policy.items():
            if name == "$or" and isinstance(rule, list) and len(rule) > 1 and all(isinstance(each, dict) and each for each in rule):
                self.combinations *= len(rule)
                parts.append(_any([self.object(each, prefix, depth) for each in rule]))
            elif isinstance(rule, dict):
                if self.scope != BODY:
                    raise errors.invalid("FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy")
                if not rule:
                    raise errors.invalid("FilterPolicy: Empty objects are not allowed")
                parts.append(_within(name, self.object(rule, f"{prefix}{name}.", depth + 1)))
            else:
                parts.append(self.rule(prefix + name, name, rule, depth))
        return _all(parts)

    def rule(self, path: str, name: str, rule: Any, depth: int) -> Matcher:
        if not isinstance(rule, list):
            raise errors.invalid(f'FilterPolicy: "{name}" must be an object or an array')
        if not rule:
            raise errors.invalid("FilterPolicy: Empty arrays are not allowed")
        self.names.add(path)
        # A nested key's values count once for each level that they are down.
        self.combinations *= len(rule) * depth
        tests: list[Test] = []
        presence: list[bool] = []
        for each in rule:
            if isinstance(each, dict) and "exists" in each:
                if len(each) != 1 or not isinstance(each["exists"], bool):
                    raise errors.invalid("FilterPolicy: exists match pattern must be either true or false.")
                presence.append(each["exists"])
            else:
                tests.append(_test(each))

        of_body = self.scope == BODY

        def matches_rule(values: Values) -> bool:
            found = _leaves(values.get(name, _ABSENT)) or None if of_body else values.get(name)
            if found is None:
                return False in presence
            return True in presence or any(test(value) for test in tests for value in found)

        return matches_rule


def _test(rule: Any) -> Test:
    if isinstance(rule, dict):
        if len(rule) != 1:
            raise errors.invalid("FilterPolicy: Only one key allowed in match expression")
        ((kind, argument),) = rule.items()
        maker = _OPERATORS.get(kind)
        if maker is None:
            raise errors.invalid(f"FilterPolicy: Unrecognized match type {kind}")
        return maker(argument)
    if isinstance(rule, list):
        raise errors.invalid("FilterPolicy: Match value must be String, number, true, false, or null")
    return _equal(rule)


def _equal(wanted: Any) -> Test:
    if isinstance(wanted, bool) or wanted is None:
        return lambda value: value is wanted
    if isinstance(wanted, int | float):
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == wanted
    return lambda value: isinstance(value, str) and value == wanted


def _text(argument: Any, kind: str) -> str:
    if not isinstance(argument, str) or not argument:
        raise errors.invalid(f"FilterPolicy: {kind} match pattern must be a string")
    return argument


def _prefix(argument: Any) -> Test:
    wanted = _text(argument, "prefix")
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _suffix(argument: Any) -> Test:
    wanted = _text(argument, "suffix")
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _ignoring_case(argument: Any) -> Test:
    wanted = _text(argument, "equals-ignore-case").casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _wildcard(argument: Any) -> Test:
    wanted = _text(argument, "wildcard")
    if "**" in wanted:
        raise errors.invalid("FilterPolicy: Consecutive wildcard characters are not allowed")
    pattern = re.compile(fnmatch.translate(re.sub(r"([\[?])", r"[\1]", wanted))).match
    return lambda value: isinstance(value, str) and pattern(value) is not None


def _cidr(argument: Any) -> Test:
    try:
        network = ipaddress.ip_network(_text(argument, "cidr"), strict=False)
    except ValueError:
        raise errors.invalid("FilterPolicy: Malformed CIDR, one '/' required") from None

    def inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return inside


def _numeric(argument: Any) -> Test:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise errors.invalid("FilterPolicy: Value of numeric must be an array of one or two comparisons")
    tests: list[tuple[Callable[[Any, Any], bool], float]] = []
    for sign, bound in zip(argument[::2], argument[1::2], strict=True):
        if sign not in _COMPARE or isinstance(bound, bool) or not isinstance(bound, int | float) or not -1e9 <= bound <= 1e9:
            raise errors.invalid(f"FilterPolicy: Value of {sign} must be numeric, between -1000000000 and 1000000000")
        tests.append((_COMPARE[sign], bound))
    if len(tests) == 2 and (argument[0] not in (">", ">=") or argument[2] not in ("<", "<=") or argument[1] >= argument[3]):
        raise errors.invalid("FilterPolicy: Bottom must be less than top")

    def compares(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and all(test(value, bound) for test, bound in tests)

    return compares


def _anything_but(argument: Any) -> Test:
    if isinstance(argument, dict):
        if len(argument) != 1 or next(iter(argument)) not in ("prefix", "suffix", "wildcard", "equals-ignore-case"):
            raise errors.invalid("FilterPolicy: Unsupported anything-but pattern")
        ((kind, inner),) = argument.items()
        excluded = [_OPERATORS[kind](each) for each in (inner if isinstance(inner, list) else [inner])]
    else:
        listed = argument if isinstance(argument, list) else [argument]
        if not listed or any(isinstance(each, dict | list | bool) or each is None for each in listed):
            raise errors.invalid("FilterPolicy: Value of anything-but must be a string, a number, or an array of them")
        excluded = [_equal(each) for each in listed]
    return lambda value: not any(test(value) for test in excluded)


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": _numeric,
    "anything-but": _anything_but,
}


def _all(parts: list[Matcher]) -> Matcher:
    return lambda values: all(part(values) for part in parts)


def _any(parts: list[Matcher]) -> Matcher:
    return lambda values: any(part(values) for part in parts)


def _within(name: str, inner: Matcher) -> Matcher:
    """A nested object's rules: of an array of objects, one alone has to meet them all."""

    def matches(values: Values) -> bool:
        return any(inner(each) for each in _objects(values.get(name)) or [{}])

    return matches


# What a message has


def attribute_values(attributes: Mapping[str, Mapping[str, Any]]) -> Values:
    """The values of message attributes; binary ones are there, but match nothing."""
    return {name: _attribute_values(value) for name, value in attributes.items()}


def _attribute_values(value: Mapping[str, Any]) -> list[Any]:
    kind, text = value["DataType"], value.get("StringValue")
    if text is None:
        return []
    try:
        if kind.startswith("String.Array"):
            found = json.loads(text)
            return found if isinstance(found, list) else [found]
        if kind.startswith("Number"):
            return [json.loads(text)]
    except (ValueError, RecursionError):
        return []
    return [text]


def body_values(message: str) -> Values | None:
    """What a JSON message holds; None for a message that is no JSON object."""
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


_ABSENT = object()


def _flat(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _leaves(value: Any) -> list[Any]:
    """The values in a value, out of arrays of any depth; objects are none."""
    return [each for each in _flat(value) if each is not _ABSENT and not isinstance(each, dict)]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in _flat(value) if isinstance(each, dict)]
