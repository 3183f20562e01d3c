"""The global condition keys of a request, as `decide` wants them: names in lower case, values as text.

Source: "AWS global condition context keys"; each says there when it is in a request and when it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from cloudjar.kernel.principal import Principal

Keys = dict[str, str | tuple[str, ...]]
_TYPES = {"root": "Account", "user": "User", "assumed-role": "AssumedRole", "federated-user": "FederatedUser", "anonymous": "Anonymous"}


def principal_keys(
    principal: Principal,
    *,
    tags: Mapping[str, str] | None = None,
    organization: str = "",
    organization_path: str = "",
    source_identity: str = "",
    federated_provider: str = "",
    mfa_age_seconds: int | None = None,
) -> Keys:
    """What a request says of its caller.

    `tags` are those of the user or role; session tags win over them. `organization_path` is
    "o-id/r-root/ou-.../"; both are "" outside organizations.
    """
    kind = principal.kind
    if kind == "service":
        return {"aws:principalisawsservice": "true", "aws:principalservicename": principal.arn}
    keys: Keys = {"aws:principalisawsservice": "false", "aws:principaltype": _TYPES[kind], "aws:userid": principal.user_id}
    if kind == "anonymous":
        return keys
    # A session's ARN is its role's here; a federated user's is its own.
    keys["aws:principalarn"] = principal.role_arn if kind == "assumed-role" else principal.arn
    keys["aws:principalaccount"] = principal.account
    if kind == "user":
        keys["aws:username"] = principal.arn.rpartition("/")[2]
    if organization:
        keys["aws:principalorgid"] = organization
    if organization_path:
        keys["aws:principalorgpaths"] = (organization_path,)
    for name, value in {**(tags or {}), **principal.session_tags}.items():
        keys[f"aws:principaltag/{name.lower()}"] = value
    if principal.issued:
        # Lasting credentials have neither: a policy that denies on "false" does not touch them.
        keys["aws:tokenissuetime"] = _date(datetime.fromtimestamp(principal.issued, UTC))
        keys["aws:multifactorauthpresent"] = "true" if principal.mfa else "false"
        if principal.mfa and mfa_age_seconds is not None:
            keys["aws:multifactorauthage"] = str(mfa_age_seconds)
    if source_identity:
        keys["aws:sourceidentity"] = source_identity
    if federated_provider:
        keys["aws:federatedprovider"] = federated_provider
    return keys


def request_keys(
    now: datetime,
    region: str,
    *,
    secure: bool,
    source_ip: str = "",
    user_agent: str = "",
    referer: str = "",
    called_via: tuple[str, ...] = (),
    source_arn: str = "",
    source_account: str = "",
    source_organization: str = "",
) -> Keys:
    """What a request says of itself. `called_via` are the services that it came through, first to last; an address is not
    given then. `source_*` are about the resource on whose behalf a service calls."""
    keys: Keys = {
        "aws:currenttime": _date(now),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:requestedregion": region,
        "aws:securetransport": "true" if secure else "false",
        "aws:viaawsservice": "true" if called_via else "false",
    }
    if called_via:
        keys |= {"aws:calledvia": called_via, "aws:calledviafirst": called_via[0], "aws:calledvialast": called_via[-1]}
    elif source_ip:
        keys["aws:sourceip"] = source_ip
    optional = {
        "aws:useragent": user_agent,
        "aws:referer": referer,
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": source_account,
        "aws:sourceorgid": source_organization,
    }
    return keys | {name: value for name, value in optional.items() if value}


def request_tag_keys(tags: Mapping[str, str] | None, removed: Iterable[str] = ()) -> Keys:
    """The tags that a request sets, and the keys of those that it removes; {} for a request about none."""
    names = tuple(tags or ()) + tuple(removed)
    if not names:
        return {}
    keys: Keys = {f"aws:requesttag/{name.lower()}": value for name, value in (tags or {}).items()}
    keys["aws:tagkeys"] = names
    return keys


def resource_keys(account: str, tags: Mapping[str, str] | None = None, *, prefix: str = "", organization: str = "") -> Keys:
    """What a request says of its resource. `prefix` adds the service's own spelling, "ec2:ResourceTag/..."."""
    keys: Keys = {"aws:resourceaccount": account}
    if organization:
        keys["aws:resourceorgid"] = organization
    for name, value in (tags or {}).items():
        keys[f"aws:resourcetag/{name.lower()}"] = value
        if prefix:
            keys[f"{prefix}:resourcetag/{name.lower()}"] = value
    return keys


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
