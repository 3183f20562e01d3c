"""Managed policies on users, groups and roles."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.iam import errors, naming, quotas
from cloudjar.services.iam.entities import (
    Group,
    Owner,
    User,
    find_changeable_role,
    find_group,
    find_role,
    find_user,
    group_arn,
    owner_with_id,
    role_arn,
    user_arn,
)
from cloudjar.services.iam.policies import Attachment, find_any, find_attachable, policy_arn


def attached(ctx: Context, owner_id: str) -> list[dict[str, str]]:
    """What is attached to one owner, as the wire lists it."""
    return [
        {"PolicyName": attachment.policy_arn.rpartition("/")[2], "PolicyArn": attachment.policy_arn}
        for attachment in ctx.where(Attachment, owner_id=owner_id)
    ]


def _attach(ctx: Context, owner: Owner, arn: str, quota: str) -> None:
    find_attachable(ctx, arn)
    if ctx.get(Attachment, owner.id, arn) is None:
        quotas.check(ctx.where(Attachment, owner_id=owner.id).count(), quotas.ATTACHED_POLICIES, quota)
        ctx.put(Attachment(owner.id, arn))


def _detach(ctx: Context, owner: Owner, arn: str) -> None:
    naming.check_arn(ctx, arn, "policy")
    found = ctx.get(Attachment, owner.id, arn)
    if found is None:
        raise errors.policy_not_found(arn)
    ctx.delete(found)


def _page(ctx: Context, req: dict[str, Any], owner: Owner) -> dict[str, Any]:
    prefix = req.get("PathPrefix") or "/"
    found = [item for item in attached(ctx, owner.id) if item["PolicyArn"].partition(":policy")[2].startswith(prefix)]
    return naming.page_of(req, "AttachedPolicies", found, lambda item: item["PolicyArn"], lambda item: item)


@operation(on=user_arn)
def attach_user_policy(ctx: Context, req: dict[str, Any]) -> None:
    _attach(ctx, find_user(ctx, req["UserName"]), req["PolicyArn"], "PoliciesPerUser")


@operation(on=user_arn)
def detach_user_policy(ctx: Context, req: dict[str, Any]) -> None:
    _detach(ctx, find_user(ctx, req["UserName"]), req["PolicyArn"])


@operation(on=user_arn)
def list_attached_user_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _page(ctx, req, find_user(ctx, req["UserName"]))


@operation(on=group_arn)
def attach_group_policy(ctx: Context, req: dict[str, Any]) -> None:
    _attach(ctx, find_group(ctx, req["GroupName"]), req["PolicyArn"], "PoliciesPerGroup")


@operation(on=group_arn)
def detach_group_policy(ctx: Context, req: dict[str, Any]) -> None:
    _detach(ctx, find_group(ctx, req["GroupName"]), req["PolicyArn"])


@operation(on=group_arn)
def list_attached_group_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _page(ctx, req, find_group(ctx, req["GroupName"]))


@operation(on=role_arn)
def attach_role_policy(ctx: Context, req: dict[str, Any]) -> None:
    _attach(ctx, find_changeable_role(ctx, req["RoleName"]), req["PolicyArn"], "PoliciesPerRole")


@operation(on=role_arn)
def detach_role_policy(ctx: Context, req: dict[str, Any]) -> None:
    _detach(ctx, find_changeable_role(ctx, req["RoleName"]), req["PolicyArn"])


@operation(on=role_arn)
def list_attached_role_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _page(ctx, req, find_role(ctx, req["RoleName"]))


@operation(on=policy_arn)
def list_entities_for_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    arn = req["PolicyArn"]
    find_any(ctx, arn)
    usage, kind = req.get("PolicyUsageFilter"), req.get("EntityFilter")
    owners: list[Owner | None] = []
    if usage != "PermissionsBoundary":
        owners += [owner_with_id(ctx, attachment.owner_id) for attachment in ctx.where(Attachment, policy_arn=arn)]
    if usage != "PermissionsPolicy":
        owners += [*ctx.where(User, boundary=arn), *ctx.where(Role, boundary=arn)]
    # By id, once each: an entity may have the policy attached and as its boundary.
    found = {owner.id: owner for owner in owners if owner and naming.under(req.get("PathPrefix"))(owner)}
    if kind in ("User", "Role", "Group"):
        found = {key: owner for key, owner in found.items() if type(owner).__name__ == kind}
    elif kind in ("LocalManagedPolicy", "AWSManagedPolicy"):
        found = {}
    answer = naming.page_of(req, "owners", found.values(), lambda owner: owner.id, lambda owner: owner)
    page: list[Owner] = answer.pop("owners")
    answer["PolicyUsers"] = [{"UserName": owner.name, "UserId": owner.id} for owner in page if isinstance(owner, User)]
    answer["PolicyRoles"] = [{"RoleName": owner.name, "RoleId": owner.id} for owner in page if isinstance(owner, Role)]
    answer["PolicyGroups"] = [{"GroupName": owner.name, "GroupId": owner.id} for owner in page if isinstance(owner, Group)]
    return answer
