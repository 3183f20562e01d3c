"""Where in a JSON text a value stands."""

from __future__ import annotations

import json
import re
from typing import Any

Path = tuple[str | int, ...]
_SPACE = re.compile(r"[ \t\r\n]*")


def spans(text: str) -> dict[Path, tuple[int, int]]:
    """The start and end of every value, by its path; the text must be JSON."""
    found: dict[Path, tuple[int, int]] = {}
    _walk(text, _skip(text, 0), (), found)
    return found


def _skip(text: str, at: int) -> int:
    matched = _SPACE.match(text, at)
    return matched.end() if matched else at


def _walk(text: str, at: int, path: Path, found: dict[Path, tuple[int, int]]) -> int:
    opening = text[at]
    if opening not in "{[":
        _, end = json.JSONDecoder().raw_decode(text, at)
        found[path] = (at, end)
        return end
    position = _skip(text, at + 1)
    index = 0
    while text[position] not in "}]":
        key: Any = index
        if opening == "{":
            key, position = json.JSONDecoder().raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        position = _skip(text, _walk(text, position, (*path, key), found))
        if text[position] == ",":
            position = _skip(text, position + 1)
        index += 1
    found[path] = (at, position + 1)
    return position + 1


def span_to_wire(text: str, span: tuple[int, int]) -> dict[str, Any]:
    """A span as lines, columns and offsets."""
    return {"start": _place(text, span[0]), "end": _place(text, span[1])}


def _place(text: str, offset: int) -> dict[str, int]:
    before = text[:offset]
    return {"line": before.count("\n") + 1, "column": offset - (before.rfind("\n") + 1), "offset": offset}
