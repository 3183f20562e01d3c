"""Permissions boundaries: the managed policy that says what a user or role can have at most."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import policies
from cloudjar.services.iam.entities import find_changeable_role, find_user, role_arn, user_arn


def checked(ctx: Context, arn: str | None) -> str | None:
    """A boundary as asked for, if it is a policy that exists; raises NoSuchEntity."""
    if arn:
        policies.find_attachable(ctx, arn)
    return arn


def to_wire(arn: str | None) -> dict[str, Any]:
    """The member of a user or role, left out if it has none."""
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}} if arn else {}


@operation(on=user_arn)
def put_user_permissions_boundary(ctx: Context, req: dict[str, Any]) -> None:
    user = find_user(ctx, req["UserName"])
    ctx.put(replace(user, boundary=checked(ctx, req["PermissionsBoundary"])))


@operation(on=user_arn)
def delete_user_permissions_boundary(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(find_user(ctx, req["UserName"]), boundary=None))


@operation(on=role_arn)
def put_role_permissions_boundary(ctx: Context, req: dict[str, Any]) -> None:
    role = find_changeable_role(ctx, req["RoleName"])
    ctx.put(replace(role, boundary=checked(ctx, req["PermissionsBoundary"])))


@operation(on=role_arn)
def delete_role_permissions_boundary(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(find_changeable_role(ctx, req["RoleName"]), boundary=None))
