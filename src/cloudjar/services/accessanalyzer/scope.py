"""An analyzer's zone of trust: its own account, or its whole organization; and what it leaves out."""

from __future__ import annotations

from typing import Any, NamedTuple

from cloudjar.identity.organization import Member, Organization, membership
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.accessanalyzer import errors
from cloudjar.services.accessanalyzer.analyzer_record import ROLE, SERVICE, Analyzer


class Zone(NamedTuple):
    """Who is trusted: access of anybody else is external."""

    accounts: tuple[str, ...]
    organization: str = ""


def zone_of(ctx: Context, analyzer: Analyzer) -> Zone:
    """The zone of trust as it is now; the analyzer's own account alone once it has left its organization."""
    member = membership(ctx, ctx.account)
    if not analyzer.of_organization or member is None:
        return Zone((ctx.account,))
    accounts = [each.account for each in ctx.where(Member, organization=member.organization) if each.status == "ACTIVE"]
    return Zone(tuple(accounts), member.organization)


def check_administrator(ctx: Context) -> None:
    """Raises ValidationException unless the account may analyze an organization: it manages it, or is its delegated administrator."""
    member = membership(ctx, ctx.account)
    organization = ctx.get(Organization, member.organization) if member else None
    if member is None or organization is None or not (organization.management == ctx.account or SERVICE in member.delegations):
        raise errors.invalid("The organization's analyzers are made by its management account or its delegated administrator.")


def acting_in(ctx: Context, account: str) -> Context:
    """The service in an account, under its service-linked role, which is made where there is none yet."""
    there = ctx.at(account=account)
    make_role(there.as_service(SERVICE))
    return there.assume(there.arn("iam", f"role/aws-service-role/{SERVICE}/{ROLE}", region=""), SERVICE)


def make_role(ctx: Context) -> None:
    """The service-linked role by which resources are read, if the account has none yet."""
    try:
        ctx.as_service(SERVICE).call("iam", "GetRole", {"RoleName": ROLE})
    except AwsError:
        ctx.call("iam", "CreateServiceLinkedRole", {"AWSServiceName": SERVICE})


def excludes(ctx: Context, analyzer: Analyzer, account: str, arn: str) -> bool:
    """Whether an analysis rule leaves a user or role out: one of its exclusions fits both its account and its tags."""
    rule: dict[str, Any] = (analyzer.configuration.get("unusedAccess") or {}).get("analysisRule") or {}
    tags = ctx.tags(arn)
    for criteria in rule.get("exclusions") or ():
        accounts, wanted = criteria.get("accountIds"), criteria.get("resourceTags")
        fits = not accounts or account in accounts
        # Tags without a value fit whatever value there is.
        tagged = not wanted or any(all(key in tags and value in ("", tags[key]) for key, value in each.items()) for each in wanted)
        if fits and tagged and (accounts or wanted):
            return True
    return False
