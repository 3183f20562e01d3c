"""GetAccountAuthorizationDetails: everything that IAM knows of an account's permissions, page by page."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.managed_policies import ManagedPolicy
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.iam import boundaries, naming, tags
from cloudjar.services.iam.attachments import attached
from cloudjar.services.iam.entities import Group, User, groups_of
from cloudjar.services.iam.groups import group_to_wire
from cloudjar.services.iam.inline_policies import InlinePolicy
from cloudjar.services.iam.instance_profiles import listed_profile, profiles_with
from cloudjar.services.iam.policies import Attachment, Policy, PolicyVersion, aws_managed, listed_policy
from cloudjar.services.iam.policy_versions import aws_version_to_wire, version_to_wire
from cloudjar.services.iam.roles import last_used, listed_role
from cloudjar.services.iam.users import listed_user

MEMBERS = {"User": "UserDetailList", "Group": "GroupDetailList", "Role": "RoleDetailList"}
Entity = User | Group | Role | Policy | ManagedPolicy


@operation()
def get_account_authorization_details(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    wanted = set(req.get("Filter") or ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"))
    found: list[tuple[str, Entity]] = []
    if "User" in wanted:
        found += [("User", user) for user in ctx.where(User)]
    if "Group" in wanted:
        found += [("Group", group) for group in ctx.where(Group)]
    if "Role" in wanted:
        found += [("Role", role) for role in ctx.where(Role)]
    if "LocalManagedPolicy" in wanted:
        found += [("Policy", policy) for policy in ctx.where(Policy)]
    if "AWSManagedPolicy" in wanted:
        # Of AWS's thousand policies, those that are in use.
        arns = {attachment.policy_arn for attachment in ctx.where(Attachment)}
        arns |= {user.boundary for user in ctx.ordered_by(User, "boundary") if user.boundary}
        arns |= {role.boundary for role in ctx.ordered_by(Role, "boundary") if role.boundary}
        found += [("Policy", policy) for arn in sorted(arns) if (policy := aws_managed(ctx, arn))]
    page = naming.page_of(req, "rows", found, lambda row: f"{row[0]} {row[1].arn}", lambda row: row)
    rows: list[tuple[str, Entity]] = page.pop("rows")
    for member in (*MEMBERS.values(), "Policies"):
        page[member] = []
    for kind, row in rows:
        page[MEMBERS.get(kind, "Policies")].append(_detail(ctx, row))
    return page


def _detail(ctx: Context, row: Entity) -> dict[str, Any]:
    if isinstance(row, User):
        groups = [group.name for group in groups_of(ctx, row.id)]
        wire = listed_user(row) | {"GroupList": groups} | boundaries.to_wire(row.boundary) | tags.to_wire(ctx, row.arn)
        wire.pop("PasswordLastUsed", None)
        return wire | _policies(ctx, "User", row.id)
    if isinstance(row, Group):
        return group_to_wire(row) | _policies(ctx, "Group", row.id)
    if isinstance(row, Role):
        wire = listed_role(row) | boundaries.to_wire(row.boundary) | tags.to_wire(ctx, row.arn) | last_used(row)
        for member in ("Description", "MaxSessionDuration"):
            wire.pop(member, None)
        profiles = [listed_profile(ctx, profile) for profile in profiles_with(ctx, row.id)]
        return wire | {"InstanceProfileList": profiles} | _policies(ctx, "Role", row.id)
    if isinstance(row, Policy):
        versions = [version_to_wire(row, version, document=True) for version in ctx.where(PolicyVersion, policy_arn=row.arn).backwards()]
    else:
        versions = [aws_version_to_wire(row, version, document=True) for version in reversed(row.versions)]
    return listed_policy(ctx, row) | {"PolicyVersionList": versions}


def _policies(ctx: Context, kind: str, owner_id: str) -> dict[str, Any]:
    inline = [
        {"PolicyName": policy.name, "PolicyDocument": naming.quoted(policy.document)}
        for policy in ctx.where(InlinePolicy, owner_id=owner_id)
    ]
    return {f"{kind}PolicyList": inline, "AttachedManagedPolicies": attached(ctx, owner_id)}
