"""Instance profiles: the envelope in which an EC2 instance gets its role."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.rows import Rows
from cloudjar.services.iam import errors, naming, quotas, tags
from cloudjar.services.iam.entities import find_changeable_role, find_role, role_arn


@record("iam.instance_profile", key="name", scope="account", indexes={"folded": "folded", "id": "id", "role": ("role_id", "name")})
class InstanceProfile(Record):
    """A holder of at most one role."""

    name: str
    folded: str
    id: str
    """AIPA..."""
    arn: str
    path: str
    created: datetime
    role_id: str | None = None


def profiles_with(ctx: Context, role_id: str) -> Rows[InstanceProfile]:
    """The profiles that hold a role."""
    return ctx.where(InstanceProfile, role_id=role_id)


def named(ctx: Context, name: str) -> InstanceProfile | None:
    """The instance profile of that name, in whatever case."""
    return ctx.get(InstanceProfile, name) or ctx.where(InstanceProfile, folded=name.lower()).first()


def find_profile(ctx: Context, name: str) -> InstanceProfile:
    """The instance profile of that name; raises NoSuchEntity."""
    found = named(ctx, name)
    if found is None:
        raise errors.instance_profile_not_found(name)
    return found


def profile_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    found = named(ctx, req["InstanceProfileName"])
    return found.arn if found else new_profile_arn(ctx, req)


def new_profile_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a profile about to be made will have."""
    return naming.arn(ctx, "instance-profile", naming.path_of(req), req["InstanceProfileName"])


def listed_profile(ctx: Context, profile: InstanceProfile) -> dict[str, Any]:
    """An InstanceProfile as lists give it: no tags."""
    from cloudjar.services.iam.roles import listed_role  # roles know their profiles

    role = ctx.where(Role, id=profile.role_id).first() if profile.role_id else None
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.created,
        "Roles": [listed_role(role)] if role else [],
    }


def profile_to_wire(ctx: Context, profile: InstanceProfile) -> dict[str, Any]:
    """A whole InstanceProfile."""
    return listed_profile(ctx, profile) | tags.to_wire(ctx, profile.arn)


@operation(on=new_profile_arn)
def create_instance_profile(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["InstanceProfileName"]
    if ctx.where(InstanceProfile, folded=name.lower()).first():
        raise errors.instance_profile_taken(name)
    quotas.check(ctx.where(InstanceProfile).count(), quotas.INSTANCE_PROFILES, "InstanceProfilesPerAccount")
    profile = InstanceProfile(
        name=name,
        folded=name.lower(),
        id=ctx.ids.unique_id("AIPA"),
        arn=new_profile_arn(ctx, req),
        path=naming.path_of(req),
        created=naming.now(ctx),
    )
    ctx.put(profile)
    tags.put(ctx, profile.arn, req.get("Tags"))
    return {"InstanceProfile": profile_to_wire(ctx, profile)}


@operation(on=profile_arn)
def get_instance_profile(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"InstanceProfile": profile_to_wire(ctx, find_profile(ctx, req["InstanceProfileName"]))}


@operation(on=naming.listed("instance-profile"))
def list_instance_profiles(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(InstanceProfile).filtered(naming.under(req.get("PathPrefix")))
    return naming.page(ctx, req, rows, lambda profile: listed_profile(ctx, profile))


@operation(on=role_arn)
def list_instance_profiles_for_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    role = find_role(ctx, req["RoleName"])
    return naming.page(ctx, req, profiles_with(ctx, role.id), lambda profile: listed_profile(ctx, profile))


@operation(on=profile_arn)
def add_role_to_instance_profile(ctx: Context, req: dict[str, Any]) -> None:
    profile = find_profile(ctx, req["InstanceProfileName"])
    role = find_changeable_role(ctx, req["RoleName"])
    if profile.role_id:
        raise errors.quota("InstanceSessionsPerInstanceProfile", 1)
    ctx.put(replace(profile, role_id=role.id))


@operation(on=profile_arn)
def remove_role_from_instance_profile(ctx: Context, req: dict[str, Any]) -> None:
    profile = find_profile(ctx, req["InstanceProfileName"])
    role = find_changeable_role(ctx, req["RoleName"])
    if profile.role_id != role.id:
        raise errors.role_not_in_profile(role.name, profile.name)
    ctx.put(replace(profile, role_id=None))


@operation(on=profile_arn)
def delete_instance_profile(ctx: Context, req: dict[str, Any]) -> None:
    profile = find_profile(ctx, req["InstanceProfileName"])
    if profile.role_id:
        raise errors.delete_conflict("remove roles from instance profile")
    ctx.set_tags(profile.arn, {})
    ctx.delete(profile)
