"""Central root access: an organization's management of its members' root users."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.organization import Organization, membership
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors

SERVICE = "iam.amazonaws.com"
CREDENTIALS, SESSIONS = "RootCredentialsManagement", "RootSessions"


def _organization(ctx: Context, *, enabling: bool = False) -> Organization:
    member = membership(ctx, ctx.account)
    organization = ctx.get(Organization, member.organization) if member else None
    if member is None or organization is None:
        raise errors.organization_not_found()
    if organization.feature_set != "ALL":
        raise errors.not_all_features()
    if ctx.account != organization.management:
        if SERVICE not in member.delegations:
            raise errors.not_administrator()
        if enabling:
            raise errors.not_management()
    if SERVICE not in organization.services:
        raise errors.no_service_access()
    return organization


def _answer(organization: Organization) -> dict[str, Any]:
    return {"OrganizationId": organization.id, "EnabledFeatures": list(organization.features)}


def _enable(ctx: Context, feature: str) -> dict[str, Any]:
    organization = _organization(ctx, enabling=True)
    return _answer(ctx.put(replace(organization, features=tuple(sorted({*organization.features, feature})))))


def _disable(ctx: Context, feature: str) -> dict[str, Any]:
    organization = _organization(ctx)
    return _answer(ctx.put(replace(organization, features=tuple(each for each in organization.features if each != feature))))


@operation()
def enable_organizations_root_credentials_management(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _enable(ctx, CREDENTIALS)


@operation()
def disable_organizations_root_credentials_management(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _disable(ctx, CREDENTIALS)


@operation()
def enable_organizations_root_sessions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _enable(ctx, SESSIONS)


@operation()
def disable_organizations_root_sessions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _disable(ctx, SESSIONS)


@operation()
def list_organizations_features(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _answer(_organization(ctx))
