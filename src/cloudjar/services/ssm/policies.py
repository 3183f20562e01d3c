"""Parameter policies: expiry and notices, by the world's clock.

Source: "Assigning parameter policies in Parameter Store", AWS Systems Manager User Guide.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.ssm import errors
from cloudjar.services.ssm.records import Parameter, latest_version, parameter_arn

EXPIRATION = "Expiration"
EXPIRY_NOTICE = "ExpirationNotification"
NO_CHANGE = "NoChangeNotification"
MOST = 10

_LAST_YEAR = 9000
_LONGEST = 36_500
_HOURS = {"Hours": 1, "Days": 24}


def parse(text: str) -> list[dict[str, Any]]:
    """The policies in a request, checked; none for `[]` and `[{}]`."""
    try:
        found = json.loads(text)
    except ValueError:
        raise errors.bad_policies("The policies are not valid JSON.") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise errors.bad_policies("The policies are not a JSON array of objects.")
    found = [each for each in found if each]
    if len(found) > MOST:
        raise errors.too_many_policies()
    for each in found:
        _check(each)
    types = [each["Type"] for each in found]
    if types.count(EXPIRATION) > 1:
        raise errors.bad_policies("A parameter can have one Expiration policy.")
    if EXPIRY_NOTICE in types and EXPIRATION not in types:
        raise errors.incompatible_policies()
    return found


def _check(policy: dict[str, Any]) -> None:
    kind, attributes = policy.get("Type"), policy.get("Attributes")
    if kind not in (EXPIRATION, EXPIRY_NOTICE, NO_CHANGE):
        raise errors.bad_policy_type(str(kind))
    if policy.get("Version") != "1.0" or not isinstance(attributes, dict):
        raise errors.bad_policies(f"A policy of type {kind} needs Version 1.0 and Attributes.")
    if kind == EXPIRATION:
        _instant(attributes)
    else:
        _span(attributes, "Before" if kind == EXPIRY_NOTICE else "After")


def _instant(attributes: dict[str, Any]) -> datetime:
    try:
        found = datetime.fromisoformat(attributes["Timestamp"])
    except (KeyError, TypeError, ValueError):
        raise errors.bad_policies("The attribute Timestamp of an Expiration policy is not a time in ISO 8601.") from None
    if not 1970 <= found.year <= _LAST_YEAR:
        raise errors.bad_policies("The attribute Timestamp of an Expiration policy is not a time that a clock reaches.")
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _span(attributes: dict[str, Any], name: str) -> timedelta:
    try:
        number, hours = int(attributes[name]), _HOURS[attributes["Unit"]]
    except (KeyError, TypeError, ValueError):
        raise errors.bad_policies(f"The attributes {name} and Unit must be a number and Days or Hours.") from None
    if not 1 <= number <= _LONGEST:
        raise errors.bad_policies(f"The attribute {name} must be between 1 and {_LONGEST}.")
    return timedelta(hours=number * hours)


def schedule(ctx: Context, parameter: Parameter) -> None:
    """Sets the timers of a version that was just put; those of earlier versions find that they are stale."""
    expires = next((_instant(each["Attributes"]) for each in parameter.policies if each["Type"] == EXPIRATION), None)
    for index, policy in enumerate(parameter.policies):
        kind = policy["Type"]
        if kind == EXPIRATION:
            due = expires
        elif kind == EXPIRY_NOTICE:
            due = expires - _span(policy["Attributes"], "Before") if expires else None
        else:
            due = ctx.now + _span(policy["Attributes"], "After")
        if due is not None and not (kind == EXPIRY_NOTICE and kind in parameter.done):
            ctx.after(act, parameter.name, parameter.latest, index, at=due)


@timer
def act(ctx: Context, name: str, version: int, index: int) -> None:
    """A policy's hour has come."""
    from cloudjar.services.ssm.put import remove

    parameter = ctx.get(Parameter, name)
    if parameter is None or parameter.latest != version or index >= len(parameter.policies):
        return
    kind = parameter.policies[index]["Type"]
    detail = {
        "parameter-name": name,
        "parameter-type": parameter.type,
        "policy-type": kind,
        "policy-content": json.dumps(parameter.policies[index]),
        "action-status": "SUCCESS",
        "action-reason": _REASONS[kind],
    }
    ctx.emit("aws.ssm", "Parameter Store Policy Action", detail, [parameter_arn(ctx, name)])
    if kind == EXPIRATION:
        remove(ctx, parameter)
    else:
        ctx.put(replace(parameter, done=[*parameter.done, kind]))


_REASONS = {
    EXPIRATION: "The parameter has expired and was deleted.",
    EXPIRY_NOTICE: "The parameter is about to expire.",
    NO_CHANGE: "The parameter has not been changed for the period of its policy.",
}


def to_wire(ctx: Context, parameter: Parameter) -> list[dict[str, Any]]:
    """The policies of a parameter's latest version, with their state."""
    return [
        {
            "PolicyText": json.dumps(policy, separators=(",", ":")),
            "PolicyType": policy["Type"],
            "PolicyStatus": "Finished" if policy["Type"] in parameter.done else "Pending",
        }
        for policy in latest_version(ctx, parameter).policies
    ]
