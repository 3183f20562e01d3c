"""Users."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import belongings, boundaries, errors, naming, quotas, tags, trusted_principals
from cloudjar.services.iam.entities import User, find_user, user_arn

ACCOUNT_BORN = datetime(2020, 1, 1, tzinfo=UTC)
"""The CreateDate of every account's root user: accounts of a world are simply there."""


def new_user_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a user about to be made will have."""
    return naming.arn(ctx, "user", naming.path_of(req), req["UserName"])


def listed_user(user: User) -> dict[str, Any]:
    """A User as lists give it: no boundary, no tags."""
    wire: dict[str, Any] = {"Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": user.arn, "CreateDate": user.created}
    if user.password_last_used:
        wire["PasswordLastUsed"] = user.password_last_used
    return wire


def user_to_wire(ctx: Context, user: User) -> dict[str, Any]:
    """A whole User."""
    return listed_user(user) | boundaries.to_wire(user.boundary) | tags.to_wire(ctx, user.arn)


@operation(on=new_user_arn)
def create_user(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["UserName"]
    _check_free(ctx, name)
    quotas.check(ctx.where(User).count(), quotas.USERS, "UsersPerAccount")
    user = User(
        name=name,
        folded=name.lower(),
        id=ctx.ids.unique_id("AIDA"),
        arn=new_user_arn(ctx, req),
        path=naming.path_of(req),
        created=naming.now(ctx),
        boundary=boundaries.checked(ctx, req.get("PermissionsBoundary")),
    )
    ctx.put(user)
    tags.put(ctx, user.arn, req.get("Tags"))
    return {"User": user_to_wire(ctx, user)}


@operation(on=user_arn)
def get_user(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if not req.get("UserName") and ctx.principal.kind == "root":
        root = {"Path": "/", "UserName": "root", "UserId": ctx.account, "Arn": ctx.principal.arn, "CreateDate": ACCOUNT_BORN}
        return {"User": root}
    return {"User": user_to_wire(ctx, find_user(ctx, naming.user_name(ctx, req)))}


@operation(on=naming.listed("user"))
def list_users(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, ctx.where(User).filtered(naming.under(req.get("PathPrefix"))), listed_user)


@operation(on=user_arn)
def update_user(ctx: Context, req: dict[str, Any]) -> None:
    user = find_user(ctx, req["UserName"])
    name, path = req.get("NewUserName") or user.name, req.get("NewPath") or user.path
    if name.lower() != user.folded:
        _check_free(ctx, name)
    renamed = replace(user, name=name, folded=name.lower(), path=path, arn=naming.arn(ctx, "user", path, name))
    ctx.delete(user)
    ctx.put(renamed)
    belongings.follow(ctx, user, renamed)


@operation(on=user_arn)
def delete_user(ctx: Context, req: dict[str, Any]) -> None:
    user = find_user(ctx, req["UserName"])
    belongings.check_none(ctx, user)
    trusted_principals.rename(ctx, user.arn, user.id)
    ctx.set_tags(user.arn, {})
    ctx.delete(user)


def _check_free(ctx: Context, name: str) -> None:
    if ctx.where(User, folded=name.lower()).first():
        raise errors.name_taken("User", name)
