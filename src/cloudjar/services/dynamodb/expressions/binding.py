"""Placeholders put in their places: a tree with #names and :values becomes one with names and values, and is checked."""

from __future__ import annotations

from typing import Any

from cloudjar.services.dynamodb import values
from cloudjar.services.dynamodb.expressions.parser import Wrong
from cloudjar.services.dynamodb.expressions.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Compare,
    Constant,
    In,
    Not,
    Or,
    Path,
    Placeholder,
    Update,
)

TYPES = ("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M")


class Placeholders:
    """ExpressionAttributeNames and ExpressionAttributeValues of a request, and which of them were used."""

    __slots__ = ("names", "used_names", "used_values", "values")

    def __init__(self, names: dict[str, str], values: dict[str, Any]) -> None:
        self.names = names
        self.values = values
        self.used_names: set[str] = set()
        self.used_values: set[str] = set()

    def path(self, path: Path) -> Path:
        """A path with its names."""
        for step in path.steps:
            if type(step) is str and step[0] == "#":
                return Path(tuple([self._step(step) for step in path.steps]))
        return path

    def _step(self, step: str | int) -> str | int:
        if type(step) is not str or step[0] != "#":
            return step
        name = self.names.get(step)
        if name is None:
            raise Wrong(f"An expression attribute name used in the document path is not defined; attribute name: {step}")
        self.used_names.add(step)
        return name

    def constant(self, placeholder: Placeholder) -> Constant:
        """The value that a placeholder stands for."""
        value = self.values.get(placeholder.name)
        if value is None:
            raise Wrong(f"An expression attribute value used in expression is not defined; attribute value: {placeholder.name}")
        self.used_values.add(placeholder.name)
        return Constant(value)

    def bind(self, node: Any) -> Any:
        """The tree with names and values, checked. Raises Wrong."""
        kind = type(node)
        if kind is Path:
            return self.path(node)
        if kind is Placeholder:
            return self.constant(node)
        if kind is Compare:
            return _checked_compare(Compare(node.operator, self.bind(node.left), self.bind(node.right)))
        if kind is And:
            return And(tuple([self.bind(term) for term in node.terms]))
        if kind is Or:
            return Or(tuple([self.bind(term) for term in node.terms]))
        if kind is Call:
            return _checked_call(Call(node.function, tuple([self.bind(argument) for argument in node.arguments])))
        if kind is Not:
            return Not(self.bind(node.term))
        if kind is Between:
            return _checked_between(Between(self.bind(node.operand), self.bind(node.low), self.bind(node.high)))
        if kind is In:
            return _checked_in(In(self.bind(node.operand), tuple([self.bind(choice) for choice in node.choices])))
        if kind is Arithmetic:
            return _checked_arithmetic(Arithmetic(node.operator, self.bind(node.left), self.bind(node.right)))
        return node

    def bind_update(self, update: Update) -> Update:
        """An update with names and values, checked. Raises Wrong."""
        bound = Update(
            tuple([(self.path(path), self.bind(value)) for path, value in update.sets]),
            tuple([self.path(path) for path in update.removes]),
            tuple([(self.path(path), _checked_change("ADD", self.bind(value))) for path, value in update.adds]),
            tuple([(self.path(path), _checked_change("DELETE", self.bind(value))) for path, value in update.deletes]),
        )
        check_paths(bound.paths())
        return bound

    def bind_paths(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """The paths of a projection. Raises Wrong."""
        bound = tuple([self.path(path) for path in paths])
        check_paths(list(bound))
        return bound


def check_paths(paths: list[Path]) -> None:
    """No path may be, hold, or contradict another. Raises Wrong."""
    if len(paths) == 1 or (all(len(path.steps) == 1 for path in paths) and len({path.steps for path in paths}) == len(paths)):
        return
    for number, one in enumerate(paths):
        for other in paths[:number]:
            for here, there in zip(other.steps, one.steps, strict=False):
                if type(here) is not type(there):
                    raise Wrong(_clash("conflict", other, one))
                if here != there:
                    break
            else:
                raise Wrong(_clash("overlap", other, one))


def _clash(verb: str, one: Path, other: Path) -> str:
    return f"Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {other}"


def _type_of(node: Any) -> str | None:
    """The type of an operand as far as it is known before there is an item."""
    if type(node) is Constant:
        return values.kind(node.value)
    if type(node) is Call and node.function == "size":
        return "N"
    return None


def _wrong_type(operator: str, type_: str) -> Wrong:
    return Wrong(f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {type_}")


def _checked_compare(node: Compare) -> Compare:
    if node.operator not in ("=", "<>"):
        for operand in (node.left, node.right):
            type_ = _type_of(operand)
            if type_ is not None and type_ not in ("S", "N", "B"):
                raise Wrong(f"Incorrect operand type for operator or function; operator: {node.operator}, operand type: {type_}")
    if type(node.left) is Path and node.left == node.right:
        raise Wrong(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {node.operator}, first operand: {node.left}"
        )
    return node


def _checked_in(node: In) -> In:
    if type(node.operand) is Path and node.operand in node.choices:
        raise Wrong(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: IN, first operand: {node.operand}"
        )
    return node


def _checked_between(node: Between) -> Between:
    for operand in (node.operand, node.low, node.high):
        type_ = _type_of(operand)
        if type_ is not None and type_ not in ("S", "N", "B"):
            raise Wrong(f"Incorrect operand type for operator or function; operator: BETWEEN, operand type: {type_}")
    if type(node.low) is Constant and type(node.high) is Constant:
        low, high = node.low.value, node.high.value
        bounds = f"lower bound operand: AttributeValue: {values.shown(low)}, upper bound operand: AttributeValue: {values.shown(high)}"
        ordered = values.order(low, high)
        if ordered is None:
            raise Wrong(f"The BETWEEN operator requires same data type for lower and upper bounds; {bounds}")
        if ordered > 0:
            raise Wrong(f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {bounds}")
    return node


def _checked_call(node: Call) -> Call:
    name, first = node.function, node.arguments[0]
    types = [_type_of(argument) for argument in node.arguments]
    if name in ("attribute_exists", "attribute_not_exists", "attribute_type", "if_not_exists"):
        if type(first) is not Path:
            raise Wrong(f"Operator or function requires a document path; operator or function: {name}")
        if name == "attribute_type":
            wanted = node.arguments[1]
            if type(wanted) is not Constant or types[1] != "S":
                raise _wrong_type(name, types[1] or "{}")
            if wanted.value["S"] not in TYPES:
                raise Wrong(f"Invalid attribute type name found; type: {wanted.value['S']}, valid types: {{{','.join(TYPES)}}}")
    elif name == "size":
        if types[0] in ("N", "BOOL", "NULL"):
            raise _wrong_type(name, types[0])
    elif name == "begins_with":
        for type_ in types:
            if type_ not in (None, "S", "B"):
                raise _wrong_type(name, type_)
    elif name == "contains":
        if types[0] in ("N", "BOOL", "NULL", "M"):
            raise _wrong_type(name, types[0])
    elif name == "list_append":
        for type_ in types:
            if type_ not in (None, "L"):
                raise _wrong_type(name, type_)
    if name in ("begins_with", "contains") and type(first) is Path and first == node.arguments[1]:
        raise Wrong(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {name}, first operand: {first}"
        )
    return node


def _checked_arithmetic(node: Arithmetic) -> Arithmetic:
    for operand in (node.left, node.right):
        type_ = _type_of(operand)
        if type_ not in (None, "N"):
            raise _wrong_type(node.operator, type_)
    return node


def _checked_change(operator: str, node: Constant) -> Constant:
    type_ = values.kind(node.value)
    if type_ not in values.SETS and not (operator == "ADD" and type_ == "N"):
        raise Wrong(
            f"Incorrect operand type for operator or function; operator: {operator}, operand type: {values.TYPE_NAMES[type_]}, "
            f"typeset: ALLOWED_FOR_{operator}_OPERAND"
        )
    return node
