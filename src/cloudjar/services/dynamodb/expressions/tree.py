"""What expressions are parsed into. A node with placeholders becomes, when bound, one with names and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Step = str | int
"""One step of a document path: a name ("#n" until it is bound) or a list's index."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where in an item: ("address", "lines", 0)."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        """As messages show it: "[address, lines, [0]]"."""
        return "[" + ", ".join(f"[{step}]" if isinstance(step, int) else step for step in self.steps) + "]"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that is yet to be named: ":v"."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A value."""

    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of operands: size(a), begins_with(a, :b), if_not_exists(a, :b)."""

    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """left operator right."""

    operator: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Between:
    """operand BETWEEN low AND high."""

    operand: Any
    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class In:
    """operand IN (choices)."""

    operand: Any
    choices: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of the terms."""

    terms: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the terms."""

    terms: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not the term."""

    term: Any


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """left + right or left - right, in SET."""

    operator: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Update:
    """The four clauses of an update expression."""

    sets: tuple[tuple[Path, Any], ...] = ()
    removes: tuple[Path, ...] = ()
    adds: tuple[tuple[Path, Any], ...] = ()
    deletes: tuple[tuple[Path, Any], ...] = ()

    def paths(self) -> list[Path]:
        """Every path that is changed, in the order of the clauses."""
        return [p for p, _ in self.sets] + list(self.removes) + [p for p, _ in self.adds] + [p for p, _ in self.deletes]


CONDITIONS = (Compare, Between, In, And, Or, Not)
CONDITION_FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2}
OPERAND_FUNCTIONS = {"size": 1}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}


def is_condition(node: Any) -> bool:
    """Whether a node is true or false, rather than a value."""
    return isinstance(node, CONDITIONS) or (isinstance(node, Call) and node.function in CONDITION_FUNCTIONS)
