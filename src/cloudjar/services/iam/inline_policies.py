"""Inline policies of users, groups and roles."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.policy.grammar import policy_size
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import documents, errors, naming, quotas
from cloudjar.services.iam.entities import (
    Kind,
    Owner,
    find_changeable_role,
    find_group,
    find_role,
    find_user,
    group_arn,
    role_arn,
    user_arn,
)


@record("iam.inline_policy", key=("owner_id", "name"), scope="account")
class InlinePolicy(Record):
    """A document that belongs to one user, group or role."""

    owner_id: str
    name: str
    document: str


def _put(ctx: Context, kind: Kind, owner: Owner, req: dict[str, Any]) -> None:
    name, document = req["PolicyName"], req["PolicyDocument"]
    documents.check_identity_policy(document)
    others = sum(policy_size(policy.document) for policy in ctx.where(InlinePolicy, owner_id=owner.id) if policy.name != name)
    if others + policy_size(document) > quotas.INLINE_SIZE[kind]:
        raise errors.inline_size(quotas.INLINE_SIZE[kind], kind, owner.name)
    ctx.put(InlinePolicy(owner.id, name, document))


def _find(ctx: Context, kind: Kind, owner: Owner, name: str) -> InlinePolicy:
    found = ctx.get(InlinePolicy, owner.id, name)
    if found is None:
        raise errors.inline_policy_not_found(kind, name)
    return found


def _get(ctx: Context, kind: Kind, owner: Owner, req: dict[str, Any]) -> dict[str, Any]:
    policy = _find(ctx, kind, owner, req["PolicyName"])
    return {f"{kind.title()}Name": owner.name, "PolicyName": policy.name, "PolicyDocument": naming.quoted(policy.document)}


def _names(ctx: Context, owner: Owner, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, ctx.where(InlinePolicy, owner_id=owner.id), lambda policy: policy.name)


@operation(on=user_arn)
def put_user_policy(ctx: Context, req: dict[str, Any]) -> None:
    _put(ctx, "user", find_user(ctx, req["UserName"]), req)


@operation(on=user_arn)
def get_user_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _get(ctx, "user", find_user(ctx, req["UserName"]), req)


@operation(on=user_arn)
def delete_user_policy(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, "user", find_user(ctx, req["UserName"]), req["PolicyName"]))


@operation(on=user_arn)
def list_user_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _names(ctx, find_user(ctx, req["UserName"]), req)


@operation(on=group_arn)
def put_group_policy(ctx: Context, req: dict[str, Any]) -> None:
    _put(ctx, "group", find_group(ctx, req["GroupName"]), req)


@operation(on=group_arn)
def get_group_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _get(ctx, "group", find_group(ctx, req["GroupName"]), req)


@operation(on=group_arn)
def delete_group_policy(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, "group", find_group(ctx, req["GroupName"]), req["PolicyName"]))


@operation(on=group_arn)
def list_group_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _names(ctx, find_group(ctx, req["GroupName"]), req)


@operation(on=role_arn)
def put_role_policy(ctx: Context, req: dict[str, Any]) -> None:
    _put(ctx, "role", find_changeable_role(ctx, req["RoleName"]), req)


@operation(on=role_arn)
def get_role_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _get(ctx, "role", find_role(ctx, req["RoleName"]), req)


@operation(on=role_arn)
def delete_role_policy(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, "role", find_changeable_role(ctx, req["RoleName"]), req["PolicyName"]))


@operation(on=role_arn)
def list_role_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _names(ctx, find_role(ctx, req["RoleName"]), req)
