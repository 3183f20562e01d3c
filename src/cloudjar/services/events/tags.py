"""Tags of buses and rules."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.events import errors
from cloudjar.services.events.buses import DEFAULT, find_bus
from cloudjar.services.events.rules import Rule


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceARN"])


def _find(ctx: Context, arn: str) -> Context:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "events":
        raise errors.bad_parameter("ResourceARN", "Provided Arn is not in correct format.")
    there = ctx.at(account=parts[4], region=parts[3])
    kind, _, name = parts[5].partition("/")
    if kind == "event-bus":
        find_bus(there, name)
    elif kind == "rule":
        bus, _, rule = name.rpartition("/")
        if there.get(Rule, bus or DEFAULT, rule) is None:
            raise errors.rule_not_found(rule, bus or DEFAULT)
    else:
        raise errors.resource_not_found(arn)
    return there


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    there, arn, given = _find(ctx, req["ResourceARN"]), req["ResourceARN"], tags.from_list(req["Tags"])
    tags.check({**there.tags(arn), **given})
    there.add_tags(arn, given)


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    _find(ctx, req["ResourceARN"]).remove_tags(req["ResourceARN"], req["TagKeys"])


@operation(on=on_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": tags.to_list(_find(ctx, req["ResourceARN"]).tags(req["ResourceARN"]))}
