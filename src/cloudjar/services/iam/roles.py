"""Roles."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import boundaries, documents, errors, naming, quotas, tags, trusted_principals
from cloudjar.services.iam.entities import find_changeable_role, find_role, role_arn
from cloudjar.services.iam.inline_policies import InlinePolicy
from cloudjar.services.iam.instance_profiles import profiles_with
from cloudjar.services.iam.policies import Attachment


def new_role_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a role about to be made will have."""
    return naming.arn(ctx, "role", naming.path_of(req), req["RoleName"])


def listed_role(role: Role) -> dict[str, Any]:
    """A Role as lists give it: no boundary, no tags, no last use."""
    wire: dict[str, Any] = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": naming.quoted(role.trust_policy),
        "MaxSessionDuration": role.max_session_seconds,
    }
    if role.description:
        wire["Description"] = role.description
    if role.max_signin_seconds:
        wire["MaxSigninSessionDuration"] = role.max_signin_seconds
    return wire


def last_used(role: Role) -> dict[str, Any]:
    """The RoleLastUsed member; empty for a role that never was."""
    return {"RoleLastUsed": {"LastUsedDate": role.last_used, "Region": role.last_used_region} if role.last_used else {}}


def role_to_wire(ctx: Context, role: Role) -> dict[str, Any]:
    """A whole Role."""
    return listed_role(role) | boundaries.to_wire(role.boundary) | tags.to_wire(ctx, role.arn) | last_used(role)


@operation(on=new_role_arn)
def create_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, path = req["RoleName"], naming.path_of(req)
    if path.startswith("/aws-service-role/"):
        raise errors.invalid_input(f"Cannot create a role with the path {path}: it is reserved for service-linked roles.")
    documents.check_trust_policy(ctx, req["AssumeRolePolicyDocument"])
    role = add(ctx, name, path, req["AssumeRolePolicyDocument"], req.get("Description"))
    role = replace(
        role,
        max_session_seconds=req.get("MaxSessionDuration") or role.max_session_seconds,
        max_signin_seconds=req.get("MaxSigninSessionDuration"),
        boundary=boundaries.checked(ctx, req.get("PermissionsBoundary")),
    )
    ctx.put(role)
    trusted_principals.note(ctx, role)
    tags.put(ctx, role.arn, req.get("Tags"))
    wire = role_to_wire(ctx, role)
    del wire["RoleLastUsed"]
    return {"Role": wire}


def add(ctx: Context, name: str, path: str, trust_policy: str, description: str | None, service: str = "") -> Role:
    """Stores a new role; raises EntityAlreadyExists or LimitExceeded."""
    if ctx.where(Role, folded=name.lower()).first():
        raise errors.name_taken("Role", name)
    quotas.check(ctx.where(Role).count(), quotas.ROLES, "RolesPerAccount")
    return ctx.put(
        Role(
            name=name,
            folded=name.lower(),
            id=ctx.ids.unique_id("AROA"),
            arn=naming.arn(ctx, "role", path, name),
            path=path,
            trust_policy=trust_policy,
            created=naming.now(ctx),
            description=description or "",
            service=service,
        )
    )


@operation(on=role_arn)
def get_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Role": role_to_wire(ctx, find_role(ctx, req["RoleName"]))}


@operation(on=naming.listed("role"))
def list_roles(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, ctx.where(Role).filtered(naming.under(req.get("PathPrefix"))), listed_role)


@operation(on=role_arn)
def update_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    role = find_changeable_role(ctx, req["RoleName"])
    # A call without Description takes the description away; so does AWS.
    seconds = req.get("MaxSessionDuration") or role.max_session_seconds
    signin = naming.signin_seconds(req, role.max_signin_seconds)
    ctx.put(replace(role, description=req.get("Description") or "", max_session_seconds=seconds, max_signin_seconds=signin))
    return {}


@operation(on=role_arn)
def update_role_description(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    role = ctx.put(replace(find_role(ctx, req["RoleName"]), description=req["Description"]))
    return {"Role": role_to_wire(ctx, role)}


@operation(on=role_arn)
def update_assume_role_policy(ctx: Context, req: dict[str, Any]) -> None:
    role = find_changeable_role(ctx, req["RoleName"])
    documents.check_trust_policy(ctx, req["PolicyDocument"])
    trusted_principals.note(ctx, ctx.put(replace(role, trust_policy=req["PolicyDocument"])))


@operation(on=role_arn)
def delete_role(ctx: Context, req: dict[str, Any]) -> None:
    role = find_changeable_role(ctx, req["RoleName"])
    if profiles_with(ctx, role.id).first():
        raise errors.delete_conflict("remove roles from instance profile")
    if ctx.where(InlinePolicy, owner_id=role.id).first():
        raise errors.delete_conflict("delete policies")
    if ctx.where(Attachment, owner_id=role.id).first():
        raise errors.delete_conflict("detach all policies")
    remove(ctx, role)


def remove(ctx: Context, role: Role) -> None:
    """Deletes a role's record and tags."""
    trusted_principals.forget(ctx, role)
    trusted_principals.rename(ctx, role.arn, role.id)
    ctx.set_tags(role.arn, {})
    ctx.delete(role)
