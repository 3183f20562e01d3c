"""Attribute values: what is one, what it weighs, how two compare. A value is the wire's own dict: {"S": "text"}."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cloudjar.kernel.errors import AwsError
from cloudjar.services.dynamodb import errors, numbers

Value = dict[str, Any]
Item = dict[str, Value]

DEEPEST = 31
"""Lists and maps in each other: AWS counts the value in the innermost as the 32nd level."""

LARGEST_ITEM = 400 * 1024

TYPE_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "M": "MAP",
    "L": "LIST",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
}
SETS = frozenset(("SS", "NS", "BS"))
_SCALARS_OF = {"SS": "S", "NS": "N", "BS": "B"}


def kind(value: Value) -> str:
    """A value's type, "S" ... "BOOL"."""
    return next(iter(value))


def only(value: Value) -> Any:
    """What a value holds."""
    return next(iter(value.values()))


def text_size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def settle(value: Value, depth: int = 0) -> int:
    """Checks a value and brings its numbers into their normal form, in place; gives its size in bytes. Raises ValidationException."""
    if len(value) != 1:
        raise errors.empty_value() if not value else errors.several_types()
    ((type_, held),) = value.items()
    if type_ == "S":
        return text_size(held)
    if type_ == "N":
        value["N"] = number = numbers.normalise(held)
        return numbers.size(number)
    if type_ == "BOOL":
        return 1
    if type_ == "NULL":
        if held is not True:
            raise errors.null_not_true()
        return 1
    if type_ == "B":
        return len(held)
    if type_ in ("M", "L"):
        if depth >= DEEPEST:
            raise errors.too_deep()
        size = 3 + len(held)
        if type_ == "M":
            for name, inner in held.items():
                size += text_size(name) + settle(inner, depth + 1)
        else:
            for inner in held:
                if inner is None:
                    raise errors.empty_value()
                size += settle(inner, depth + 1)
        return size
    return _settle_set(value, type_, held)


def _settle_set(value: Value, type_: str, held: list[Any]) -> int:
    if not held:
        raise errors.empty_set(type_)
    if None in held:
        raise errors.empty_value()
    if type_ == "NS":
        value["NS"] = held = [numbers.normalise(number) for number in held]
        if len(set(held)) != len(held):
            raise errors.duplicate_numbers()
        return sum(map(numbers.size, held))
    if len(set(held)) != len(held):
        raise errors.duplicate_members(held if type_ == "SS" else [shown({"B": member}) for member in held])
    if type_ == "SS":
        return sum(map(text_size, held))
    return sum(map(len, held))


def settle_item(item: Item) -> int:
    """Checks all attributes of an item, in place; gives the item's size in bytes. Raises ValidationException."""
    size = 0
    for name, value in item.items():
        size += (len(name) if name.isascii() else text_size(name)) + settle(value)
    return size


def settle_named(values: Item, what: str) -> None:
    """Checks the values that a request names; the message says which is wrong."""
    for name, value in values.items():
        try:
            settle(value)
        except AwsError as problem:
            raise AwsError(problem.code, f"{what} contains invalid value: {problem.message} for key {name}") from None


def item_size(item: Item) -> int:
    """The size of an item that was checked before."""
    return sum(text_size(name) + _size(value) for name, value in item.items())


def _size(value: Value) -> int:
    ((type_, held),) = value.items()
    if type_ == "S":
        return text_size(held)
    if type_ == "N":
        return numbers.size(held)
    if type_ in ("BOOL", "NULL"):
        return 1
    if type_ == "M":
        return 3 + sum(1 + text_size(name) + _size(inner) for name, inner in held.items())
    if type_ == "L":
        return 3 + sum(1 + _size(inner) for inner in held)
    if type_ == "B":
        return len(held)
    return sum(map(numbers.size if type_ == "NS" else text_size if type_ == "SS" else len, held))


def depth(value: Value) -> int:
    """Levels of lists and maps in a value."""
    ((type_, held),) = value.items()
    if type_ == "M":
        return 1 + max(map(depth, held.values()), default=0)
    if type_ == "L":
        return 1 + max(map(depth, held), default=0)
    return 0


def equal(left: Value, right: Value) -> bool:
    """Whether two values are the same; sets have no order."""
    if left == right:
        return True
    type_ = kind(left)
    if type_ != kind(right) or type_ in ("S", "N", "B", "BOOL", "NULL"):
        return False
    one, other = left[type_], right[type_]
    if len(one) != len(other):
        return False
    if type_ in SETS:
        return set(one) == set(other)
    if type_ == "M":
        return all(name in other and equal(inner, other[name]) for name, inner in one.items())
    return all(map(equal, one, other))


def order(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 as left is less, equal or greater; None where the two have no order."""
    type_ = kind(left)
    if type_ != kind(right) or type_ not in ("S", "N", "B"):
        return None
    one, other = left[type_], right[type_]
    if type_ == "N":
        one, other = Decimal(one), Decimal(other)
    elif type_ == "S" and not (one.isascii() and other.isascii()):
        one, other = one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    return (one > other) - (one < other)


def contains(container: Value, member: Value) -> bool:
    """Whether a text or binary holds a part, or a set or list a member."""
    ((type_, held),) = container.items()
    wanted = kind(member)
    if type_ in ("S", "B"):
        return wanted == type_ and member[wanted] in held
    if type_ in SETS:
        return wanted == _SCALARS_OF[type_] and member[wanted] in held
    return type_ == "L" and any(equal(inner, member) for inner in held)


def begins_with(value: Value, prefix: Value) -> bool:
    """Whether a text or binary begins with a prefix of its type."""
    type_ = kind(value)
    return type_ in ("S", "B") and kind(prefix) == type_ and bool(value[type_].startswith(prefix[type_]))


def shown(value: Value) -> str:
    """A value in a message, as DynamoDB prints it: "{S:text}"."""
    ((type_, held),) = value.items()
    if type_ == "B":
        return f"{{B:java.nio.HeapByteBuffer[pos=0 lim={len(held)} cap={len(held)}]}}"
    if type_ == "BOOL":
        return f"{{BOOL:{'true' if held else 'false'}}}"
    return f"{{{type_}:{held}}}"
