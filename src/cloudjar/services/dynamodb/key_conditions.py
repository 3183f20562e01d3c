"""Key conditions: which range of a table or index a Query walks."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import keys
from cloudjar.services.dynamodb import errors, legacy, storage
from cloudjar.services.dynamodb.expressions.tree import And, Between, Call, Compare, Constant, In, Not, Or, Path
from cloudjar.services.dynamodb.schema import EMPTY_NAMES, Index, Table
from cloudjar.services.dynamodb.values import Value

Conditions = dict[str, tuple[str, list[Value]]]
"""By attribute: "=", "<", "<=", ">", ">=", "BETWEEN" or "begins_with", and what with."""

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WHAT = "KeyConditionExpression"


def from_expression(node: Any) -> Conditions:
    """The conditions in a bound KeyConditionExpression. Raises ValidationException."""
    found: Conditions = {}
    _collect(node, found)
    return found


def _collect(node: Any, found: Conditions) -> None:
    if isinstance(node, And):
        for term in node.terms:
            _collect(term, found)
        return
    if isinstance(node, Or | Not | In):
        raise errors.invalid_expression(_WHAT, f"Invalid operator used in KeyConditionExpression: {type(node).__name__.upper()}")
    if isinstance(node, Compare):
        if node.operator == "<>":
            raise errors.invalid_expression(_WHAT, "Invalid operator used in KeyConditionExpression: <>")
        _add(found, node.operator, [node.left, node.right])
    elif isinstance(node, Between):
        _add(found, "BETWEEN", [node.operand, node.low, node.high])
    elif isinstance(node, Call):
        if node.function != "begins_with":
            raise errors.invalid_expression(_WHAT, f"Invalid operator used in KeyConditionExpression: {node.function}")
        _add(found, "begins_with", list(node.arguments))


def _add(found: Conditions, operator: str, operands: list[Any]) -> None:
    if any(isinstance(operand, Call) for operand in operands):
        raise errors.invalid_expression(_WHAT, "KeyConditionExpressions cannot contain nested operations")
    paths = [operand for operand in operands if isinstance(operand, Path)]
    if not paths:
        raise errors.invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
    if len(paths) > 1:
        raise errors.invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
    if len(paths[0].steps) > 1:
        raise errors.invalid("Key condition expressions cannot have conditions on nested attributes")
    if not isinstance(operands[0], Path):
        if operator not in _MIRRORED:
            raise errors.invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
        operator = _MIRRORED[operator]
    name = str(paths[0].steps[0])
    if name in found:
        raise errors.invalid("KeyConditionExpressions must only contain one condition per key")
    found[name] = operator, [operand.value for operand in operands if isinstance(operand, Constant)]


def from_legacy(given: dict[str, Any]) -> Conditions:
    """The conditions in KeyConditions. Raises ValidationException."""
    found: Conditions = {}
    for name, wanted in given.items():
        operator, arguments = wanted["ComparisonOperator"], wanted.get("AttributeValueList") or []
        legacy.check_arguments(operator, arguments)
        ours = "begins_with" if operator == "BEGINS_WITH" else legacy.COMPARISONS.get(operator, operator)
        if ours not in (*_MIRRORED, "BETWEEN", "begins_with"):
            raise errors.invalid("Attempted conditional constraint is not an indexable operation")
        found[name] = ours, arguments
    return found


def bounds(table: Table, index: Index | None, conditions: Conditions) -> tuple[bytes, bytes]:
    """The keys [start, stop) that satisfy the conditions. Raises ValidationException where they do not fit the key schema."""
    hashes = index.hashes if index else [table.hash]
    ranges = index.ranges if index else [table.range] if table.range else []
    if len(conditions) > len(hashes) + len(ranges):
        raise errors.invalid("Conditions can be of length 1 or 2 only") if len(hashes) == 1 else errors.unsupported_key_condition()
    for name in hashes:
        if name not in conditions:
            raise errors.missed_key(name)
        if conditions[name][0] != "=":
            raise errors.unsupported_key_condition()
    for name in conditions:
        if name not in hashes and name not in ranges:
            raise errors.missed_key(ranges[0]) if ranges else errors.unsupported_key_condition()
    for name, (_, given) in conditions.items():
        for value in given:
            _check(table, name, value)
    base = storage.partition_key([conditions[name][1][0] for name in hashes])
    left = [name for name in ranges if name in conditions]
    for position, name in enumerate(left):
        if ranges[position] != name:
            raise errors.missed_key(ranges[position])
        operator, given = conditions[name]
        if operator != "=":
            if position + 1 < len(left):
                raise errors.unsupported_key_condition()
            return _range(base, operator, given)
        base += keys.encode((storage.part(given[0]),))
    return base, base + b"\xff"


def _check(table: Table, name: str, value: Value) -> None:
    expected = table.types[name]
    if expected not in value:
        raise errors.invalid_parameters("Condition parameter type does not match schema type")
    if expected != "N" and not value[expected]:
        raise errors.empty_key(name, EMPTY_NAMES[expected])


def _range(base: bytes, operator: str, given: list[Value]) -> tuple[bytes, bytes]:
    # After the bytes of a part comes a part's tag, or the end: never 0xFF, which thus bounds all that starts with the part.
    coded = [base + keys.encode((storage.part(value),)) for value in given]
    low, high = coded[0], coded[-1] + b"\xff"
    if operator == "<":
        return base, low
    if operator == "<=":
        return base, high
    if operator == ">":
        return high, base + b"\xff"
    if operator == ">=":
        return low, base + b"\xff"
    if operator == "BETWEEN":
        return low, high
    if "N" in given[0]:
        raise errors.invalid_expression(
            _WHAT, "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"
        )
    prefix = low[:-1]
    return prefix, keys.after_prefix(prefix)
