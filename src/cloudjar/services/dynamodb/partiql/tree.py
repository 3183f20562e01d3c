"""Statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudjar.services.dynamodb.expressions.tree import Path, Update


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT paths FROM table.index WHERE condition ORDER BY name."""

    table: str
    index: str
    paths: tuple[Path, ...] | None
    where: Any
    order_by: tuple[tuple[str, bool], ...] = ()
    """(attribute, whether descending)."""


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT INTO table VALUE item."""

    table: str
    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Modify:
    """UPDATE table SET ... REMOVE ... WHERE condition RETURNING what."""

    table: str
    update: Update
    where: Any
    returning: str = "NONE"


@dataclass(frozen=True, slots=True)
class Remove:
    """DELETE FROM table WHERE condition RETURNING what."""

    table: str
    where: Any
    returning: str = "NONE"


@dataclass(frozen=True, slots=True)
class Exists:
    """EXISTS(SELECT ...), in a transaction."""

    select: Select


Statement = Select | Insert | Modify | Remove | Exists
