"""Delegated administrators: member accounts that run a service for the organization."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.organization import Member
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.organizations import errors
from cloudjar.services.organizations.accounts import account_to_wire, find_member, member_arn
from cloudjar.services.organizations.organizations import managed, readable
from cloudjar.services.organizations.pages import page_of


@operation(on=member_arn)
def register_delegated_administrator(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    member = find_member(ctx, organization, req["AccountId"])
    service = req["ServicePrincipal"]
    if member.account == organization.management:
        words = "You can't register the management account as a delegated administrator."
        raise errors.constraint("CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", words)
    if member.status != "ACTIVE":
        words = "You can't register a suspended account as a delegated administrator."
        raise errors.constraint("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", words)
    if service not in organization.services:
        words = "You must enable trusted access for the service before you register a delegated administrator for it."
        raise errors.constraint("SERVICE_ACCESS_NOT_ENABLED", words)
    if service in member.delegations:
        raise errors.already_registered()
    ctx.put(replace(member, delegations={**member.delegations, service: ctx.now}))


@operation(on=member_arn)
def deregister_delegated_administrator(ctx: Context, req: dict[str, Any]) -> None:
    member = find_member(ctx, managed(ctx), req["AccountId"])
    if req["ServicePrincipal"] not in member.delegations:
        raise errors.not_registered()
    left = {service: since for service, since in member.delegations.items() if service != req["ServicePrincipal"]}
    ctx.put(replace(member, delegations=left))


@operation()
def list_delegated_administrators(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    service = req.get("ServicePrincipal")
    found = [
        member
        for member in ctx.where(Member, organization=organization.id)
        if (service in member.delegations if service else member.delegations)
    ]

    def to_wire(member: Member) -> dict[str, Any]:
        wire = account_to_wire(ctx, organization, member)
        del wire["Paths"]
        return {**wire, "DelegationEnabledDate": member.delegations[service] if service else min(member.delegations.values())}

    return page_of(req, "DelegatedAdministrators", found, lambda member: member.account, to_wire)


@operation(on=member_arn)
def list_delegated_services_for_account(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    member = find_member(ctx, readable(ctx), req["AccountId"])
    if not member.delegations:
        raise errors.not_registered()
    return page_of(
        req,
        "DelegatedServices",
        member.delegations.items(),
        lambda row: row[0],
        lambda row: {"ServicePrincipal": row[0], "DelegationEnabledDate": row[1]},
    )
