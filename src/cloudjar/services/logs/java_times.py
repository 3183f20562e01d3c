"""Times in the letters of Java's date formats: `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`."""

from __future__ import annotations

import re
from datetime import datetime

_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.DOTALL)
_STRPTIME = {
    "y": {2: "%y", 4: "%Y"},
    "u": {4: "%Y"},
    "M": {1: "%m", 2: "%m", 3: "%b", 4: "%B"},
    "d": {1: "%d", 2: "%d"},
    "D": {3: "%j"},
    "E": {1: "%a", 2: "%a", 3: "%a", 4: "%A"},
    "a": {1: "%p"},
    "H": {1: "%H", 2: "%H"},
    "h": {1: "%I", 2: "%I"},
    "m": {1: "%M", 2: "%M"},
    "s": {1: "%S", 2: "%S"},
    "S": {3: "%f", 6: "%f"},
    "Z": {1: "%z"},
    "X": {1: "%z", 2: "%z", 3: "%z"},
    "x": {1: "%z", 2: "%z", 3: "%z"},
}


def _parts(pattern: str) -> list[tuple[str, int]]:
    """(letter, how often) of a pattern, and (text, 0) for what stands for itself. ValueError for letters that are not known."""
    found: list[tuple[str, int]] = []
    for token in _TOKEN.finditer(pattern):
        text = token.group()
        if token[1] is not None:
            found.append((token[1].replace("''", "'") or "'", 0))
        elif token[2] is None:
            found.append((text, 0))
        elif len(text) in _STRPTIME.get(text[0], ()):
            found.append((text[0], len(text)))
        else:
            raise ValueError(text)
    return found


def read(text: str, pattern: str) -> datetime:
    """A time from a text; ValueError where the text is not of the pattern."""
    made = "".join(_STRPTIME[part][count] if count else part.replace("%", "%%") for part, count in _parts(pattern))
    return datetime.strptime(text, made)


def write(time: datetime, pattern: str) -> str:
    """A time as a pattern has it."""
    out = []
    for part, count in _parts(pattern):
        if not count:
            out.append(part)
        elif part == "S":
            out.append(f"{time.microsecond:06d}"[:count])
        elif part in "Xx" and not time.utcoffset():
            out.append("Z" if part == "X" else "+00:00")
        elif part in "Xx":
            offset = time.strftime("%z")
            out.append(offset[:3] + ":" + offset[3:] if count == 3 else offset)
        elif count == 1 and part in "MdHhms":
            out.append(time.strftime(_STRPTIME[part][1]).lstrip("0") or "0")
        else:
            out.append(time.strftime(_STRPTIME[part][count]))
    return "".join(out)
