"""Parts of an item: what a projection asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloudjar.services.dynamodb.expressions.tree import Path
from cloudjar.services.dynamodb.values import Item, Value

Wanted = dict[Any, Any]
"""A tree of steps; None where all below is wanted."""


def wanted(paths: Iterable[Path]) -> Wanted:
    """The paths as one tree."""
    tree: Wanted = {}
    for path in paths:
        here = tree
        for step in path.steps[:-1]:
            here = here.setdefault(step, {})
        here[path.steps[-1]] = None
    return tree


def project(item: Item, tree: Wanted) -> Item:
    """The parts of an item that the tree wants; lists close up over what is left out."""
    found: Item = {}
    for name, below in tree.items():
        value = item.get(name)
        if value is not None:
            part = value if below is None else _part(value, below)
            if part is not None:
                found[name] = part
    return found


def _part(value: Value, tree: Wanted) -> Value | None:
    if "M" in value:
        inner = project(value["M"], {step: below for step, below in tree.items() if isinstance(step, str)})
        return {"M": inner} if inner else None
    if "L" not in value:
        return None
    held, parts = value["L"], []
    for step in sorted(step for step in tree if isinstance(step, int)):
        if step < len(held):
            part = held[step] if tree[step] is None else _part(held[step], tree[step])
            if part is not None:
                parts.append(part)
    return {"L": parts} if parts else None
