"""Who belongs to an organization, and what its policies say: Organizations writes these records, the judge reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record

ControlType = Literal["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]

Documents = tuple[tuple[str, str], ...]
"""(name, JSON text), ..."""

RCP_SERVICES = frozenset(
    {"s3", "sts", "kms", "sqs", "secretsmanager", "ecr", "aoss", "dynamodb", "cognito-idp", "cognito-identity", "logs"}
)
"""IAM's prefixes of the services whose resources RCPs bind. Source: "Resource control policies (RCPs)", Organizations User Guide."""


@record("organizations.organization", key="id", scope="world")
class Organization(Record):
    """A group of accounts under one management account."""

    id: str
    """o-..."""
    root_id: str
    """r-..."""
    management: str
    """The management account's number."""
    created: datetime
    feature_set: str = "ALL"
    enabled_types: tuple[str, ...] = ()
    email: str = ""
    services: dict[str, datetime] = {}
    """Services with trusted access, and since when."""
    features: tuple[str, ...] = ()
    """What of central root access is enabled: RootCredentialsManagement, RootSessions."""


@record(
    "organizations.member",
    key="account",
    scope="world",
    indexes={"organization": ("organization", "account"), "parent": ("parent", "account")},
)
class Member(Record):
    """An account in an organization."""

    account: str
    organization: str
    parent: str
    """The root or organizational unit right above."""
    name: str
    email: str
    joined: datetime
    method: str = "CREATED"
    status: str = "ACTIVE"
    delegations: dict[str, datetime] = {}
    """Services that the account administers for the organization, and since when."""


@record("organizations.unit", key="id", scope="world", indexes={"parent": ("parent", "id")})
class Unit(Record):
    """An organizational unit."""

    id: str
    """ou-..."""
    organization: str
    parent: str
    name: str


@record("organizations.policy", key="id", scope="world", indexes={"type": ("organization", "type", "id")})
class Control(Record):
    """A policy of an organization."""

    id: str
    """p-..."""
    organization: str
    type: str
    name: str
    description: str
    content: str
    aws_managed: bool = False


AWS_MANAGED = {
    control.id: control
    for control in (
        Control(
            "p-FullAWSAccess",
            "",
            "SERVICE_CONTROL_POLICY",
            "FullAWSAccess",
            "Allows access to every operation",
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
            aws_managed=True,
        ),
        Control(
            "p-RCPFullAWSAccess",
            "",
            "RESOURCE_CONTROL_POLICY",
            "RCPFullAWSAccess",
            "Allows all access to every resource",
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}',
            aws_managed=True,
        ),
    )
}
"""The policies that AWS itself attaches to everything when their type is enabled."""


@record("organizations.attachment", key=("target", "policy"), scope="world", indexes={"policy": ("policy", "target")})
class ControlAttachment(Record):
    """That a policy is attached to a root, unit or account."""

    target: str
    policy: str
    type: str


def membership(ctx: Context, account: str) -> Member | None:
    """The account's place in an organization; None for an account on its own."""
    return ctx.get(Member, account)


def line_of(ctx: Context, organization: Organization, node: str) -> tuple[str, ...]:
    """The ids from the organization's root down to a unit or, given its parent and itself, an account; both ends included."""
    found = [node]
    member = ctx.get(Member, node) if node.isdecimal() else None
    above = member.parent if member else None
    if member is None and node != organization.root_id:
        unit = ctx.get(Unit, node)
        above = unit.parent if unit else None
    while above is not None:
        found.append(above)
        unit = ctx.get(Unit, above)
        above = unit.parent if unit else None
    return tuple(reversed(found))


def controls(ctx: Context, account: str, kind: ControlType) -> tuple[Documents, ...] | None:
    """The policies of a type that bind an account, by level, from the root to the account; None where none do.

    The management account is bound by none.
    """
    member = ctx.get(Member, account)
    if member is None:
        return None
    organization = ctx.get(Organization, member.organization)
    if organization is None or organization.management == account or kind not in organization.enabled_types:
        return None
    return levels_of(ctx, line_of(ctx, organization, account), kind)


def levels_of(ctx: Context, nodes: tuple[str, ...], kind: ControlType) -> tuple[Documents, ...]:
    """The policies of a type on each of these roots, units and accounts."""
    levels = []
    for node in nodes:
        found = []
        for attachment in ctx.where(ControlAttachment, target=node):
            if attachment.type == kind:
                control = AWS_MANAGED.get(attachment.policy) or ctx.get(Control, attachment.policy)
                if control is not None:
                    found.append((control.id, control.content))
        levels.append(tuple(found))
    return tuple(levels)


def control_arn(ctx: Context, account: str, control_id: str, kind: ControlType) -> str:
    """The ARN of a policy that binds an account."""
    member, folder = ctx.get(Member, account), kind.lower()
    organization = ctx.get(Organization, member.organization) if member else None
    if control_id in AWS_MANAGED or organization is None:
        return f"arn:aws:organizations::aws:policy/{folder}/{control_id}"
    return f"arn:aws:organizations::{organization.management}:policy/{organization.id}/{folder}/{control_id}"


def path_of(ctx: Context, member: Member) -> str:
    """aws:PrincipalOrgPaths' value: "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/"."""
    organization = ctx.get(Organization, member.organization)
    if organization is None:
        return f"{member.organization}/"
    return "/".join((member.organization, *line_of(ctx, organization, member.account)[:-1])) + "/"
