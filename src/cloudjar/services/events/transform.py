"""What a target gets: the event, a part of it, a constant, or a text made of it."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.services.events.json_path import MISSING, at_path

_PLACE = re.compile(r"<([^<>\s\"]+)>")


def payload_for(settings: dict[str, Any], event: dict[str, Any], rule_arn: str, ingested: str) -> str:
    """The payload of one target for one event. Source: "Amazon EventBridge input transformation" in the user guide."""
    if "Input" in settings:
        return str(settings["Input"])
    if path := settings.get("InputPath"):
        part = at_path(event, path)
        return dump({} if part is MISSING else part)
    if transformer := settings.get("InputTransformer"):
        return _transform(transformer, event, rule_arn, ingested)
    return dump(event)


def dump(value: Any) -> str:
    """JSON as EventBridge writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _transform(transformer: dict[str, Any], event: dict[str, Any], rule_arn: str, ingested: str) -> str:
    template = transformer["InputTemplate"]
    values = {name: at_path(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
        "aws.events.event.ingestion-time": ingested,
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }

    def fill(found: re.Match[str]) -> str:
        value = values.get(found[1], MISSING)
        quoted = _is_quoted(template, found.start())
        if value is MISSING:
            return "" if quoted else '""'
        if quoted:
            # Inside quotes a text goes in as it is, escaped, and anything else as its JSON, escaped.
            return json.dumps(value if isinstance(value, str) else dump(value), ensure_ascii=False)[1:-1]
        return dump(value)

    return _PLACE.sub(fill, template)


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
