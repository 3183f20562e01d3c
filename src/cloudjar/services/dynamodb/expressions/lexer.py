"""An expression's text as tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 4096
"""Bytes of an expression."""


class Token(NamedTuple):
    """A piece of an expression: kind, text, and where it stands."""

    kind: str
    """ "word", "name" (#n), "value" (:v), "number", "symbol", "end" or "stray"."""
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<name>#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)|(?P<number>[0-9]+)"
    r"|(?P<symbol><=|>=|<>|[=<>()\[\],.+-])|(?P<blank>[ \t\r\n\f]+)|(?P<stray>.)",
    re.DOTALL,
)


def tokens(text: str) -> list[Token]:
    """All tokens, with one of kind "end" last."""
    found = [
        Token(match.lastgroup or "stray", match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "blank"
    ]
    found.append(Token("end", "<EOF>", len(text), len(text)))
    return found
