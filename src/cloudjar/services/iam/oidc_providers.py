"""OpenID Connect providers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from cloudjar.identity.providers import OidcProvider
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors, naming, quotas, tags

THUMBPRINTS = 5
_THUMBPRINT = re.compile(r"[0-9a-fA-F]{40}")


def find_oidc_provider(ctx: Context, arn: str) -> OidcProvider:
    """The provider of that ARN; raises InvalidInput or NoSuchEntity."""
    naming.check_arn(ctx, arn, "oidc-provider")
    found = ctx.get(OidcProvider, arn)
    if found is None:
        raise errors.oidc_provider_not_found(arn)
    return found


def provider_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req["OpenIDConnectProviderArn"]
    return arn


def new_provider_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a provider about to be made will have."""
    return ctx.arn("iam", f"oidc-provider/{_address(req['Url'])}", region="")


def _address(url: str) -> str:
    return url.partition("://")[2].rstrip("/") if "://" in url else url.rstrip("/")


def refuse_propagation(req: dict[str, Any], operation: str) -> None:
    """Trusted identity propagation is not done: it needs an instance of IAM Identity Center."""
    if req.get("ContextProvider") or req.get("IdentityCenterInstanceArn"):
        raise not_implemented("iam", operation, "trusted identity propagation")


@operation(on=new_provider_arn)
def create_open_id_connect_provider(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    refuse_propagation(req, "CreateOpenIDConnectProvider")
    _check_url(req["Url"])
    arn = new_provider_arn(ctx, req)
    if ctx.get(OidcProvider, arn):
        raise errors.already_exists(f"Provider with url {req['Url']} already exists.")
    quotas.check(ctx.where(OidcProvider).count(), quotas.OIDC_PROVIDERS, "OpenIdConnectProvidersPerAccount")
    clients = tuple(dict.fromkeys(req.get("ClientIDList") or ()))
    if len(clients) > quotas.CLIENT_IDS_PER_PROVIDER:
        raise errors.quota("ClientIdsPerOpenIdConnectProvider", quotas.CLIENT_IDS_PER_PROVIDER)
    provider = OidcProvider(arn, _address(req["Url"]), clients, _thumbprints(req.get("ThumbprintList") or []), naming.now(ctx))
    ctx.put(provider)
    tags.put(ctx, arn, req.get("Tags"))
    return {"OpenIDConnectProviderArn": arn} | tags.to_wire(ctx, arn)


@operation(on=provider_arn)
def get_open_id_connect_provider(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    provider = find_oidc_provider(ctx, req["OpenIDConnectProviderArn"])
    wire = {
        "Url": provider.url,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": provider.created,
    }
    return wire | tags.to_wire(ctx, provider.arn)


@operation()
def list_open_id_connect_providers(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {
        "OpenIDConnectProviderList": [
            {"Arn": provider.arn, "IsTrustedIdentityPropagationEnabled": False} for provider in ctx.where(OidcProvider)
        ]
    }


@operation(on=provider_arn)
def update_open_id_connect_provider(ctx: Context, req: dict[str, Any]) -> None:
    find_oidc_provider(ctx, req["OpenIDConnectProviderArn"])
    check_removals(req)
    # What it could take away, no provider here has.
    refuse_propagation(req, "UpdateOpenIDConnectProvider")


def check_removals(req: dict[str, Any]) -> None:
    """Raises InvalidInput for what is set and removed at once."""
    for member in ("ContextProvider", "IdentityCenterInstance"):
        given = "IdentityCenterInstanceArn" if member == "IdentityCenterInstance" else member
        if req.get(given) and req.get(f"Remove{member}"):
            raise errors.not_both(given, f"Remove{member}")


@operation(on=provider_arn)
def update_open_id_connect_provider_thumbprint(ctx: Context, req: dict[str, Any]) -> None:
    provider = find_oidc_provider(ctx, req["OpenIDConnectProviderArn"])
    ctx.put(replace(provider, thumbprints=_thumbprints(req["ThumbprintList"])))


@operation(on=provider_arn)
def add_client_id_to_open_id_connect_provider(ctx: Context, req: dict[str, Any]) -> None:
    provider = find_oidc_provider(ctx, req["OpenIDConnectProviderArn"])
    if req["ClientID"] not in provider.client_ids:
        quotas.check(len(provider.client_ids), quotas.CLIENT_IDS_PER_PROVIDER, "ClientIdsPerOpenIdConnectProvider")
        ctx.put(replace(provider, client_ids=(*provider.client_ids, req["ClientID"])))


@operation(on=provider_arn)
def remove_client_id_from_open_id_connect_provider(ctx: Context, req: dict[str, Any]) -> None:
    provider = find_oidc_provider(ctx, req["OpenIDConnectProviderArn"])
    ctx.put(replace(provider, client_ids=tuple(client for client in provider.client_ids if client != req["ClientID"])))


@operation(on=provider_arn)
def delete_open_id_connect_provider(ctx: Context, req: dict[str, Any]) -> None:
    provider = find_oidc_provider(ctx, req["OpenIDConnectProviderArn"])
    ctx.set_tags(provider.arn, {})
    ctx.delete(provider)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and parts.hostname and not parts.query and not parts.fragment and not re.search(r"\s", url)
    except ValueError:
        good = False
    if not good:
        raise errors.validation("Invalid Open ID Connect Provider URL")


def _thumbprints(sent: list[str]) -> tuple[str, ...]:
    if len(sent) > THUMBPRINTS:
        raise errors.invalid_input(f"Thumbprint list must contain fewer than {THUMBPRINTS} entries.")
    for thumbprint in sent:
        if not _THUMBPRINT.fullmatch(thumbprint):
            raise errors.validation(f"Invalid thumbprint: {thumbprint}")
    return tuple(sent)
