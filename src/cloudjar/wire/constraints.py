"""The constraints of one scalar, list or map, in the words of AWS's own validation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from cloudjar.wire.models import Shape
from cloudjar.wire.values import same

Constraint = tuple[Callable[[Any], bool], str]
"""What a value must satisfy, and how AWS says so."""

# Java's Unicode classes have no equals in Python; these take in a little more, so that nothing right is refused.
UNICODE_CLASSES = {
    "L": r"\w",
    "N": r"\w",
    "M": r"\w\u0300-\u036f\u0900-\u0903\u20d0-\u20f0\ufe00-\ufe0f",
    "Z": r"\s",
    "Zs": r"\s",
    "S": r"$+<=>^`|~\u00a2-\u00b8\u2000-\u2bff\U0001f000-\U0001faff",
    "P": r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e\u3000-\u303f",
    "Nd": r"\d",
    "Lu": r"A-Z\u00c0-\u00de",
    "Ll": r"a-z\u00df-\u00ff",
    "Alpha": "a-zA-Z",
    "Alnum": "a-zA-Z0-9",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "ASCII": r"\x00-\x7f",
    "Space": r"\s",
    "Blank": r" \t",
    "XDigit": "0-9a-fA-F",
    "Cntrl": r"\x00-\x1f\x7f",
    "Cc": r"\x00-\x1f\x7f-\x9f",
}
UNICODE_CLASS = re.compile(r"\\p\{(?:Is)?(\w+)\}|\\p([LNMZSP])")


def constraints(shape: Shape, enums: bool) -> list[Constraint]:
    """All constraints of a shape itself, in AWS's order: length, range, enum, pattern."""
    found: list[Constraint] = []
    low, high = shape.min, shape.max
    if shape.type in ("string", "blob", "list", "map"):
        if high is not None:
            found.append((at_most(high, len), f"Member must have length less than or equal to {int(high)}"))
        if low:
            found.append((at_least(low, len), f"Member must have length greater than or equal to {int(low)}"))
    elif shape.type in ("integer", "long", "float", "double"):
        if high is not None:
            found.append((at_most(high, same), f"Member must have value less than or equal to {number(high)}"))
        if low is not None:
            found.append((at_least(low, same), f"Member must have value greater than or equal to {number(low)}"))
    if shape.type == "string" and shape.enum and enums:
        allowed = frozenset(shape.enum)
        found.append((lambda value: value in allowed, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"))
    if shape.type == "string" and shape.pattern:
        pattern = compile_pattern(shape.pattern)
        if pattern is not None:
            match = pattern.fullmatch
            words = f"Member must satisfy regular expression pattern: {shape.pattern}"
            found.append((lambda value: match(value) is not None, words))
    return found


def at_most(limit: float, size: Callable[[Any], float]) -> Callable[[Any], bool]:
    """The test for an upper limit."""
    return lambda value: size(value) <= limit


def at_least(limit: float, size: Callable[[Any], float]) -> Callable[[Any], bool]:
    """The test for a lower limit."""
    return lambda value: size(value) >= limit


def number(value: float) -> str:
    """A limit without a needless fraction."""
    return str(int(value)) if value == int(value) else str(value)


def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """A model's pattern, which is Java's, for Python; None where the two cannot be reconciled, and then nothing is refused."""
    translated = translate(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            # Java's \w and \d are ASCII, unless the pattern speaks of Unicode itself.
            return re.compile(translated, re.ASCII if "\\p" not in pattern else 0)
    except (re.error, OverflowError):
        return None


def translate(pattern: str) -> str:
    """Java's Unicode classes, surrogate pairs and loose hyphens in Python's spelling; what has no equal is left, and will not compile."""
    pattern = pattern.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\U00010000-\\U0010ffff").replace(
        "\\ud800\\udc00-\\udbff\\udfff", "\\U00010000-\\U0010ffff"
    )
    out, depth, index = [], 0, 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            found = UNICODE_CLASS.match(pattern, index)
            if found:
                ranges = UNICODE_CLASSES.get(found[1] or found[2], "\\p")
                out.append(ranges if depth else f"[{ranges}]")
                index = found.end()
                continue
            escape = pattern[index : index + 2]
            out.append(escape)
            index += 2
            if depth and escape in ("\\w", "\\d", "\\s") and pattern[index : index + 1] == "-":
                out.append("\\-")  # "[\\w-_]": no range can begin with a class, so Java takes the hyphen for one.
                index += 1
            continue
        depth += (char == "[") - (char == "]" and depth > 0)
        out.append(char)
        index += 1
    return "".join(out)


def java(value: Any) -> str:
    """A value as Java prints it, which is how AWS's messages show it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return f"[{', '.join(java(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={java(item)}' for key, item in value.items())}}}"
    return str(value)
