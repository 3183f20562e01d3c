"""The JSON paths of input paths and templates: "$.detail.items[0].name"."""

from __future__ import annotations

import re
from typing import Any

_PATH = re.compile(r"""\$(?:\.[^.\[\]'"]+|\[(?:\d+|\*|'[^']*'|"[^"]*")\])*""")
_STEP = re.compile(r"""\.([^.\[\]'"]+)|\[(?:(\d+)|(\*)|'([^']*)'|"([^"]*)")\]""")
MISSING: Any = object()


def is_path(text: str) -> bool:
    """Whether a text is such a path."""
    return _PATH.fullmatch(text) is not None


def at_path(value: Any, path: str) -> Any:
    """What a path leads to, or MISSING; from a star on, the list of what it leads to from each member of a list."""
    return _at(value, _STEP.findall(path))


def _at(value: Any, steps: list[tuple[str, ...]]) -> Any:
    for at, (name, number, every, quoted, double) in enumerate(steps):
        if number:
            value = value[int(number)] if isinstance(value, list) and int(number) < len(value) else MISSING
        elif every:
            if not isinstance(value, list):
                return MISSING
            return [found for each in value if (found := _at(each, steps[at + 1 :])) is not MISSING]
        else:
            value = value.get(name or quoted or double, MISSING) if isinstance(value, dict) else MISSING
        if value is MISSING:
            return MISSING
    return value
