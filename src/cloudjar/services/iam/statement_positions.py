"""Where a statement stands in a policy's text."""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]


def position_of(text: str, index: int) -> tuple[dict[str, int], dict[str, int]]:
    """Start and end of a statement by its place, from 0, as lines and columns from 1; the text is known to be a policy."""
    start = _value_of(text, "Statement")
    if text[start] == "[":
        decoder = json.JSONDecoder()
        at = _skip(text, start + 1)
        for _ in range(index):
            _, at = decoder.raw_decode(text, at)
            at = _skip(text, at)  # past the comma
        start = at
    _, end = json.JSONDecoder().raw_decode(text, start)
    return _line_and_column(text, start), _line_and_column(text, end)


def _value_of(text: str, member: str) -> int:
    """Where the value of a top-level member starts."""
    decoder = json.JSONDecoder()
    at = _skip(text, text.index("{") + 1)
    while True:
        name, at = scanstring(text, at + 1)
        at = _skip(text, at)  # past the colon
        if name == member:
            return at
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    """Past white space, and what parts members and values."""
    while text[at] in " \t\r\n,:":
        at += 1
    return at


def _line_and_column(text: str, at: int) -> dict[str, int]:
    return {"Line": text.count("\n", 0, at) + 1, "Column": at - text.rfind("\n", 0, at)}
