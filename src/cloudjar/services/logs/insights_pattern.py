"""The command pattern of Logs Insights: events of one shape become one row.

Source: "pattern" in the Logs Insights language documentation. AWS finds patterns by machine learning. Here words that vary by their nature
(numbers, times, ids, addresses) are dynamic tokens; of what is left, messages that differ in few words are one pattern, and those words are
dynamic too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cloudjar.services.logs.insights_expression import Getter, Row, shown

COLUMNS = ["@pattern", "@ratio", "@sampleCount", "@severityLabel"]
_WORD = re.compile(r"""[^\s\[\](){}"'=,;|<>]+|\s+|.""", re.DOTALL)
_KINDS = (
    ("Time", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d+)?")),
    ("Date", re.compile(r"\d{4}[-/]\d\d[-/]\d\d|\d\d/\w{3}/\d{4}(?::\d\d:\d\d:\d\d)?")),
    ("UUID", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("IPAddress", re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")),
    ("Number", re.compile(r"[+-]?\d+(?:\.\d+)?(?:ms|s|MB|KB|GB|%)?[.:]?")),
    ("Token", re.compile(r"\S*\d\S*")),
)
_SEVERITIES = ("FATAL", "CRITICAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
_SEVERITY = re.compile(rf"\b({'|'.join(_SEVERITIES)})", re.IGNORECASE)
_SIMILAR = 0.6
"""The share of the words of a pattern that a message must have in their places to be of that pattern."""
_DIGIT = re.compile(r"\d")
_REMEMBERED = 10_000
"""Shapes of messages whose pattern is known at once."""
DYNAMIC = "\0"


class _Pattern:
    def __init__(self, words: list[str], severity: str) -> None:
        self.words = words
        self.count = 1
        self.severity = severity

    def takes(self, words: list[str]) -> bool:
        """Adds a message if it is of this pattern; a word that differs becomes dynamic."""
        solid = [(a, b) for a, b in zip(self.words, words, strict=True) if a.strip()]
        same = sum(a == b for a, b in solid)
        if any((a[0] == DYNAMIC) != (b[0] == DYNAMIC) for a, b in solid) and same < len(solid):
            return False
        if same < _SIMILAR * len(solid):
            return False
        self.words = [a if a == b else f"{DYNAMIC}Token" for a, b in zip(self.words, words, strict=True)]
        self.count += 1
        return True

    def text(self) -> str:
        parts, number = [], 0
        for word in self.words:
            if word[0] == DYNAMIC:
                number += 1
                parts.append(f"<{word[1:]}-{number}>")
            else:
                parts.append(word)
        return "".join(parts)


def patterns(rows: Iterable[Row], field: Getter) -> Iterable[dict[str, Any]]:
    """The patterns of a field, the most frequent first."""
    found: dict[tuple[int, str], list[_Pattern]] = {}
    seen: dict[tuple[str, ...], _Pattern] = {}
    total = 0
    for row in rows:
        value = shown(field(row))
        if value is None:
            continue
        total += 1
        words = [_word(word) for word in _WORD.findall(value.strip())]
        labels = {label.upper() for label in _SEVERITY.findall(value)}
        severity = next((label for label in _SEVERITIES if label in labels), "")
        shape = (severity, *words)
        if shape in seen:
            seen[shape].count += 1
            continue
        known = found.setdefault((len(words), severity), [])
        pattern = next((one for one in known if one.takes(words)), None)
        if pattern is None:
            pattern = _Pattern(words, severity)
            known.append(pattern)
        if len(seen) < _REMEMBERED:
            seen[shape] = pattern
    everything = sorted((pattern for group in found.values() for pattern in group), key=lambda pattern: -pattern.count)
    for pattern in everything:
        told: dict[str, Any] = {"@pattern": pattern.text(), "@sampleCount": float(pattern.count), "@ratio": pattern.count / total}
        yield told | ({"@severityLabel": pattern.severity} if pattern.severity else {})


@lru_cache(maxsize=8192)
def _word(word: str) -> str:
    if not _DIGIT.search(word):
        return word
    return next((DYNAMIC + name for name, shape in _KINDS if shape.fullmatch(word)), word)
