"""The expressions of one request: parsed, bound and checked together, so that what is unused is noticed."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from cloudjar.services.dynamodb import errors, values
from cloudjar.services.dynamodb.expressions import parser
from cloudjar.services.dynamodb.expressions.binding import Placeholders
from cloudjar.services.dynamodb.expressions.parser import Wrong
from cloudjar.services.dynamodb.expressions.tree import Path, Update

T = TypeVar("T")

EXPRESSIONS = ("ProjectionExpression", "FilterExpression", "UpdateExpression", "ConditionExpression", "KeyConditionExpression")
LEGACY = (
    "AttributesToGet",
    "AttributeUpdates",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
    "ConditionalOperator",
)
_NAME = re.compile(r"#[A-Za-z0-9_]+", re.ASCII)
_VALUE = re.compile(r":[A-Za-z0-9_]+", re.ASCII)


class Expressions:
    """Reads a request's expressions; `finish` complains about names and values that none of them used."""

    __slots__ = ("_placeholders", "_req")

    def __init__(self, req: dict[str, Any], taking: tuple[str, ...]) -> None:
        """`taking` names the expressions that the operation knows. Raises ValidationException."""
        self._req = req
        given = [name for name in EXPRESSIONS if name in req]
        plain = [name for name in LEGACY if name in req]
        if plain and given:
            raise errors.mixed_parameters(plain, given)
        names, held = req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues")
        if names is not None:
            if not given:
                raise errors.names_without_expression()
            _check_keys(names, "ExpressionAttributeNames", _NAME)
        if held is not None:
            with_values = [name for name in taking if name != "ProjectionExpression"]
            if not any(name in req for name in with_values):
                raise errors.values_without_expression(with_values)
            _check_keys(held, "ExpressionAttributeValues", _VALUE)
            values.settle_named(held, "ExpressionAttributeValues")
        self._placeholders = Placeholders(names or {}, held or {})

    def condition(self, member: str) -> Any:
        """A bound condition; None where the request has none. Raises ValidationException."""
        text = self._req.get(member)
        if text is None:
            return None
        try:
            return self._placeholders.bind(parser.condition(text))
        except Wrong as problem:
            raise errors.invalid_expression(member, problem) from None

    def update(self) -> Update | None:
        """The bound update; None where the request has none. Raises ValidationException."""
        text = self._req.get("UpdateExpression")
        if text is None:
            return None
        try:
            return self._placeholders.bind_update(parser.update(text))
        except Wrong as problem:
            raise errors.invalid_expression("UpdateExpression", problem) from None

    def projection(self) -> tuple[Path, ...] | None:
        """The bound paths; None where the request wants all. Raises ValidationException."""
        text = self._req.get("ProjectionExpression")
        if text is None:
            return None
        try:
            return self._placeholders.bind_paths(parser.projection(text))
        except Wrong as problem:
            raise errors.invalid_expression("ProjectionExpression", problem) from None

    def finish(self) -> None:
        """Every name and value must have been used. Raises ValidationException."""
        found = self._placeholders
        if len(found.used_names) != len(found.names):
            raise errors.unused("ExpressionAttributeNames", [name for name in found.names if name not in found.used_names])
        if len(found.used_values) != len(found.values):
            raise errors.unused("ExpressionAttributeValues", [name for name in found.values if name not in found.used_values])


def _check_keys(given: dict[str, Any], member: str, pattern: re.Pattern[str]) -> None:
    if not given:
        raise errors.empty_map(member)
    for key in given:
        if not pattern.fullmatch(key):
            raise errors.bad_placeholder(member, key)
