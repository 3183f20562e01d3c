"""Input templates, and the JSON paths in parameters. Source: "Amazon EventBridge Pipes input transformation" in the user guide."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel.input_template import PLACE, fill
from cloudjar.kernel.json_path import MISSING, at_path, is_path
from cloudjar.services.pipes import errors

LARGEST = 8192
_VARIABLES = frozenset(
    ("pipe-arn", "pipe-name", "source-arn", "enrichment-arn", "target-arn", "event.ingestion-time", "event", "event.json")
)
_ENCODED = "body"
"""The member that holds JSON as text: what looks into it finds the JSON."""


def check_template(field: str, template: str) -> None:
    """ValidationException for a placeholder that means nothing."""
    for name in PLACE.findall(template):
        known = name.removeprefix("aws.pipes.") in _VARIABLES if name.startswith("aws.pipes.") else is_path(name)
        if not known:
            raise errors.invalid(field, f"Invalid input template: <{name}> is neither a JSON path nor a reserved variable.")


def transformed(template: str, event: Any, variables: dict[str, str]) -> Any:
    """What a template makes of an event: JSON, or text where it is none."""
    decoded = decode(event)

    def value_of(name: str) -> Any:
        if name == "aws.pipes.event":
            return event
        if name == "aws.pipes.event.json":
            return decoded if isinstance(decoded, dict | list) else MISSING
        if name.startswith("aws.pipes."):
            return variables.get(name, MISSING)
        found = at_path(event, name)
        return found if found is not MISSING and not isinstance(found, str) else _deeper(decoded, name, found)

    text = fill(template, value_of)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _deeper(decoded: Any, path: str, found: Any) -> Any:
    """A path's value where it leads into, or to, text that is JSON."""
    deeper = at_path(decoded, path)
    return found if deeper is MISSING else deeper


def decode(event: Any) -> Any:
    """An event with the JSON that its body holds in place of the text."""
    if isinstance(event, dict) and isinstance(event.get(_ENCODED), str):
        try:
            found = json.loads(event[_ENCODED])
        except (ValueError, RecursionError):
            return event
        if isinstance(found, dict | list):
            return {**event, _ENCODED: found}
    return event


def resolved(parameters: Any, event: Any) -> Any:
    """Parameters with what their JSON paths lead to; a path that leads nowhere is left out."""
    if isinstance(parameters, str):
        if not re.match(r"\$(\.|$)", parameters) or not is_path(parameters):
            return parameters
        found = at_path(decode(event), parameters)
        return None if found is MISSING else found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))
    if isinstance(parameters, dict):
        return {name: each for name, value in parameters.items() if (each := resolved(value, event)) is not None}
    if isinstance(parameters, list):
        return [each for value in parameters if (each := resolved(value, event)) is not None]
    return parameters
