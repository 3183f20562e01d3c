"""The canonical request: the one spelling of a request that both sides hash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~-]*").fullmatch
_PLAIN_QUERY = re.compile(r"[A-Za-z0-9_.~=&-]*").fullmatch
# Signing names whose paths are taken as they are, encoded once.
RAW_PATHS = frozenset({"s3", "s3-outposts", "s3-object-lambda", "s3express"})


def canonical_path(path: str, service: str) -> str:
    """The path of the canonical request. S3: as sent, encoded once. Others: normalised, and the sent encoding encoded again."""
    if service in RAW_PATHS:
        # Segment by segment: a %2F inside a key stays one.
        return path if _PLAIN_PATH(path) else "/".join([_recode(part.replace("+", "%2B")) for part in path.split("/")])
    if "//" in path or "/." in path:
        path = _normalise(path)
    return path if _PLAIN_PATH(path) else quote(path.encode("latin-1", "replace"), safe="/~")


def _normalise(path: str) -> str:
    """Dot segments and empty segments removed (RFC 3986, 5.2.4, and then `//`)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment and segment != ".":
            kept.append(segment)
    trailing = path.endswith(("/", "/.", "/.."))
    return "/" + "/".join(kept) + ("/" if trailing and kept else "")


def canonical_query(query: str, without: str = "") -> str:
    """The query string's parameters, encoded the one way and sorted; `without` is left out (X-Amz-Signature itself)."""
    if not query:
        return ""
    plain = _PLAIN_QUERY(query)
    pairs: list[tuple[str, str]] = []
    for item in query.split("&"):
        if not item:
            continue
        name, _, value = item.partition("=")
        if name == without:
            continue
        pairs.append((name, value) if plain else (_recode(name), _recode(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def _recode(text: str) -> str:
    return quote_from_bytes(unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace")), safe="~")


def canonical_headers(headers: Mapping[str, str], signed: Iterable[str]) -> str:
    """The signed headers, one a line, runs of spaces folded; a header that is absent counts as empty."""
    lines = []
    for name in signed:
        value = headers.get(name, "")
        if "  " in value:
            value = " ".join(value.split())
        lines.append(f"{name}:{value}\n")
    return "".join(lines)
