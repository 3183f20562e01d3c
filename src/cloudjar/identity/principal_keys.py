"""The global condition keys that a caller and its request bring, in lower case.

Source: "AWS global condition context keys", IAM User Guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from cloudjar.identity.credentials import Session
from cloudjar.identity.organization import membership, path_of
from cloudjar.kernel.context import Context
from cloudjar.kernel.principal import Principal

Keys = dict[str, Any]
"""Condition keys in lower case; tuples for multivalued ones."""

GLOBAL_REGIONS: Mapping[str, str] = {
    "account": "us-east-1",
    "billing": "us-east-1",
    "budgets": "us-east-1",
    "ce": "us-east-1",
    "chatbot": "us-east-1",
    "cloudfront": "us-east-1",
    "cur": "us-east-1",
    "globalaccelerator": "us-west-2",
    "health": "us-east-1",
    "iam": "us-east-1",
    "networkmanager": "us-west-2",
    "organizations": "us-east-1",
    "pricing": "us-east-1",
    "route53": "us-east-1",
    "route53domains": "us-east-1",
    "savingsplans": "us-east-1",
    "shield": "us-east-1",
    "support": "us-east-1",
    "trustedadvisor": "us-east-1",
    "waf": "us-east-1",
}
"""IAM's prefixes of the services with one endpoint for all Regions, and the Region that aws:RequestedRegion then is."""

_PRINCIPAL_TYPES = {
    "root": "Account", "user": "User", "assumed-role": "AssumedRole", "federated-user": "FederatedUser", "anonymous": "Anonymous",
}  # fmt: skip


def request_keys(ctx: Context, prefix: str) -> Keys:
    """The keys of a call to the service with that prefix."""
    call, now = ctx.call_info, ctx.now
    keys: Keys = {
        "aws:currenttime": _second(now.replace(microsecond=0)),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:requestedregion": GLOBAL_REGIONS.get(prefix) or ctx.region,
        "aws:securetransport": "true" if call.secure else "false",
        "aws:viaawsservice": "false",
    }
    if call.via:
        keys |= {"aws:calledvia": call.via, "aws:calledviafirst": call.via[0], "aws:calledvialast": call.via[-1]}
        if ctx.principal.kind not in ("service", "anonymous"):
            keys["aws:viaawsservice"] = "true"
    elif call.source_ip:
        # A call that a service makes for its caller has no address of the caller's.
        keys["aws:sourceip"] = call.source_ip
    if call.user_agent:
        keys["aws:useragent"] = call.user_agent
    referer = call.headers.get("referer")
    if referer:
        keys["aws:referer"] = referer
    return keys


@lru_cache(maxsize=8)
def _second(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def principal_keys(ctx: Context, principal: Principal) -> Keys:
    """The keys of a caller."""
    if principal.kind == "anonymous":
        return {"aws:principaltype": "Anonymous", "aws:userid": "anonymous"}
    if principal.kind == "service":
        keys: Keys = {
            "aws:principalservicename": principal.arn,
            "aws:principalservicenameslist": (principal.arn,),
            "aws:principalisawsservice": "true",
        }
        if principal.account:
            keys["aws:sourceaccount"] = principal.account
            # The older key is told by alarms: a topic's own default policy lets in those of its account.
            if principal.arn == "cloudwatch.amazonaws.com":
                keys["aws:sourceowner"] = principal.account
            member = membership(ctx, principal.account)
            if member is not None:
                keys["aws:sourceorgid"] = member.organization
                keys["aws:sourceorgpaths"] = (path_of(ctx, member),)
        if principal.source_arn:
            keys["aws:sourcearn"] = principal.source_arn
        return keys
    keys = {
        "aws:principalaccount": principal.account,
        # Sessions of a role go by the role's ARN here; everywhere else by their own.
        "aws:principalarn": principal.role_arn if principal.kind == "assumed-role" else principal.arn,
        "aws:principaltype": _PRINCIPAL_TYPES[principal.kind],
        "aws:userid": principal.user_id,
        "aws:principalisawsservice": "false",
    }
    tags: dict[str, str] = {}
    if principal.kind == "user":
        keys["aws:username"] = principal.arn.rpartition("/")[2]
        tags = ctx.tags(principal.arn)
    elif principal.kind == "assumed-role":
        tags = ctx.tags(principal.role_arn)
    tags |= principal.session_tags
    keys |= {f"aws:principaltag/{key.lower()}": value for key, value in tags.items()}
    if principal.access_key.startswith("ASIA"):
        keys |= _session_keys(ctx, principal)
    member = membership(ctx, principal.account)
    if member is not None:
        keys["aws:principalorgid"] = member.organization
        keys["aws:principalorgpaths"] = (path_of(ctx, member),)
    return keys


def _session_keys(ctx: Context, principal: Principal) -> Keys:
    """The keys that only temporary credentials have."""
    keys: Keys = {
        "aws:tokenissuetime": str(int(principal.issued)),
        "aws:multifactorauthpresent": "true" if principal.mfa else "false",
    }
    session = ctx.get(Session, principal.access_key)
    if session is None:
        return keys
    if principal.kind == "root" and principal.session_policies:
        keys["aws:assumedroot"] = "true"
    if session.mfa_at is not None:
        keys["aws:multifactorauthage"] = str(int((ctx.now - session.mfa_at).total_seconds()))
    if session.source_identity:
        keys["aws:sourceidentity"] = session.source_identity
    if session.federated_provider:
        keys["aws:federatedprovider"] = session.federated_provider
    return keys | session.claims


def tag_keys(tags: Mapping[str, str]) -> Keys:
    """aws:RequestTag/* and aws:TagKeys of the tags in a request."""
    return {"aws:tagkeys": tuple(tags)} | {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()} if tags else {}


def resource_keys(ctx: Context, resource: str, account: str, prefix: str, tags: dict[str, str] | None = None) -> Keys:
    """The keys of a resource: its tags (`tags`, where not all that it has count), its account, and its organization."""
    keys: Keys = {}
    if resource != "*":
        for key, value in (ctx.tags(resource) if tags is None else tags).items():
            keys[f"aws:resourcetag/{key.lower()}"] = value
            keys[f"{prefix}:resourcetag/{key.lower()}"] = value
    if account:
        keys["aws:resourceaccount"] = account
        member = membership(ctx, account)
        if member is not None:
            keys["aws:resourceorgid"] = member.organization
            keys["aws:resourceorgpaths"] = (path_of(ctx, member),)
    return keys
