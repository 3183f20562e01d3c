"""The account: its alias and its summary."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.credentials import AccessKey
from cloudjar.identity.mfa import MfaDevice
from cloudjar.identity.providers import OidcProvider, SamlProvider
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import errors, naming, quotas
from cloudjar.services.iam.entities import Group, User
from cloudjar.services.iam.instance_profiles import InstanceProfile
from cloudjar.services.iam.policies import Policy, PolicyVersion
from cloudjar.services.iam.server_certificates import ServerCertificate


@record("iam.account_alias", key="alias", scope="world", indexes={"account": "account"})
class AccountAlias(Record):
    """An account's name in sign-in addresses; no two accounts of a world have the same."""

    alias: str
    account: str


@record("iam.settings", key="id", scope="account")
class Settings(Record):
    """What is set for the account as a whole."""

    id: str = "settings"
    global_endpoint_token_version: str = "v1Token"


def settings_of(ctx: Context) -> Settings:
    """The account's settings."""
    return ctx.get(Settings, "settings") or Settings()


@operation()
def create_account_alias(ctx: Context, req: dict[str, Any]) -> None:
    alias = req["AccountAlias"]
    if ctx.get(AccountAlias, alias):
        raise errors.already_exists(f"The account alias {alias} already exists.")
    # An account has one alias: a new one takes the old one's place.
    for old in list(ctx.where(AccountAlias, account=ctx.account)):
        ctx.delete(old)
    ctx.put(AccountAlias(alias, ctx.account))


@operation()
def delete_account_alias(ctx: Context, req: dict[str, Any]) -> None:
    found = ctx.get(AccountAlias, req["AccountAlias"])
    if found is None or found.account != ctx.account:
        raise errors.alias_not_found(req["AccountAlias"])
    ctx.delete(found)


@operation()
def list_account_aliases(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, ctx.where(AccountAlias, account=ctx.account), lambda found: found.alias)


@operation()
def set_security_token_service_preferences(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(settings_of(ctx), global_endpoint_token_version=req["GlobalEndpointTokenVersion"]))


@operation()
def get_account_summary(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    devices = list(ctx.where(MfaDevice))
    summary = {
        "Users": ctx.where(User).count(),
        "UsersQuota": quotas.USERS,
        "Groups": ctx.where(Group).count(),
        "GroupsQuota": quotas.GROUPS,
        "Roles": ctx.where(Role).count(),
        "RolesQuota": quotas.ROLES,
        "Policies": ctx.where(Policy).count(),
        "PoliciesQuota": quotas.POLICIES,
        "PolicySizeQuota": quotas.MANAGED_POLICY_SIZE,
        "PolicyVersionsInUse": ctx.where(PolicyVersion).count(),
        "PolicyVersionsInUseQuota": 10_000,
        "VersionsPerPolicyQuota": quotas.VERSIONS_PER_POLICY,
        "InstanceProfiles": ctx.where(InstanceProfile).count(),
        "InstanceProfilesQuota": quotas.INSTANCE_PROFILES,
        "ServerCertificates": ctx.where(ServerCertificate).count(),
        "ServerCertificatesQuota": quotas.SERVER_CERTIFICATES,
        "Providers": ctx.where(OidcProvider).count() + ctx.where(SamlProvider).count(),
        "UserPolicySizeQuota": quotas.INLINE_SIZE["user"],
        "GroupPolicySizeQuota": quotas.INLINE_SIZE["group"],
        "RolePolicySizeQuota": quotas.INLINE_SIZE["role"],
        "AssumeRolePolicySizeQuota": quotas.TRUST_POLICY_SIZE,
        "GroupsPerUserQuota": quotas.GROUPS_PER_USER,
        "AccessKeysPerUserQuota": quotas.ACCESS_KEYS_PER_USER,
        "SigningCertificatesPerUserQuota": quotas.SIGNING_CERTIFICATES_PER_USER,
        "AttachedPoliciesPerUserQuota": quotas.ATTACHED_POLICIES,
        "AttachedPoliciesPerGroupQuota": quotas.ATTACHED_POLICIES,
        "AttachedPoliciesPerRoleQuota": quotas.ATTACHED_POLICIES,
        "MFADevices": len(devices),
        "MFADevicesInUse": sum(1 for device in devices if device.user_id),
        "AccountMFAEnabled": int(any(device.user_id == ctx.account for device in devices)),
        "AccountAccessKeysPresent": int(ctx.where(AccessKey, account=ctx.account, user_name="").first() is not None),
        "AccountPasswordPresent": 1,
        "AccountSigningCertificatesPresent": 0,
        "GlobalEndpointTokenVersion": 2 if settings_of(ctx).global_endpoint_token_version == "v2Token" else 1,
    }
    return {"SummaryMap": summary}
