"""Tags of functions and event source mappings."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import find_function
from cloudjar.services.lambda_.names import function_arn, named


def check_tags(values: dict[str, str]) -> None:
    """AWS's common rules, in Lambda's error."""
    tags.check(values, "InvalidParameterValueException")


def _resource(ctx: Context, req: dict[str, Any]) -> str:
    if ":event-source-mapping:" in req["Resource"]:
        return str(req["Resource"])
    who = named(ctx, {"FunctionName": req["Resource"]})
    return function_arn(ctx, who.name)


def _existing(ctx: Context, req: dict[str, Any]) -> str:
    if ":event-source-mapping:" in req["Resource"]:
        from cloudjar.services.lambda_.event_sources import find_mapping, mapping_arn

        return mapping_arn(ctx, find_mapping(ctx, req["Resource"].rpartition(":")[2]).uuid)
    who = named(ctx, {"FunctionName": req["Resource"]})
    if who.qualifier:
        raise errors.invalid("Tags on function aliases and versions are not supported. Please specify either a function ARN.")
    find_function(ctx, who.name)
    return function_arn(ctx, who.name)


@operation(on=_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn = _existing(ctx, req)
    check_tags({**ctx.tags(arn), **req["Tags"]})
    ctx.add_tags(arn, req["Tags"])


@operation(on=_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_existing(ctx, req), req["TagKeys"])


@operation(on=_resource)
def list_tags(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": ctx.tags(_existing(ctx, req))}
