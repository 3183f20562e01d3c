"""AssumeRoleWithWebIdentity: a role's session for a token that an OpenID Connect provider signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudjar.identity import jwt
from cloudjar.identity.issuer import Unreachable, fetch_keys
from cloudjar.identity.principal_keys import Keys
from cloudjar.identity.providers import IssuerKeys, OidcProvider
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors, sessions, trust
from cloudjar.services.sts.assume_role import answer, duration, request_keys, role_arn, role_session

ACTION = "sts:AssumeRoleWithWebIdentity"
SHARED = ("cognito-identity.amazonaws.com", "accounts.google.com")
"""Issuers that trust policies name without a provider in the account."""
TAGS_CLAIM = "https://aws.amazon.com/tags"
SOURCE_CLAIM = "https://aws.amazon.com/source_identity"


@dataclass(frozen=True)
class Issuer:
    """Who signed, as the role's account knows it."""

    name: str
    """Its address without "https://": what condition keys start with."""
    federated: str
    """As trust policies name it: the provider's ARN."""
    client_ids: tuple[str, ...] | None
    """None where the trust policy alone chooses."""
    thumbprints: tuple[str, ...]
    keys: dict[str, Any] | None
    """None: they must be asked for."""


@operation(on=role_arn)
async def assume_role_with_web_identity(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    try:
        token = jwt.read(req["WebIdentityToken"])
    except jwt.BadToken:
        raise errors.not_a_token() from None
    if req.get("ProviderId"):
        raise errors.validation("ProviderId is for OAuth 2.0 access tokens, which are not OpenID Connect ID tokens.")
    with ctx.transaction():
        role = trust.find_role(ctx, req["RoleArn"], ACTION)
        issuer = _issuer(ctx.at(account=role.arn.split(":")[4]), token.claims)
    jwks = issuer.keys
    if jwks is None:
        try:
            jwks = await ctx.offload(fetch_keys, f"https://{issuer.name}", issuer.thumbprints)
        except Unreachable:
            raise errors.invalid_identity_token(
                "Couldn't retrieve verification key from your identity provider, please reference "
                "AssumeRoleWithWebIdentity documentation for requirements"
            ) from None
    try:
        jwt.verify(token, jwks)
    except jwt.BadToken:
        raise errors.invalid_identity_token("The token's signature could not be verified with the provider's keys") from None
    with ctx.transaction():
        return _session(ctx, req, issuer, token.claims)


def _issuer(ctx: Context, claims: dict[str, Any]) -> Issuer:
    url = claims.get("iss")
    if not isinstance(url, str):
        raise errors.invalid_identity_token("Missing a required claim: iss")
    name = url.removeprefix("https://").rstrip("/")
    arn = ctx.arn("iam", f"oidc-provider/{name}", region="")
    provider = ctx.get(OidcProvider, arn)
    known = ctx.get(IssuerKeys, url)
    keys = known.jwks if known else None
    if provider is not None:
        return Issuer(name, arn, provider.client_ids, provider.thumbprints, keys)
    if name in SHARED:
        return Issuer(name, name, None, (), keys)
    raise errors.invalid_identity_token(f"No OpenIDConnect provider found in your account for https://{name}")


def _session(ctx: Context, req: dict[str, Any], issuer: Issuer, claims: dict[str, Any]) -> dict[str, Any]:
    role = trust.find_role(ctx, req["RoleArn"], ACTION)
    subject, audience = _check_claims(claims, issuer, ctx.now)
    tags, transitive = _tags(claims)
    scope = sessions.scope_of({**req, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})
    source_identity = claims.get(SOURCE_CLAIM, "")
    if not isinstance(source_identity, str):
        raise errors.invalid_identity_token(f"The claim {SOURCE_CLAIM} must be a string")
    keys = _keys(issuer, claims, subject, audience)
    keys |= request_keys(req["RoleSessionName"], source_identity, scope)
    trust.check(ctx, role, ACTION, keys, federated=issuer.federated)
    if tags:
        trust.check(ctx, role, "sts:TagSession", keys, federated=issuer.federated)
    if source_identity:
        trust.check(ctx, role, "sts:SetSourceIdentity", keys, federated=issuer.federated)
    session = sessions.issue(
        ctx,
        role_session(role, req["RoleSessionName"], scope),
        duration(req, role),
        least_token=req.get("MinimumSessionTokenSize"),
        source_identity=source_identity,
        transitive_tags=transitive,
        federated_provider=issuer.federated,
        claims={key: value for key, value in keys.items() if key.startswith(f"{issuer.name.lower()}:") and isinstance(value, str)},
    )
    return answer(session, scope) | {"SubjectFromWebIdentityToken": subject, "Audience": audience, "Provider": issuer.federated}


def _check_claims(claims: dict[str, Any], issuer: Issuer, now: datetime) -> tuple[str, str]:
    """Subject and audience; raises InvalidIdentityToken or ExpiredTokenException."""
    for name in ("sub", "aud", "exp", "iat"):
        if name not in claims:
            raise errors.invalid_identity_token(f"Missing a required claim: {name}")
    subject, expires = claims["sub"], claims["exp"]
    sent = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    # Whom a token was made for, where its audience is a server.
    audiences = [claims["azp"]] if isinstance(claims.get("azp"), str) else sent
    numbers = (expires, claims["iat"], claims.get("nbf", 0))
    if not isinstance(subject, str) or not all(isinstance(number, (int, float)) for number in numbers) or not audiences:
        raise errors.invalid_identity_token("The ID Token's claims are not of the types that they should be")
    if issuer.client_ids is not None and not set(map(str, audiences)) & set(issuer.client_ids):
        raise errors.invalid_identity_token("Incorrect token audience")
    if now.timestamp() >= expires:
        raise errors.token_expired(_instant(now.timestamp()), _instant(expires))
    if now.timestamp() < max(claims["iat"], claims.get("nbf", 0)) - 300:
        raise errors.invalid_identity_token("The ID Token is not valid yet")
    wanted = issuer.client_ids if issuer.client_ids is not None else audiences
    return subject, next(str(audience) for audience in audiences if str(audience) in wanted)


def _instant(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _keys(issuer: Issuer, claims: dict[str, Any], subject: str, audience: str) -> Keys:
    name = issuer.name
    keys: Keys = {f"{name}:sub": subject, f"{name}:aud": audience, "aws:federatedprovider": issuer.federated}
    if isinstance(claims.get("azp"), str):
        keys[f"{name}:azp"] = claims["azp"]
        keys[f"{name}:oaud"] = str(claims["aud"])
    if isinstance(claims.get("amr"), list):
        keys[f"{name}:amr"] = tuple(map(str, claims["amr"]))
    if isinstance(claims.get("email"), str):
        keys[f"{name}:email"] = claims["email"]
    return {key.lower(): value for key, value in keys.items()}


def _tags(claims: dict[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Session tags that the token brings, and which of them are transitive."""
    sent = claims.get(TAGS_CLAIM) or {}
    try:
        tags = {str(key): str(values[0] if isinstance(values, list) else values) for key, values in sent.get("principal_tags", {}).items()}
        transitive = tuple(str(key) for key in sent.get("transitive_tag_keys", ()))
    except (AttributeError, IndexError, TypeError):
        raise _bad_tags() from None
    if set(transitive) - set(tags):
        raise _bad_tags()
    return tags, transitive


def _bad_tags() -> AwsError:
    return errors.invalid_identity_token(f"The claim {TAGS_CLAIM} could not be read")
