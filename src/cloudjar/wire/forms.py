"""Query strings and form bodies."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from cloudjar.wire.values import Malformed

MAX_PARTS = 64


def unquote(text: str, where: str = "uri") -> str:
    """Percent-decodes exactly once. Malformed if the bytes are not UTF-8."""
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeError as error:
        raise Malformed("document", text, where=where, message="not UTF-8") from error


def pairs(query: str, where: str = "query") -> list[tuple[str, str]]:
    """The names and values of a query string or a form body, decoded, in order; a name without "=" has the value ""."""
    found = []
    for item in query.split("&"):
        if item:
            name, _, value = item.partition("=")
            if "+" in item:
                name, value = name.replace("+", " "), value.replace("+", " ")
            if "%" in item or not item.isascii():
                name, value = unquote(name, where), unquote(value, where)
            found.append((name, value))
    return found


def tree(form: list[tuple[str, str]]) -> dict[str, Any]:
    """Dotted names as nested dicts: [("Tag.1.Key", "a")] -> {"Tag": {"1": {"Key": "a"}}}. A name's own value, when the
    name also has parts below it, stands under ""."""
    root: dict[str, Any] = {}
    for name, value in form:
        if "." not in name:
            found = root.get(name)
            if type(found) is dict:
                found[""] = value
            else:
                root[name] = value
            continue
        parts = name.split(".")
        if len(parts) > MAX_PARTS:
            raise Malformed("document", name, where="query", message="too deep")
        node = root
        for part in parts[:-1]:
            below = node.get(part)
            if type(below) is not dict:
                below = node[part] = {} if below is None else {"": below}
            node = below
        last = parts[-1]
        found = node.get(last)
        if type(found) is dict:
            found[""] = value
        else:
            node[last] = value
    return root


def numbered(node: dict[str, Any]) -> list[Any]:
    """The values under "1", "2", ... in the order of their numbers; gaps are closed, as AWS does."""
    items = [(int(key), value) for key, value in node.items() if key.isascii() and key.isdigit() and len(key) < 10]
    items.sort(key=lambda item: item[0])
    return [value for _, value in items]
