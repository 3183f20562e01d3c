"""The JSON paths of InputPath and InputPathsMap: "$.detail.items[0].name"."""

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
    """What a path leads to, or MISSING."""
    for name, number, every, quoted, double in _STEP.findall(path):
        if number:
            value = value[int(number)] if isinstance(value, list) and int(number) < len(value) else MISSING
        elif every:
            value = value if isinstance(value, list) else MISSING
        else:
            value = value.get(name or quoted or double, MISSING) if isinstance(value, dict) else MISSING
        if value is MISSING:
            return MISSING
    return value
