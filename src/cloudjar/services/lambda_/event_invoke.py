"""What happens to events that a function fails on: retries, age, destinations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import destinations, errors
from cloudjar.services.lambda_.functions import find_function, find_version
from cloudjar.services.lambda_.names import LATEST, function_arn, named, on_function, owner

_MAXIMUM_AGE = 21_600
_DESTINATIONS = ("sqs", "sns", "lambda", "events")
"""Failures may also go to "s3"."""


@record("lambda.event_invoke_config", key=("function", "qualifier"))
class EventInvokeConfig(Record):
    """How events for one function, version or alias are handled; None where nothing was set."""

    function: str
    qualifier: str
    modified: datetime
    maximum_retries: int | None = None
    maximum_age: int | None = None
    on_success: str = ""
    on_failure: str = ""
    has_destinations: bool = False

    @property
    def retries(self) -> int:
        """Further attempts after the first."""
        return 2 if self.maximum_retries is None else self.maximum_retries

    @property
    def maximum_age_seconds(self) -> int:
        """How long an event may wait in all."""
        return _MAXIMUM_AGE if self.maximum_age is None else self.maximum_age


def rules(ctx: Context, function: str, qualifier: str) -> EventInvokeConfig:
    """What holds for events that came for a qualifier."""
    return ctx.get(EventInvokeConfig, function, qualifier or LATEST) or EventInvokeConfig(function, qualifier, ctx.now)


def _to_wire(ctx: Context, config: EventInvokeConfig) -> dict[str, Any]:
    wire: dict[str, Any] = {"LastModified": config.modified, "FunctionArn": function_arn(ctx, config.function, config.qualifier)}
    if config.maximum_retries is not None:
        wire["MaximumRetryAttempts"] = config.maximum_retries
    if config.maximum_age is not None:
        wire["MaximumEventAgeInSeconds"] = config.maximum_age
    wire["DestinationConfig"] = {
        "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
        "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
    }
    return wire


def _change(ctx: Context, config: EventInvokeConfig, req: dict[str, Any]) -> EventInvokeConfig:
    if not any(req.get(member) is not None for member in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")):
        raise errors.invalid("You must specify at least one of error handling or destination setting.")
    if req.get("MaximumRetryAttempts") is not None:
        config = replace(config, maximum_retries=req["MaximumRetryAttempts"])
    if req.get("MaximumEventAgeInSeconds") is not None:
        config = replace(config, maximum_age=req["MaximumEventAgeInSeconds"])
    if req.get("DestinationConfig") is not None:
        chosen = {}
        for member, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
            arn = (req["DestinationConfig"].get(member) or {}).get("Destination") or ""
            if arn and arn.split(":")[2:3][0] not in (*_DESTINATIONS, *(["s3"] if field == "on_failure" else [])):
                raise errors.invalid(f"The provided destination config {arn} is invalid.")
            if arn == function_arn(ctx, config.function):
                raise errors.invalid("You can't specify the function as a destination for itself.")
            if arn and not destinations.may_send(ctx, find_version(ctx, config.function, config.qualifier).role, arn):
                action = destinations.CALLS[arn.split(":")[2]][1]
                raise errors.invalid(f"The function's execution role does not have permissions to call {action} on {arn}")
            chosen[field] = arn
        config = replace(config, **chosen, has_destinations=True)
    return ctx.put(replace(config, modified=ctx.now))


def _find(ctx: Context, name: str, qualifier: str) -> EventInvokeConfig:
    found = ctx.get(EventInvokeConfig, name, qualifier)
    if found is None:
        raise errors.no_event_invoke_config(function_arn(ctx, name, qualifier))
    return found


@operation(on=on_function)
def put_function_event_invoke_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_version(ctx, who.name, who.qualifier)
    return _to_wire(ctx, _change(ctx, EventInvokeConfig(who.name, who.qualifier or LATEST, ctx.now), req))


@operation(on=on_function)
def update_function_event_invoke_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_version(ctx, who.name, who.qualifier)
    return _to_wire(ctx, _change(ctx, _find(ctx, who.name, who.qualifier or LATEST), req))


@operation(on=on_function)
def get_function_event_invoke_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    return _to_wire(ctx, _find(ctx, who.name, who.qualifier or LATEST))


@operation(on=on_function)
def delete_function_event_invoke_config(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = owner(ctx, req), named(ctx, req)
    ctx.delete(_find(ctx, who.name, who.qualifier or LATEST))


@operation(on=on_function)
def list_function_event_invoke_configs(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)
    return ctx.page(req, ctx.where(EventInvokeConfig, function=who.name), lambda c: _to_wire(ctx, c), default=50, maximum=50)
