"""What a target gets: the event, a part of it, a constant, or a text made of it."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.input_template import dump, fill
from cloudjar.kernel.json_path import MISSING, at_path


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

    return fill(template, lambda name: values.get(name, MISSING))
