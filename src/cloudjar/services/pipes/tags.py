"""Tags of pipes."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.pipes import errors
from cloudjar.services.pipes.pipes import Pipe, pipe_arn


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["resourceArn"])


def _find(ctx: Context, arn: str) -> str:
    name = arn.rpartition(":pipe/")[2]
    if arn != pipe_arn(ctx, name) or ctx.get(Pipe, name) is None:
        raise errors.not_found(name)
    return arn


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn = _find(ctx, req["resourceArn"])
    tags.check({**ctx.tags(arn), **req["tags"]})
    ctx.add_tags(arn, req["tags"])


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_find(ctx, req["resourceArn"]), req["tagKeys"])


@operation(on=on_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": ctx.tags(_find(ctx, req["resourceArn"]))}
