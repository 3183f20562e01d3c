"""Accounts: created, described, moved, closed, removed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.identity.organization import Member, Organization, Unit, line_of
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.principal import root_of
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.organizations import errors
from cloudjar.services.organizations.organizations import (
    LETTERS,
    arn,
    attach_defaults,
    detach_all,
    managed,
    organization_of,
    readable,
)
from cloudjar.services.organizations.pages import page_of

CREATION_SECONDS = 2.0
ACCESS_ROLE = "OrganizationAccountAccessRole"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@record("organizations.creation", key="id", scope="world", indexes={"organization": ("organization", "id")})
class Creation(Record):
    """A request for a new account, and how far it is."""

    id: str
    """car-..."""
    organization: str
    name: str
    email: str
    role: str
    requested: datetime
    state: str = "IN_PROGRESS"
    completed: datetime | None = None
    account: str = ""
    failure: str = ""
    tags: dict[str, str] = {}


def member_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on an account."""
    return account_arn(ctx, req["AccountId"])


def account_arn(ctx: Context, account: str) -> str:
    """An account's ARN in its organization; "*" where it is in none."""
    member = ctx.get(Member, account)
    organization = ctx.get(Organization, member.organization) if member else None
    return arn(organization, "account", account) if organization else "*"


def find_member(ctx: Context, organization: Organization, account: str) -> Member:
    """An account of the organization; raises AccountNotFoundException."""
    found = ctx.get(Member, account)
    if found is None or found.organization != organization.id:
        raise errors.account_not_found()
    return found


def account_to_wire(ctx: Context, organization: Organization, member: Member) -> dict[str, Any]:
    return {
        "Id": member.account,
        "Arn": arn(organization, "account", member.account),
        "Email": member.email,
        "Name": member.name,
        "Status": member.status,
        "State": "CLOSED" if member.status == "SUSPENDED" else member.status,
        "Paths": ["/".join((organization.id, *line_of(ctx, organization, member.account))) + "/"],
        "JoinedMethod": member.method,
        "JoinedTimestamp": member.joined,
    }


@operation()
def create_account(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = managed(ctx)
    tags = tag_rules.from_list(req.get("Tags"))
    tag_rules.check(tags, "InvalidInputException")
    creation = Creation(
        id="car-" + ctx.ids.text(LETTERS, 32),
        organization=organization.id,
        name=req["AccountName"],
        email=req["Email"],
        role=req.get("RoleName") or ACCESS_ROLE,
        requested=ctx.now,
        tags=tags,
    )
    ctx.put(creation)
    ctx.after(finish_creation, creation.id, seconds=CREATION_SECONDS)
    return {"CreateAccountStatus": creation_to_wire(creation)}


@timer
def finish_creation(ctx: Context, creation_id: str) -> None:
    """The account comes into being, with a role that lets the management account in; or the request fails."""
    creation = ctx.get(Creation, creation_id)
    organization = ctx.get(Organization, creation.organization) if creation else None
    if creation is None or creation.state != "IN_PROGRESS":
        return
    if organization is None:
        ctx.put(replace(creation, state="FAILED", completed=ctx.now, failure="INTERNAL_FAILURE"))
        return
    if any(member.email.lower() == creation.email.lower() for member in ctx.where(Member, organization=organization.id)):
        ctx.put(replace(creation, state="FAILED", completed=ctx.now, failure="EMAIL_ALREADY_EXISTS"))
        return
    account = _new_number(ctx)
    ctx.put(Member(account, organization.id, organization.root_id, creation.name, creation.email, ctx.now))
    attach_defaults(ctx, organization, account)
    ctx.set_tags(arn(organization, "account", account), creation.tags)
    there = ctx.at(account=account, principal=root_of(account)).as_service("organizations.amazonaws.com")
    principal = {"AWS": f"arn:aws:iam::{organization.management}:root"}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    there.call("iam", "CreateRole", {"RoleName": creation.role, "AssumeRolePolicyDocument": json.dumps(trust)})
    there.call("iam", "AttachRolePolicy", {"RoleName": creation.role, "PolicyArn": _ADMINISTRATOR})
    ctx.put(replace(creation, state="SUCCEEDED", completed=ctx.now, account=account))


def _new_number(ctx: Context) -> str:
    while True:
        account = ctx.ids.text("0123456789", 12)
        if account[0] != "0" and ctx.get(Member, account) is None:
            return account


def creation_to_wire(creation: Creation) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "Id": creation.id,
        "AccountName": creation.name,
        "State": creation.state,
        "RequestedTimestamp": creation.requested,
    }
    if creation.completed:
        wire["CompletedTimestamp"] = creation.completed
    if creation.account:
        wire["AccountId"] = creation.account
    if creation.failure:
        wire["FailureReason"] = creation.failure
    return wire


@operation()
def describe_create_account_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    found = ctx.get(Creation, req["CreateAccountRequestId"])
    if found is None or found.organization != organization.id:
        raise errors.status_not_found()
    return {"CreateAccountStatus": creation_to_wire(found)}


@operation()
def list_create_account_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    states = req.get("States")
    found = [each for each in ctx.where(Creation, organization=readable(ctx).id) if not states or each.state in states]
    return page_of(req, "CreateAccountStatuses", found, lambda each: each.id, creation_to_wire)


@operation(on=member_arn)
def describe_account(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    return {"Account": account_to_wire(ctx, organization, find_member(ctx, organization, req["AccountId"]))}


@operation()
def list_accounts(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    members = ctx.where(Member, organization=organization.id)
    return page_of(req, "Accounts", members, lambda member: member.account, lambda member: account_to_wire(ctx, organization, member))


@operation()
def list_accounts_for_parent(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    check_parent(ctx, organization, req["ParentId"])
    members = ctx.where(Member, parent=req["ParentId"])
    return page_of(req, "Accounts", members, lambda member: member.account, lambda member: account_to_wire(ctx, organization, member))


def check_parent(ctx: Context, organization: Organization, parent: str) -> None:
    """Raises ParentNotFoundException unless `parent` is the root or a unit of the organization."""
    unit = ctx.get(Unit, parent)
    if parent != organization.root_id and (unit is None or unit.organization != organization.id):
        raise errors.parent_not_found()


@operation(on=member_arn)
def move_account(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    member = find_member(ctx, organization, req["AccountId"])
    for parent, missing in ((req["SourceParentId"], errors.source_not_found), (req["DestinationParentId"], errors.destination_not_found)):
        unit = ctx.get(Unit, parent)
        if parent != organization.root_id and (unit is None or unit.organization != organization.id):
            raise missing()
    if member.parent == req["DestinationParentId"]:
        raise errors.duplicate_account()
    if member.parent != req["SourceParentId"]:
        raise errors.source_not_found()
    ctx.put(replace(member, parent=req["DestinationParentId"]))


@operation(on=member_arn)
def close_account(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    member = find_member(ctx, organization, req["AccountId"])
    if member.account == organization.management:
        raise errors.constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account.")
    if member.status != "ACTIVE":
        raise errors.already_closed()
    ctx.put(replace(member, status="PENDING_CLOSURE"))
    ctx.after(finish_closing, member.account, seconds=CREATION_SECONDS)


@timer
def finish_closing(ctx: Context, account: str) -> None:
    """A closed account stays in its organization, suspended."""
    member = ctx.get(Member, account)
    if member is not None and member.status == "PENDING_CLOSURE":
        ctx.put(replace(member, status="SUSPENDED"))


@operation(on=member_arn)
def remove_account_from_organization(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    member = find_member(ctx, organization, req["AccountId"])
    if member.account == organization.management:
        raise errors.management_cannot_leave()
    _leave(ctx, organization, member)


@operation()
def leave_organization(ctx: Context, req: dict[str, Any]) -> None:
    organization = organization_of(ctx)
    if organization.management == ctx.account:
        raise errors.management_cannot_leave()
    _leave(ctx, organization, find_member(ctx, organization, ctx.account))


def _leave(ctx: Context, organization: Organization, member: Member) -> None:
    if member.delegations:
        words = "You can't remove an account that is a delegated administrator."
        raise errors.constraint("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG", words)
    detach_all(ctx, member.account)
    ctx.set_tags(arn(organization, "account", member.account), {})
    ctx.delete(member)
