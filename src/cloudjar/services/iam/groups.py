"""Groups and their members."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors, naming, quotas
from cloudjar.services.iam.entities import Group, Membership, User, find_group, find_user, group_arn, groups_of, user_arn
from cloudjar.services.iam.inline_policies import InlinePolicy
from cloudjar.services.iam.policies import Attachment
from cloudjar.services.iam.users import listed_user


def new_group_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a group about to be made will have."""
    return naming.arn(ctx, "group", naming.path_of(req), req["GroupName"])


def group_to_wire(group: Group) -> dict[str, Any]:
    return {"Path": group.path, "GroupName": group.name, "GroupId": group.id, "Arn": group.arn, "CreateDate": group.created}


@operation(on=new_group_arn)
def create_group(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["GroupName"]
    _check_free(ctx, name)
    quotas.check(ctx.where(Group).count(), quotas.GROUPS, "GroupsPerAccount")
    group = Group(
        name=name,
        folded=name.lower(),
        id=ctx.ids.unique_id("AGPA"),
        arn=new_group_arn(ctx, req),
        path=naming.path_of(req),
        created=naming.now(ctx),
    )
    ctx.put(group)
    return {"Group": group_to_wire(group)}


@operation(on=group_arn)
def get_group(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = find_group(ctx, req["GroupName"])
    members = [ctx.where(User, id=membership.user_id).first() for membership in ctx.where(Membership, group_id=group.id)]
    users = [user for user in members if user]
    return {"Group": group_to_wire(group), **naming.page_of(req, "Users", users, lambda user: user.name, listed_user)}


@operation(on=naming.listed("group"))
def list_groups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, ctx.where(Group).filtered(naming.under(req.get("PathPrefix"))), group_to_wire)


@operation(on=user_arn)
def list_groups_for_user(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, req["UserName"])
    return naming.page_of(req, "Groups", groups_of(ctx, user.id), lambda group: group.name, group_to_wire)


@operation(on=group_arn)
def update_group(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["GroupName"])
    name, path = req.get("NewGroupName") or group.name, req.get("NewPath") or group.path
    if name.lower() != group.folded:
        _check_free(ctx, name)
    ctx.delete(group)
    ctx.put(replace(group, name=name, folded=name.lower(), path=path, arn=naming.arn(ctx, "group", path, name)))


@operation(on=group_arn)
def delete_group(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["GroupName"])
    if ctx.where(Membership, group_id=group.id).first():
        raise errors.delete_conflict("remove users from group")
    if ctx.where(Attachment, owner_id=group.id).first():
        raise errors.delete_conflict("detach all policies")
    if ctx.where(InlinePolicy, owner_id=group.id).first():
        raise errors.delete_conflict("delete policies")
    ctx.delete(group)


@operation(on=group_arn)
def add_user_to_group(ctx: Context, req: dict[str, Any]) -> None:
    group, user = find_group(ctx, req["GroupName"]), find_user(ctx, req["UserName"])
    if ctx.get(Membership, group.id, user.id) is None:
        quotas.check(ctx.where(Membership, user_id=user.id).count(), quotas.GROUPS_PER_USER, "GroupsPerUser")
        ctx.put(Membership(group.id, user.id))


@operation(on=group_arn)
def remove_user_from_group(ctx: Context, req: dict[str, Any]) -> None:
    group, user = find_group(ctx, req["GroupName"]), find_user(ctx, req["UserName"])
    membership = ctx.get(Membership, group.id, user.id)
    if membership is None:
        raise errors.not_in_group(user.name, group.name)
    ctx.delete(membership)


def _check_free(ctx: Context, name: str) -> None:
    if ctx.where(Group, folded=name.lower()).first():
        raise errors.name_taken("Group", name)
