"""Handshakes: invitations of accounts into an organization."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.identity.organization import Member, Organization
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.organizations import errors
from cloudjar.services.organizations.organizations import LETTERS, arn, attach_defaults, managed, readable
from cloudjar.services.organizations.pages import page_of

LIFE = timedelta(days=15)


@record(
    "organizations.handshake",
    key="id",
    scope="world",
    indexes={"organization": ("organization", "id"), "account": ("account", "id")},
)
class Handshake(Record):
    """One invitation."""

    id: str
    """h-..."""
    organization: str
    account: str
    requested: datetime
    expires: datetime
    state: str = "OPEN"
    notes: str = ""


def on_handshake(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    found = ctx.get(Handshake, req["HandshakeId"])
    organization = ctx.get(Organization, found.organization) if found else None
    return arn(organization, "handshake", "invite", req["HandshakeId"]) if organization else "*"


def handshake_to_wire(ctx: Context, handshake: Handshake) -> dict[str, Any]:
    organization = ctx.get(Organization, handshake.organization)
    resources = [{"Type": "ACCOUNT", "Value": handshake.account}]
    if organization is not None:
        inner = [
            {"Type": "MASTER_EMAIL", "Value": organization.email},
            {"Type": "ORGANIZATION_FEATURE_SET", "Value": organization.feature_set},
        ]
        resources.insert(0, {"Type": "ORGANIZATION", "Value": organization.id, "Resources": inner})  # type: ignore[dict-item]
    if handshake.notes:
        resources.append({"Type": "NOTES", "Value": handshake.notes})
    return {
        "Id": handshake.id,
        "Arn": arn(organization, "handshake", "invite", handshake.id) if organization else "",
        "Parties": [
            {"Id": handshake.organization.removeprefix("o-"), "Type": "ORGANIZATION"},
            {"Id": handshake.account, "Type": "ACCOUNT"},
        ],
        "State": handshake.state,
        "RequestedTimestamp": handshake.requested,
        "ExpirationTimestamp": handshake.expires,
        "Action": "INVITE",
        "Resources": resources,
    }


@operation()
def invite_account_to_organization(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = managed(ctx)
    if req.get("Tags"):
        raise not_implemented("organizations", "InviteAccountToOrganization", "Tags")
    target = req["Target"]
    if target["Type"] != "ACCOUNT":
        if target["Type"] == "EMAIL":
            raise not_implemented("organizations", "InviteAccountToOrganization", "targets by email address")
        raise errors.invalid("INVALID_PARTY_TYPE_TARGET", "You specified the wrong type of entity as a party to the handshake.")
    account = target["Id"]
    if len(account) != 12 or not account.isdecimal():
        raise errors.invalid("INVALID_PATTERN_TARGET_ID", "You specified a policy target ID that doesn't match the required pattern.")
    member = ctx.get(Member, account)
    if member is not None:
        words = "The account that you invited is already a member of an organization."
        if member.organization == organization.id:
            raise errors.duplicate_handshake()
        raise errors.handshake_constraint("ALREADY_IN_AN_ORGANIZATION", words)
    if any(each.account == account and each.state == "OPEN" for each in ctx.where(Handshake, organization=organization.id)):
        raise errors.duplicate_handshake()
    handshake = Handshake("h-" + ctx.ids.text(LETTERS, 10), organization.id, account, ctx.now, ctx.now + LIFE, notes=req.get("Notes", ""))
    ctx.put(handshake)
    ctx.after(expire, handshake.id, at=handshake.expires)
    return {"Handshake": handshake_to_wire(ctx, handshake)}


@timer
def expire(ctx: Context, handshake_id: str) -> None:
    """Nobody answered in time."""
    handshake = ctx.get(Handshake, handshake_id)
    if handshake is not None and handshake.state == "OPEN":
        ctx.put(replace(handshake, state="EXPIRED"))


def _open(ctx: Context, req: dict[str, Any], wanted: str, *, invited: bool) -> Handshake:
    """The handshake, if it waits for the caller."""
    found = ctx.get(Handshake, req["HandshakeId"])
    if found is None:
        raise errors.handshake_not_found()
    if invited:
        if found.account != ctx.account:
            raise errors.access_denied()
    elif managed(ctx).id != found.organization:
        raise errors.handshake_not_found()
    if found.state == wanted:
        raise errors.handshake_settled()
    if found.state != "OPEN":
        raise errors.handshake_over(found.state)
    return found


@operation(on=on_handshake)
def accept_handshake(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    handshake = _open(ctx, req, "ACCEPTED", invited=True)
    if ctx.get(Member, ctx.account) is not None:
        raise errors.handshake_constraint("ALREADY_IN_AN_ORGANIZATION", "The account is already a member of an organization.")
    organization = ctx.get(Organization, handshake.organization)
    if organization is None:
        raise errors.handshake_not_found()
    email = f"account-{ctx.account}@cloudjar.invalid"
    ctx.put(Member(ctx.account, organization.id, organization.root_id, ctx.account, email, ctx.now, "INVITED"))
    attach_defaults(ctx, organization, ctx.account)
    return {"Handshake": handshake_to_wire(ctx, ctx.put(replace(handshake, state="ACCEPTED")))}


@operation(on=on_handshake)
def decline_handshake(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    handshake = _open(ctx, req, "DECLINED", invited=True)
    return {"Handshake": handshake_to_wire(ctx, ctx.put(replace(handshake, state="DECLINED")))}


@operation(on=on_handshake)
def cancel_handshake(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    handshake = _open(ctx, req, "CANCELED", invited=False)
    return {"Handshake": handshake_to_wire(ctx, ctx.put(replace(handshake, state="CANCELED")))}


@operation(on=on_handshake)
def describe_handshake(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(Handshake, req["HandshakeId"])
    if found is None or (found.account != ctx.account and managed(ctx).id != found.organization):
        raise errors.handshake_not_found()
    return {"Handshake": handshake_to_wire(ctx, found)}


@operation()
def list_handshakes_for_account(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.where(Handshake, account=ctx.account)
    return page_of(req, "Handshakes", found, lambda each: each.id, lambda each: handshake_to_wire(ctx, each))


@operation()
def list_handshakes_for_organization(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.where(Handshake, organization=readable(ctx).id)
    return page_of(req, "Handshakes", found, lambda each: each.id, lambda each: handshake_to_wire(ctx, each))
