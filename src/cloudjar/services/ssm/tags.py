"""Tags of parameters."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.ssm import errors, names
from cloudjar.services.ssm.records import Parameter, parameter_arn


@operation(on=names.tagged)
def add_tags_to_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn = _taggable(ctx, req)
    added = tags.from_list(req["Tags"])
    if len({**ctx.tags(arn), **added}) > tags.LIMIT:
        tags.check({**ctx.tags(arn), **added}, "TooManyTagsError")
    tags.check(added)
    ctx.add_tags(arn, added)


@operation(on=names.tagged)
def remove_tags_from_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_taggable(ctx, req), req["TagKeys"])


@operation(on=names.tagged)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"TagList": tags.to_list(ctx.tags(_taggable(ctx, req)))}


def _taggable(ctx: Context, req: dict[str, Any]) -> str:
    if req["ResourceType"] != "Parameter":
        raise not_implemented("ssm", ctx.call_info.operation, f"ResourceType {req['ResourceType']}")
    if ctx.get(Parameter, req["ResourceId"]) is None:
        raise errors.resource_not_found(req["ResourceId"])
    return parameter_arn(ctx, req["ResourceId"])
