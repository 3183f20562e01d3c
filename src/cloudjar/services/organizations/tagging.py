"""Tags of roots, units, accounts and policies."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.organization import Organization
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.organizations.organizations import managed, organization_of, readable
from cloudjar.services.organizations.policies import find_policy, policy_arn, target_to_wire


def _arn(ctx: Context, organization: Organization, resource: str) -> str:
    if resource.startswith("p-"):
        return policy_arn(find_policy(ctx, organization, resource), organization)
    found: str = target_to_wire(ctx, organization, resource)["Arn"]
    return found


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return _arn(ctx, organization_of(ctx), req["ResourceId"])


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn = _arn(ctx, managed(ctx), req["ResourceId"])
    wanted = tag_rules.from_list(req["Tags"])
    tag_rules.check({**ctx.tags(arn), **wanted}, "InvalidInputException")
    ctx.add_tags(arn, wanted)


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_arn(ctx, managed(ctx), req["ResourceId"]), req["TagKeys"])


@operation(on=on_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": tag_rules.to_list(ctx.tags(_arn(ctx, readable(ctx), req["ResourceId"])))}
