"""Patterns with `*`, `?` and policy variables, matched in linear passes: no pattern makes a match explode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Context = Mapping[str, str | tuple[str, ...]]
"""Condition keys in lower case; a tuple is a multivalued key."""

STAR = 0
ANY = 1


class Variable:
    """`${key}` or `${key, 'default'}`."""

    __slots__ = ("default", "key")

    def __init__(self, key: str, default: str | None) -> None:
        self.key = key
        self.default = default

    def value(self, context: Context) -> str | None:
        """The key's one value; the default where it is absent; None where there is neither, or many values."""
        found = context.get(self.key)
        if found is None:
            return self.default
        if isinstance(found, tuple):
            return found[0] if len(found) == 1 else None
        return found


Token = str | int | Variable


def tokens(pattern: str, *, variables: bool, wildcards: bool = True) -> list[Token]:
    """The pattern's literals, wildcards and variables. `${*}`, `${?}` and `${$}` are the characters themselves."""
    found: list[Token] = []
    literal: list[str] = []

    def flush() -> None:
        if literal:
            found.append("".join(literal))
            literal.clear()

    position, end = 0, len(pattern)
    while position < end:
        character = pattern[position]
        if variables and character == "$" and pattern.startswith("${", position):
            close = pattern.find("}", position)
            if close > 0:
                inner = pattern[position + 2 : close]
                position = close + 1
                if inner in ("*", "?", "$"):
                    literal.append(inner)
                else:
                    flush()
                    found.append(_variable(inner))
                continue
        position += 1
        if wildcards and character == "*":
            flush()
            if not found or found[-1] != STAR:
                found.append(STAR)
        elif wildcards and character == "?":
            flush()
            found.append(ANY)
        else:
            literal.append(character)
    flush()
    return found


def _variable(inner: str) -> Variable:
    key, comma, rest = inner.partition(",")
    default = rest.strip()
    if comma and len(default) >= 2 and default[0] == default[-1] == "'":
        return Variable(key.strip().lower(), default[1:-1])
    return Variable(inner.strip().lower(), None)


def resolve(parts: Sequence[Token], context: Context) -> list[Token] | None:
    """The tokens with variables replaced by their values, as literals; None if one has no value."""
    found: list[Token] = []
    for part in parts:
        if isinstance(part, Variable):
            value = part.value(context)
            if value is None:
                return None
            found.append(value)
        else:
            found.append(part)
    return found


class Glob:
    """A compiled pattern of literals, `*` and `?`. The pieces between stars are found greedily, left to right."""

    __slots__ = ("_exact", "_pieces", "_prefix")

    def __init__(self, parts: Sequence[Token]) -> None:
        pieces: list[list[str | None]] = [[]]
        for part in parts:
            if part == STAR and not isinstance(part, str):
                pieces.append([])
            elif part == ANY and not isinstance(part, str):
                pieces[-1].append(None)
            else:
                pieces[-1].extend(str(part))
        compiled = [_piece(piece) for piece in pieces]
        first = compiled[0]
        self._exact = first if len(compiled) == 1 and isinstance(first, str) else None
        self._prefix = first if len(compiled) == 2 and compiled[1] == "" and isinstance(first, str) else None
        self._pieces = compiled

    @property
    def exact(self) -> str | None:
        """The one text that matches, where there is only one."""
        return self._exact

    @property
    def everything(self) -> bool:
        return self._prefix == ""

    def match(self, text: str) -> bool:
        """Whether the whole of the text matches."""
        if self._exact is not None:
            return text == self._exact
        if self._prefix is not None:
            return text.startswith(self._prefix)
        pieces = self._pieces
        first, last = pieces[0], pieces[-1]
        if not _at(first, text, 0):
            return False
        if len(pieces) == 1:
            return len(first) == len(text)
        start, stop = len(first), len(text) - len(last)
        if stop < start or not _at(last, text, stop):
            return False
        for piece in pieces[1:-1]:
            found = _find(piece, text, start, stop)
            if found < 0:
                return False
            start = found + len(piece)
        return True


Piece = str | tuple[str | None, ...]


def _piece(characters: list[str | None]) -> Piece:
    if None in characters:
        return tuple(characters)
    return "".join([c for c in characters if c is not None])


def _at(piece: Piece, text: str, position: int) -> bool:
    if isinstance(piece, str):
        return text.startswith(piece, position)
    if position + len(piece) > len(text):
        return False
    return all(wanted is None or wanted == text[position + i] for i, wanted in enumerate(piece))


def _find(piece: Piece, text: str, start: int, stop: int) -> int:
    if isinstance(piece, str):
        return text.find(piece, start, stop)
    for position in range(start, stop - len(piece) + 1):
        if _at(piece, text, position):
            return position
    return -1


def glob(pattern: str) -> Glob:
    """A pattern without variables, compiled."""
    return Glob(tokens(pattern, variables=False))
