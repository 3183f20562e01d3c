"""Conditions, compiled: each a function from the request's context to true or false.

Source: "Condition operators", "Multivalued context keys", "Conditions with multiple context keys or values".
"""

from __future__ import annotations

import operator as comparisons
from collections.abc import Callable, Sequence
from typing import Any

from cloudjar.identity.policy import operators
from cloudjar.identity.policy.glob import Context, Glob, Token, Variable, resolve, tokens
from cloudjar.identity.policy.grammar import Condition
from cloudjar.identity.policy.operators import Operator

Test = Callable[[Context], bool]
Match = Callable[[str, Context], bool]
"""Whether one value of the request matches any value of the policy."""

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": comparisons.eq,
    "lt": comparisons.lt,
    "le": comparisons.le,
    "gt": comparisons.gt,
    "ge": comparisons.ge,
}


def compile_condition(condition: Condition, *, variables: bool) -> Test:
    """The condition as a function of the context."""
    parsed = operators.parse_operator(condition.operator)
    key = condition.key.lower()
    if parsed.family == "null":
        return _null(key, frozenset(value.lower() for value in condition.values))
    return _quantified(parsed, key, _matcher(parsed, condition.values, variables))


def _null(key: str, wanted: frozenset[str]) -> Test:
    def test(context: Context) -> bool:
        found = context.get(key)
        return ("true" if found is None or found == () else "false") in wanted

    return test


def _quantified(parsed: Operator, key: str, match: Match) -> Test:
    negated = parsed.negated
    # A key that the request lacks: nothing equals it, and every "not" holds, unless the quantifier says otherwise.
    absent = parsed.if_exists or (parsed.quantifier == "ForAllValues") or (negated and parsed.quantifier == "")
    every = parsed.quantifier == "ForAllValues" or (negated and parsed.quantifier == "")

    def test(context: Context) -> bool:
        found = context.get(key)
        if found is None or found == ():
            return absent
        if isinstance(found, str):
            return match(found, context) is not negated
        if every:
            return all(match(value, context) is not negated for value in found)
        return any(match(value, context) is not negated for value in found)

    return test


def _matcher(parsed: Operator, values: Sequence[str], variables: bool) -> Match:
    match parsed.family:
        case "string":
            return _strings(parsed.comparison, values, variables)
        case "arn":
            return _arns(values, variables)
        case "numeric":
            return _ordered(parsed.comparison, [operators.number(value) for value in values], operators.number)
        case "date":
            return _ordered(parsed.comparison, [operators.moment(value) for value in values], operators.moment)
        case "bool":
            wanted = frozenset(value.lower() for value in values)
            return lambda value, _: value.lower() in wanted
        case "binary":
            known = frozenset(operators.octets(value) for value in values)
            return lambda value, _: operators.octets(value) in known
    return _networks([found for value in values if (found := operators.network(value))])


def _ordered(comparison: str, wanted: Sequence[float | None], read: Callable[[str], float | None]) -> Match:
    compare = _COMPARE[comparison]
    known = [value for value in wanted if value is not None]

    def match(value: str, _: Context) -> bool:
        found = read(value)
        return found is not None and any(compare(found, limit) for limit in known)

    return match


def _networks(blocks: Sequence[tuple[int, int, int]]) -> Match:
    def match(value: str, _: Context) -> bool:
        found = operators.address(value)
        if found is None:
            return False
        version, number = found
        return any(version == block[0] and number & block[2] == block[1] for block in blocks)

    return match


def _strings(comparison: str, values: Sequence[str], variables: bool) -> Match:
    fold = comparison == "ignorecase"
    parsed = [tokens(value, variables=variables, wildcards=comparison == "like") for value in values]
    dynamic = [parts for parts in parsed if _varies(parts)]
    globs = [Glob(parts) for parts in parsed if not _varies(parts)]
    exact = frozenset([(text.casefold() if fold else text) for glob in globs if (text := glob.exact) is not None])
    loose = [glob for glob in globs if glob.exact is None]

    def match(value: str, context: Context) -> bool:
        if (value.casefold() if fold else value) in exact:
            return True
        for glob in loose:
            if glob.match(value):
                return True
        for parts in dynamic:
            known = resolve(parts, context)
            if known is None:
                continue
            if not fold:
                if Glob(known).match(value):
                    return True
            elif "".join([str(part) for part in known]).casefold() == value.casefold():
                return True
        return False

    return match


def _varies(parts: Sequence[Token]) -> bool:
    return any(isinstance(part, Variable) for part in parts)


class ArnPattern:
    """An ARN with wildcards, compared part by part: a star does not reach over a colon, but in the last part.

    Missing parts at the end are stars ("arn:aws:sqs" is "arn:aws:sqs:*:*:*:*").
    """

    __slots__ = ("_parts", "_whole", "everything", "exact")

    def __init__(self, pattern: str, *, variables: bool) -> None:
        self.everything = pattern == "*"
        # A variable that stands for a whole ARN is compared with the whole.
        self._whole = tokens(pattern, variables=True) if variables and pattern.startswith("${") else None
        parts: list[Glob | list[Token]] = []
        texts = split_arn(pattern) if variables else pattern.split(":", 5)
        for text in texts + ["*"] * (6 - len(texts)):
            found = tokens(text, variables=variables)
            parts.append(found if _varies(found) else Glob(found))
        self._parts = parts
        exact = [part.exact if isinstance(part, Glob) else None for part in parts]
        self.exact = ":".join([text for text in exact if text is not None]) if None not in exact else None

    def match(self, arn: str, parts: Sequence[str], context: Context) -> bool:
        """Whether the ARN, also given in its six parts, matches. What is no ARN matches only "*"."""
        if self.everything:
            return True
        if self.exact is not None:
            return arn == self.exact
        if len(parts) != 6:
            return False
        if self._whole is not None:
            known = resolve(self._whole, context)
            return known is not None and Glob(known).match(arn)
        # The last part first: it tells most apart.
        for index in (5, 2, 4, 3, 0, 1):
            wanted = self._parts[index]
            if isinstance(wanted, list):
                known = resolve(wanted, context)
                if known is None:
                    return False
                wanted = Glob(known)
            if not wanted.match(parts[index]):
                return False
        return True


def split_arn(pattern: str) -> list[str]:
    """The parts of an ARN pattern; a colon inside `${...}` does not part."""
    found: list[str] = []
    depth = start = 0
    for position, character in enumerate(pattern):
        if character == "{" and position and pattern[position - 1] == "$":
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        elif character == ":" and not depth and len(found) < 5:
            found.append(pattern[start:position])
            start = position + 1
    return [*found, pattern[start:]]


def _arns(values: Sequence[str], variables: bool) -> Match:
    patterns = [ArnPattern(value, variables=variables) for value in values]

    def match(value: str, context: Context) -> bool:
        parts = value.split(":", 5)
        return len(parts) == 6 and any(pattern.match(value, parts, context) for pattern in patterns)

    return match
