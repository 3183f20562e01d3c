"""The conditions and updates from before there were expressions, as the same trees."""

from __future__ import annotations

from typing import Any

from cloudjar.services.dynamodb import errors, values
from cloudjar.services.dynamodb.expressions.tree import And, Between, Call, Compare, Constant, In, Not, Or, Path, Update

COMPARISONS = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_ORDERED = frozenset(("LT", "LE", "GT", "GE", "BETWEEN"))
_ARGUMENTS = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2}


def paths(names: list[str] | None) -> tuple[Path, ...] | None:
    """AttributesToGet as paths."""
    if names is None:
        return None
    if len(set(names)) != len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise errors.invalid_parameters(f"Duplicate value in attribute name: {doubled}")
    return tuple([Path((name,)) for name in names])


def combined(terms: list[Any], req: dict[str, Any]) -> Any:
    """The terms under the request's ConditionalOperator; None where there are none."""
    operator = req.get("ConditionalOperator")
    if operator is not None and len(terms) < 2:
        raise errors.unneeded_operator() if terms else errors.operator_alone()
    if len(terms) < 2:
        return terms[0] if terms else None
    return Or(tuple(terms)) if operator == "OR" else And(tuple(terms))


def expected(req: dict[str, Any]) -> Any:
    """Expected as a condition; None where the request has none."""
    return combined([_expectation(name, wanted) for name, wanted in (req.get("Expected") or {}).items()], req)


def _expectation(name: str, wanted: dict[str, Any]) -> Any:
    operator, exists, value = wanted.get("ComparisonOperator"), wanted.get("Exists"), wanted.get("Value")
    arguments = wanted.get("AttributeValueList")
    if operator is not None:
        if exists is not None:
            raise errors.invalid_parameters(f"Exists and ComparisonOperator cannot be used together for Attribute: {name}")
        if value is not None and arguments is not None:
            raise errors.invalid_parameters(f"Value and AttributeValueList cannot be used together for Attribute: {name}")
        return comparison(name, operator, [value] if value is not None else arguments or [])
    if arguments is not None:
        raise errors.invalid_parameters(f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}")
    if exists is False:
        if value is not None:
            raise errors.invalid_parameters(f"Value cannot be used when Exists is false for Attribute: {name}")
        return Call("attribute_not_exists", (Path((name,)),))
    if value is None:
        raise errors.invalid_parameters(
            f"Value must be provided when Exists is {'null' if exists is None else 'true'} for Attribute: {name}"
        )
    values.settle(value)
    return Compare("=", Path((name,)), Constant(value))


def conditions(req: dict[str, Any], member: str) -> Any:
    """QueryFilter or ScanFilter as a condition; None where the request has none."""
    given = req.get(member) or {}
    terms = [comparison(name, wanted["ComparisonOperator"], wanted.get("AttributeValueList") or []) for name, wanted in given.items()]
    return combined(terms, req)


def check_arguments(operator: str, arguments: list[Any]) -> None:
    """How many values an operator takes, and of which types."""
    count = _ARGUMENTS.get(operator, 1)
    if (len(arguments) < 1) if operator == "IN" else (len(arguments) != count):
        raise errors.invalid_parameters(f"Invalid number of argument(s) for the {operator} ComparisonOperator")
    for value in arguments:
        if value is None:
            raise errors.empty_value()
        values.settle(value)
        type_ = values.kind(value)
        wrong = (
            (operator in _ORDERED and type_ not in ("S", "N", "B"))
            or (operator == "BEGINS_WITH" and type_ not in ("S", "B"))
            or (operator in ("CONTAINS", "NOT_CONTAINS", "IN") and type_ not in ("S", "N", "B", "BOOL", "NULL"))
        )
        if wrong:
            raise errors.invalid_parameters(f"ComparisonOperator {operator} is not valid for {type_} AttributeValue type")
    if operator == "BETWEEN":
        ordered = values.order(*arguments)
        if ordered is None:
            raise errors.invalid_parameters("AttributeValues inside AttributeValueList must be of same type")
        if ordered > 0:
            raise errors.invalid("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")


def comparison(name: str, operator: str, arguments: list[Any]) -> Any:
    """One legacy condition as a tree."""
    check_arguments(operator, arguments)
    path = Path((name,))
    held = [Constant(value) for value in arguments]
    if operator in COMPARISONS:
        return Compare(COMPARISONS[operator], path, held[0])
    if operator == "BETWEEN":
        return Between(path, held[0], held[1])
    if operator == "IN":
        return In(path, tuple(held))
    if operator == "BEGINS_WITH":
        return Call("begins_with", (path, held[0]))
    if operator == "NULL":
        return Call("attribute_not_exists", (path,))
    if operator == "NOT_NULL":
        return Call("attribute_exists", (path,))
    contains = Call("contains", (path, held[0]))
    return contains if operator == "CONTAINS" else And((Call("attribute_exists", (path,)), Not(contains)))


def attribute_updates(req: dict[str, Any]) -> Update | None:
    """AttributeUpdates as an update; None where the request has none."""
    given = req.get("AttributeUpdates")
    if given is None:
        return None
    sets, removes, adds, deletes = [], [], [], []
    for name, wanted in given.items():
        action, value = wanted.get("Action") or "PUT", wanted.get("Value")
        path = Path((name,))
        if value is None:
            if action != "DELETE":
                raise errors.invalid_parameters(f"Only DELETE action is allowed when no attribute value is specified for attribute {name}")
            removes.append(path)
            continue
        values.settle(value)
        type_ = values.kind(value)
        if action == "PUT":
            sets.append((path, Constant(value)))
        elif action == "ADD":
            if type_ != "N" and type_ not in values.SETS:
                raise errors.invalid_parameters(f"ADD action is not supported for the type {values.TYPE_NAMES[type_]}")
            adds.append((path, Constant(value)))
        else:
            if type_ not in values.SETS:
                raise errors.invalid_parameters(f"DELETE action with value is not supported for the type {values.TYPE_NAMES[type_]}")
            deletes.append((path, Constant(value)))
    return Update(tuple(sets), tuple(removes), tuple(adds), tuple(deletes))
