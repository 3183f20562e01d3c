"""Which events a trail takes. Source: "Logging data events", "Filtering data events by using advanced event selectors"."""

from __future__ import annotations

from typing import Any

from cloudjar.services.cloudtrail.trails import DEFAULT_SELECTORS, Trail


def takes(trail: Trail, event: dict[str, Any]) -> bool:
    """Whether a trail takes an event."""
    if trail.advanced:
        return any(all(_field(event, field) for field in selector["FieldSelectors"]) for selector in trail.advanced)
    return any(_basic(selector, event) for selector in trail.selectors or DEFAULT_SELECTORS)


def _basic(selector: dict[str, Any], event: dict[str, Any]) -> bool:
    kind = selector.get("ReadWriteType", "All")
    if kind != "All" and event["readOnly"] != (kind == "ReadOnly"):
        return False
    if event["eventCategory"] == "Management":
        return bool(selector.get("IncludeManagementEvents", True)) and event["eventSource"] not in selector.get(
            "ExcludeManagementEventSources", ()
        )
    for wanted in selector.get("DataResources") or ():
        for resource in event.get("resources", ()):
            if resource["type"] == wanted["Type"] and any(_under(resource["ARN"], value) for value in wanted.get("Values", ())):
                return True
    return False


def _under(arn: str, value: str) -> bool:
    # "arn:aws:s3" and "arn:aws:lambda" mean all of them; a bucket's ARN ends with "/".
    return arn == value or arn.startswith(value if value.endswith(("/", ":")) or value.count(":") < 5 else value + "/")


def _field(event: dict[str, Any], field: dict[str, Any]) -> bool:
    values = _values(event, field["Field"])
    if field.get("Equals") and not any(value in field["Equals"] for value in values):
        return False
    if field.get("StartsWith") and not any(value.startswith(tuple(field["StartsWith"])) for value in values):
        return False
    if field.get("EndsWith") and not any(value.endswith(tuple(field["EndsWith"])) for value in values):
        return False
    if field.get("NotEquals") and any(value in field["NotEquals"] for value in values):
        return False
    if field.get("NotStartsWith") and any(value.startswith(tuple(field["NotStartsWith"])) for value in values):
        return False
    return not (field.get("NotEndsWith") and any(value.endswith(tuple(field["NotEndsWith"])) for value in values))


def _values(event: dict[str, Any], name: str) -> list[str]:
    if name == "resources.type":
        return [resource["type"] for resource in event.get("resources", ())][:1]
    if name == "resources.ARN":
        return [resource["ARN"] for resource in event.get("resources", ())][:1]
    if name == "userIdentity.arn":
        return [event["userIdentity"].get("arn", "")]
    value = event.get(name)
    return [] if value is None else ["true" if value is True else "false" if value is False else str(value)]
