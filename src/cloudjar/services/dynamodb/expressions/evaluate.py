"""Whether an item satisfies a bound condition."""

from __future__ import annotations

from typing import Any

from cloudjar.services.dynamodb.expressions.tree import And, Between, Call, Compare, Constant, In, Not, Or, Path
from cloudjar.services.dynamodb.values import Item, Value, begins_with, contains, equal, kind, order

_SIGNS: dict[str, tuple[int, ...]] = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


def look(path: Path, item: Item) -> Value | None:
    """What stands at a path; None if nothing does."""
    steps = path.steps
    holder: dict[Any, Any] = item
    found: Any = holder.get(steps[0])
    for step in steps[1:]:
        if found is None:
            return None
        if type(step) is int:
            held = found.get("L")
            found = held[step] if held is not None and step < len(held) else None
        else:
            held = found.get("M")
            found = held.get(step) if held is not None else None
    return found


def value_of(node: Any, item: Item) -> Value | None:
    """An operand's value; None where the item has none."""
    kind_ = type(node)
    if kind_ is Path:
        return look(node, item)
    if kind_ is Constant:
        return node.value
    held = value_of(node.arguments[0], item)
    return None if held is None else _size(held)


def _size(value: Value) -> Value | None:
    ((type_, held),) = value.items()
    if type_ in ("N", "BOOL", "NULL"):
        return None
    return {"N": str(len(held))}


def matches(node: Any, item: Item) -> bool:
    """Whether the condition holds for an item; {} where there is none."""
    kind_ = type(node)
    if kind_ is Compare:
        return compare(node.operator, value_of(node.left, item), value_of(node.right, item))
    if kind_ is And:
        return all(matches(term, item) for term in node.terms)
    if kind_ is Or:
        return any(matches(term, item) for term in node.terms)
    if kind_ is Not:
        return not matches(node.term, item)
    if kind_ is Call:
        return _call(node, item)
    operand = value_of(node.operand, item)
    if operand is None:
        return False
    if kind_ is Between:
        return compare(">=", operand, value_of(node.low, item)) and compare("<=", operand, value_of(node.high, item))
    assert kind_ is In
    return any(compare("=", operand, value_of(choice, item)) for choice in node.choices)


def compare(operator: str, left: Value | None, right: Value | None) -> bool:
    """left operator right. What is not there differs from everything, and is neither less nor greater."""
    if left is None or right is None:
        return operator == "<>" and left is not right
    if operator == "=":
        return equal(left, right)
    if operator == "<>":
        return not equal(left, right)
    return order(left, right) in _SIGNS[operator]


def _call(node: Call, item: Item) -> bool:
    name = node.function
    first = value_of(node.arguments[0], item)
    if name == "attribute_exists":
        return first is not None
    if name == "attribute_not_exists":
        return first is None
    second = value_of(node.arguments[1], item)
    if first is None or second is None:
        return False
    if name == "attribute_type":
        return bool(kind(first) == second["S"])
    return begins_with(first, second) if name == "begins_with" else contains(first, second)
