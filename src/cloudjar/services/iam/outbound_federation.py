"""Outbound web identity federation: the account's own token issuer, switched on and off."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.outbound import OutboundIssuer, new_keys
from cloudjar.identity.providers import IssuerKeys
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors


def _enabled(ctx: Context) -> OutboundIssuer | None:
    known = ctx.get(OutboundIssuer, ctx.account)
    return known if known is not None and known.enabled else None


@operation()
async def enable_outbound_web_identity_federation(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    with ctx.transaction():
        if _enabled(ctx):
            raise errors.federation_enabled()
        known = ctx.get(OutboundIssuer, ctx.account)
    made = None if known else await ctx.offload(new_keys)
    with ctx.transaction():
        if _enabled(ctx):
            raise errors.federation_enabled()
        issuer = ctx.get(OutboundIssuer, ctx.account)
        if issuer is None:
            assert made is not None
            issuer = OutboundIssuer(ctx.account, ctx.ids.uuid(), True, *made)
            # Roles of this world that trust the issuer need not ask for its keys.
            ctx.put(IssuerKeys(issuer.url, issuer.jwks))
        ctx.put(replace(issuer, enabled=True))
        return {"IssuerIdentifier": issuer.url}


@operation()
def disable_outbound_web_identity_federation(ctx: Context, req: dict[str, Any]) -> None:
    issuer = _enabled(ctx)
    if issuer is None:
        raise errors.federation_disabled()
    # Its keys stay: what it has signed is good to its end.
    ctx.put(replace(issuer, enabled=False))


@operation()
def get_outbound_web_identity_federation_info(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    issuer = _enabled(ctx)
    if issuer is None:
        raise errors.federation_disabled()
    return {"IssuerIdentifier": issuer.url, "JwtVendingEnabled": True}
