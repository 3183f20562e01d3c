"""Input templates: a text with places, `<name>`, that values are filled into, as EventBridge and Pipes do it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from cloudjar.kernel.json_path import MISSING

PLACE = re.compile(r"<([^<>\s\"]+)>")


def dump(value: Any) -> str:
    """JSON as EventBridge writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def fill(template: str, value_of: Callable[[str], Any]) -> str:
    """A template with the value of each place; `value_of` gives MISSING for what there is not."""

    def filled(found: re.Match[str]) -> str:
        value = value_of(found[1])
        quoted = _is_quoted(template, found.start())
        if value is MISSING:
            return "" if quoted else '""'
        if quoted:
            # Inside quotes a text goes in as it is, escaped, and anything else as its JSON, escaped.
            return dump(value if isinstance(value, str) else dump(value))[1:-1]
        return dump(value)

    return PLACE.sub(filled, template)


def _is_quoted(template: str, position: int) -> bool:
    quotes = 0
    at = 0
    while at < position:
        if template[at] == "\\":
            at += 1
        elif template[at] == '"':
            quotes += 1
        at += 1
    return quotes % 2 == 1
