"""Tags of tables."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.policies import on_resource
from cloudjar.services.dynamodb.schema import Table


def _taggable(ctx: Context, arn: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("table/"):
        raise errors.invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    if parts[4] != ctx.account:
        raise AwsError("AccessDeniedException", f"User: {ctx.principal.arn} is not authorized to access the resource {arn}")
    if parts[3] != ctx.region or ctx.get(Table, parts[5].removeprefix("table/")) is None:
        raise errors.resource_not_found(arn)
    return arn


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn = _taggable(ctx, req["ResourceArn"])
    added = tags.from_list(req["Tags"])
    tags.check({**ctx.tags(arn), **added})
    ctx.add_tags(arn, added)


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_taggable(ctx, req["ResourceArn"]), req["TagKeys"])


@operation(on=on_resource)
def list_tags_of_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": tags.to_list(ctx.tags(_taggable(ctx, req["ResourceArn"])))}
