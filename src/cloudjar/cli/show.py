"""What commands print: rich on a terminal, plain columns in a pipe, JSON when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

COLOURS = {
    "ok": "green", "yes": "green", "real": "green", "running": "green",
    "modelled": "yellow", "no": "yellow", "missing": "yellow", "absent": "dim", "failed": "red",
}  # fmt: skip
"""Words that stand out on a terminal."""


def as_json(value: Any) -> None:
    """Prints a value as JSON."""
    print(json.dumps(value, indent=2))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Prints rows under column names. In a pipe: tabs between, no title, one header line."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, texts, title)
        return
    print("\t".join(columns))
    for row in texts:
        print("\t".join(row))


def facts(pairs: Sequence[tuple[str, object]]) -> None:
    """Prints names and values, one a line; what is None is left out."""
    shown = [(name, str(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name.ljust(width)}  {value}")


def say(text: str) -> None:
    """Prints a line for people."""
    print(text)


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    Console().print(drawn)
