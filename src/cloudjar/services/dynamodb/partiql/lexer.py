"""A statement's text as tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from cloudjar.services.dynamodb import errors


class Token(NamedTuple):
    """A piece of a statement."""

    kind: str
    """ "word", "quoted", "string", "number", "symbol" or "end"."""
    text: str

    @property
    def keyword(self) -> str:
        """The word in capitals; "" for what is no bare word."""
        return self.text.upper() if self.kind == "word" else ""


_TOKEN = re.compile(
    r"(?P<blank>\s+|--[^\n]*)"
    r"|(?P<word>[A-Za-z_$][A-Za-z0-9_$]*)"
    r'|(?P<quoted>"(?:[^"]|"")*")'
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<symbol><<|>>|<=|>=|<>|!=|[=<>()\[\]{},.:?*+-])",
    re.ASCII,
)


def tokens(text: str) -> list[Token]:
    """All tokens, with one of kind "end" last. Raises ValidationException."""
    found: list[Token] = []
    at = 0
    text = text.rstrip().removesuffix(";")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise errors.malformed_statement(f"Unexpected character: {text[at]}")
        at = match.end()
        kind, held = match.lastgroup or "", match.group()
        if kind == "quoted":
            held = held[1:-1].replace('""', '"')
        elif kind == "string":
            held = held[1:-1].replace("''", "'")
        if kind != "blank":
            found.append(Token(kind, held))
    found.append(Token("end", "end of statement"))
    return found
