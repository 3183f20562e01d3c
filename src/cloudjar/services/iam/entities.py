"""Users, groups and roles as IAM's other nouns see them: the owners of policies, keys and devices."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeVar

from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import errors, naming

Kind = Literal["user", "group", "role"]


@record("iam.user", key="name", scope="account", indexes={"folded": "folded", "id": "id", "boundary": ("boundary", "name")})
class User(Record):
    """A person or a program with credentials of its own."""

    name: str
    folded: str
    """The name in lower case: names that differ in case alone are one."""
    id: str
    """AIDA..."""
    arn: str
    path: str
    created: datetime
    boundary: str | None = None
    password_last_used: datetime | None = None


@record("iam.group", key="name", scope="account", indexes={"folded": "folded", "id": "id"})
class Group(Record):
    """Users that share policies."""

    name: str
    folded: str
    id: str
    """AGPA..."""
    arn: str
    path: str
    created: datetime


@record("iam.membership", key=("group_id", "user_id"), scope="account", indexes={"user": ("user_id", "group_id")})
class Membership(Record):
    """That a user is in a group."""

    group_id: str
    user_id: str


Owner = User | Group | Role
"""What policies are attached to."""
E = TypeVar("E", User, Group, Role)


def named(ctx: Context, kind: type[E], name: str) -> E | None:
    """The user, group or role of that name, in whatever case: names are kept as they were given, and compared without."""
    return ctx.get(kind, name) or ctx.where(kind, folded=name.lower()).first()


def find_user(ctx: Context, name: str) -> User:
    """The user of that name; raises NoSuchEntity."""
    found = named(ctx, User, name)
    if found is None:
        raise errors.user_not_found(name)
    return found


def find_group(ctx: Context, name: str) -> Group:
    """The group of that name; raises NoSuchEntity."""
    found = named(ctx, Group, name)
    if found is None:
        raise errors.group_not_found(name)
    return found


def find_role(ctx: Context, name: str) -> Role:
    """The role of that name; raises NoSuchEntity."""
    found = named(ctx, Role, name)
    if found is None:
        raise errors.role_not_found(name)
    return found


def find_changeable_role(ctx: Context, name: str) -> Role:
    """The role of that name, unless a service owns it; raises NoSuchEntity or UnmodifiableEntity."""
    role = find_role(ctx, name)
    if role.service:
        raise errors.protected_role(name)
    return role


def groups_of(ctx: Context, user_id: str) -> list[Group]:
    """The groups that a user is in, by name."""
    found = [ctx.where(Group, id=membership.group_id).first() for membership in ctx.where(Membership, user_id=user_id)]
    return sorted((group for group in found if group), key=lambda group: group.name)


def owner_with_id(ctx: Context, owner_id: str) -> Owner | None:
    """The user, group or role with a unique id."""
    kinds: dict[str, type[User] | type[Group] | type[Role]] = {"AIDA": User, "AGPA": Group, "AROA": Role}
    return ctx.where(kinds[owner_id[:4]], id=owner_id).first()


# What IAM is asked about: the entity's ARN if there is one, else the ARN that it would have at the root path.


def user_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The user that a call names, or means by naming none."""
    name = req.get("UserName") or naming.caller_name(ctx)
    if not name:
        return ctx.arn("iam", "root", region="")
    found = named(ctx, User, name)
    return found.arn if found else naming.arn(ctx, "user", "/", name)


def group_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The group that a call names."""
    found = named(ctx, Group, req["GroupName"])
    return found.arn if found else naming.arn(ctx, "group", "/", req["GroupName"])


def role_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The role that a call names."""
    found = named(ctx, Role, req["RoleName"])
    return found.arn if found else naming.arn(ctx, "role", "/", req["RoleName"])
