"""GetWebIdentityToken: a signed statement of who the caller is, for services outside AWS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudjar.identity import jwt
from cloudjar.identity.credentials import Session
from cloudjar.identity.organization import membership, path_of
from cloudjar.identity.outbound import KIDS, OutboundIssuer
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors, sessions

SECONDS = 300
NAMESPACE = "https://sts.amazonaws.com/"
LARGEST = 4096
"""Bytes of a token's claims. AWS does not publish its limit."""


def asks(ctx: Context, req: dict[str, Any]) -> dict[str, str]:
    """What IAM is asked about."""
    return {"sts:GetWebIdentityToken": "*"} | ({"sts:TagGetWebIdentityToken": "*"} if req.get("Tags") else {})


@operation(on=asks)
def get_web_identity_token(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    algorithm, seconds = req["SigningAlgorithm"], req.get("DurationSeconds") or SECONDS
    if algorithm not in KIDS:
        raise errors.validation(f"Invalid signing algorithm: {algorithm}. Valid values are: RS256, ES384")
    if req.get("Scope") or req.get("SubjectMode") not in (None, "AWSIdentity"):
        # Sessions here come without a trusted identity propagation context, which AWS asks for.
        raise errors.validation("The calling session has no origin identity: SubjectMode must be AWSIdentity, without a Scope.")
    issuer = ctx.get(OutboundIssuer, ctx.principal.account)
    if issuer is None or not issuer.enabled:
        raise errors.federation_disabled()
    session = sessions.callers_session(ctx)
    issued = int(ctx.now.timestamp())
    if session is not None and issued + seconds > session.expires.timestamp():
        raise errors.outlives_session()
    tags = tag_rules.from_list(req.get("Tags"))
    tag_rules.check(tags, "ValidationError")
    audience = req["Audience"]
    principal = ctx.principal
    arn = principal.role_arn if principal.kind == "assumed-role" else principal.arn
    claims = {
        "aud": audience[0] if len(audience) == 1 else audience,
        "sub": arn,
        NAMESPACE: _own_claims(ctx, arn, session, tags),
        "iss": issuer.url,
        "exp": issued + seconds,
        "iat": issued,
        "jti": ctx.ids.uuid(),
    }
    token = jwt.sign(claims, algorithm, KIDS[algorithm], issuer.keys[algorithm])
    if len(token) > LARGEST * 4 // 3:
        raise errors.payload_too_large()
    return {"WebIdentityToken": token, "Expiration": datetime.fromtimestamp(issued + seconds, UTC)}


def _own_claims(ctx: Context, arn: str, session: Session | None, tags: dict[str, str]) -> dict[str, Any]:
    principal = ctx.principal
    claims: dict[str, Any] = {"aws_account": principal.account, "source_region": ctx.region, "principal_id": arn}
    member = membership(ctx, principal.account)
    if member is not None:
        claims |= {"org_id": member.organization, "ou_path": [path_of(ctx, member)]}
    owned = ctx.at(account=principal.account).tags(arn) if principal.kind in ("user", "assumed-role") else {}
    if owned or principal.session_tags:
        claims["principal_tags"] = {**owned, **principal.session_tags}
    if tags:
        claims["request_tags"] = tags
    if session is not None:
        claims["original_session_exp"] = session.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        if session.federated_provider:
            claims["federated_provider"] = session.federated_provider
        if session.source_identity:
            claims["source_identity"] = session.source_identity
    return claims
