"""Organizations: made, described, deleted; and who may speak for one."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.organization import AWS_MANAGED, ControlAttachment, Member, Organization, Unit
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.organizations import errors
from cloudjar.services.organizations.pages import page_of

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
KINDS = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
"""The types of policies whose effect cloudjar has."""


def organization_of(ctx: Context) -> Organization:
    """The caller's organization; raises AWSOrganizationsNotInUseException."""
    member = ctx.get(Member, ctx.account)
    found = ctx.get(Organization, member.organization) if member else None
    if found is None:
        raise errors.not_in_use()
    return found


def managed(ctx: Context) -> Organization:
    """The caller's organization, if it may change it: it is the management account; raises AccessDeniedException."""
    found = organization_of(ctx)
    if found.management != ctx.account:
        raise errors.access_denied()
    return found


def readable(ctx: Context) -> Organization:
    """The caller's organization, if it may look into it: it is the management account or a delegated administrator."""
    found = organization_of(ctx)
    if found.management != ctx.account:
        member = ctx.get(Member, ctx.account)
        if member is None or not member.delegations:
            raise errors.access_denied()
    return found


def arn(organization: Organization, kind: str, *names: str) -> str:
    """An ARN inside an organization: "account/o-x/123456789012"."""
    return f"arn:aws:organizations::{organization.management}:{'/'.join((kind, organization.id, *names))}"


def organization_to_wire(organization: Organization) -> dict[str, Any]:
    return {
        "Id": organization.id,
        "Arn": arn(organization, "organization"),
        "FeatureSet": organization.feature_set,
        "MasterAccountArn": arn(organization, "account", organization.management),
        "MasterAccountId": organization.management,
        "MasterAccountEmail": organization.email,
        # AWS says of this member that it is no longer kept up; ListRoots tells.
        "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
    }


@operation()
def create_organization(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if ctx.get(Member, ctx.account) is not None:
        raise errors.already_member()
    features = req.get("FeatureSet", "ALL")
    email = f"account-{ctx.account}@cloudjar.invalid"
    organization = Organization(
        id="o-" + ctx.ids.text(LETTERS, 10),
        root_id="r-" + ctx.ids.text(LETTERS, 4),
        management=ctx.account,
        created=ctx.now,
        feature_set=features,
        enabled_types=("SERVICE_CONTROL_POLICY",) if features == "ALL" else (),
        email=email,
    )
    ctx.put(organization)
    ctx.put(Member(ctx.account, organization.id, organization.root_id, "management", email, ctx.now, "INVITED"))
    attach_defaults(ctx, organization, organization.root_id)
    attach_defaults(ctx, organization, ctx.account)
    return {"Organization": organization_to_wire(organization)}


def attach_defaults(ctx: Context, organization: Organization, target: str) -> None:
    """Attaches AWS's own policies of the enabled types to a new root, unit or account."""
    for control in AWS_MANAGED.values():
        if control.type in organization.enabled_types:
            ctx.put(ControlAttachment(target, control.id, control.type))


def detach_all(ctx: Context, target: str, kind: str | None = None) -> None:
    """Takes all policies (of a type) off a root, unit or account."""
    for attachment in list(ctx.where(ControlAttachment, target=target)):
        if kind in (None, attachment.type):
            ctx.delete(attachment)


def targets(ctx: Context, organization: Organization) -> list[str]:
    """The root, all units and all accounts."""
    units = [unit.id for unit in units_of(ctx, organization)]
    return [organization.root_id, *units, *(member.account for member in ctx.where(Member, organization=organization.id))]


def units_of(ctx: Context, organization: Organization) -> list[Unit]:
    """All units, from the top."""
    found: list[Unit] = []
    parents = [organization.root_id]
    for parent in parents:
        below = list(ctx.where(Unit, parent=parent))
        found += below
        parents += [unit.id for unit in below]
    return found


@operation()
def describe_organization(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Organization": organization_to_wire(organization_of(ctx))}


@operation()
def delete_organization(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    members = list(ctx.where(Member, organization=organization.id))
    if len(members) > 1:
        raise errors.organization_not_empty()
    for unit in units_of(ctx, organization):
        detach_all(ctx, unit.id)
        ctx.delete(unit)
    for target in (organization.root_id, ctx.account):
        detach_all(ctx, target)
    ctx.delete(members[0])
    ctx.delete(organization)


@operation()
def enable_policy_type(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = _with_root(ctx, req)
    kind = req["PolicyType"]
    if kind in organization.enabled_types:
        raise errors.type_enabled()
    if kind not in KINDS:
        raise not_implemented("organizations", "EnablePolicyType", kind)
    if organization.feature_set != "ALL":
        raise errors.constraint("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "The organization must have all features enabled.")
    organization = ctx.put(replace(organization, enabled_types=tuple(sorted((*organization.enabled_types, kind)))))
    for target in targets(ctx, organization):
        for control in AWS_MANAGED.values():
            if control.type == kind:
                ctx.put(ControlAttachment(target, control.id, kind))
    return {"Root": root_to_wire(organization)}


@operation()
def disable_policy_type(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = _with_root(ctx, req)
    kind = req["PolicyType"]
    if kind not in organization.enabled_types:
        raise errors.type_not_enabled()
    organization = ctx.put(replace(organization, enabled_types=tuple(each for each in organization.enabled_types if each != kind)))
    # AWS forgets who had which policy when its type is disabled.
    for target in targets(ctx, organization):
        detach_all(ctx, target, kind)
    return {"Root": root_to_wire(organization)}


def _with_root(ctx: Context, req: dict[str, Any]) -> Organization:
    organization = managed(ctx)
    if req["RootId"] != organization.root_id:
        raise errors.root_not_found()
    return organization


def root_to_wire(organization: Organization) -> dict[str, Any]:
    return {
        "Id": organization.root_id,
        "Arn": arn(organization, "root", organization.root_id),
        "Name": "Root",
        "PolicyTypes": [{"Type": kind, "Status": "ENABLED"} for kind in organization.enabled_types],
    }


@operation()
def list_roots(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Roots": [root_to_wire(readable(ctx))]}


@operation()
def enable_aws_service_access(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    services = {**organization.services}
    services.setdefault(req["ServicePrincipal"], ctx.now)
    ctx.put(replace(organization, services=services))


@operation()
def disable_aws_service_access(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    ctx.put(
        replace(organization, services={name: since for name, since in organization.services.items() if name != req["ServicePrincipal"]})
    )


@operation()
def list_aws_service_access_for_organization(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    services = sorted(readable(ctx).services.items())
    return page_of(
        req, "EnabledServicePrincipals", services, lambda row: row[0], lambda row: {"ServicePrincipal": row[0], "DateEnabled": row[1]}
    )
