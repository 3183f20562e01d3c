"""Sessions: temporary credentials, given out and taken back."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloudjar.identity.credentials import Session, new_key_id, new_secret, new_token
from cloudjar.identity.policy.grammar import SESSION_SIZE, PolicyProblem, parse, policy_size
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.kernel.principal import Principal
from cloudjar.services.sts import errors

KEPT_AFTER_END = timedelta(days=1)
"""For so long a session's caller hears that the token has expired; later, that it is unknown."""

LARGEST_TOKEN = 4096
"""Letters of a session token. Source: MinimumSessionTokenSize's own limit."""
POLICY_ARNS = 10
PACKED_LIMIT = 2048
"""Bytes of policies, ARNs and tags together, compressed. AWS does not publish its format; this quota is of its size."""


@dataclass(frozen=True)
class Scope:
    """What a session is narrowed by and labelled with."""

    policies: tuple[str, ...]
    """ARNs of managed policies, and at most one document."""
    tags: dict[str, str]
    packed_percent: int | None
    """None where nothing was passed."""


def scope_of(req: dict[str, Any]) -> Scope:
    """The session policies and tags of a request, checked; raises MalformedPolicyDocument, PackedPolicyTooLarge or ValidationError."""
    arns = [item["arn"] for item in req.get("PolicyArns") or () if item.get("arn")]
    if len(arns) > POLICY_ARNS:
        raise errors.too_many_policy_arns(POLICY_ARNS)
    document = req.get("Policy")
    if document is not None:
        check_document(document)
    tags = tag_rules.from_list(req.get("Tags"))
    if len({key.lower() for key in tags}) != len(req.get("Tags") or ()):
        raise errors.validation("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    tag_rules.check(tags, "ValidationError")
    policies = (*arns, document) if document else tuple(arns)
    return Scope(policies, tags, _packed(policies, tags))


def check_document(text: str) -> None:
    """A session policy that was passed as a document; raises MalformedPolicyDocument or PackedPolicyTooLarge."""
    try:
        parse(text, "session")
    except PolicyProblem as problem:
        raise errors.malformed_policy(problem.message) from None
    if policy_size(text) > SESSION_SIZE:
        raise errors.policy_too_large(policy_size(text) * 100 // SESSION_SIZE)


def _packed(policies: tuple[str, ...], tags: dict[str, str]) -> int | None:
    if not policies and not tags:
        return None
    size = len(zlib.compress(json.dumps([policies, tags]).encode()))
    percent = -(-size * 100 // PACKED_LIMIT)
    if percent > 100:
        raise errors.policy_too_large(percent)
    return percent


def issue(
    ctx: Context,
    principal: Principal,
    seconds: int,
    *,
    least_token: int | None = None,
    source_identity: str = "",
    transitive_tags: tuple[str, ...] = (),
    mfa_at: datetime | None = None,
    federated_provider: str = "",
    claims: dict[str, str] | None = None,
) -> Session:
    """Makes and stores credentials for `principal`, good for so many seconds of world time.

    `least_token` is MinimumSessionTokenSize, in letters.
    """
    now = ctx.now.replace(microsecond=0)
    key_id = new_key_id("ASIA", principal.account, ctx.ids.data)
    session = Session(
        id=key_id,
        secret=new_secret(),
        token=new_token(least_token or 0),
        principal=with_key(principal, key_id, now),
        issued=now,
        expires=now + timedelta(seconds=seconds),
        source_identity=source_identity,
        transitive_tags=transitive_tags,
        mfa_at=mfa_at,
        federated_provider=federated_provider,
        claims=claims or {},
    )
    ctx.put(session)
    ctx.after(forget_session, key_id, at=session.expires + KEPT_AFTER_END, housekeeping=True)
    return session


def with_key(principal: Principal, key_id: str, now: datetime) -> Principal:
    """The principal that signs with a key that was issued now."""
    from msgspec.structs import replace

    return replace(principal, access_key=key_id, issued=now.timestamp())


@timer
def forget_session(ctx: Context, key_id: str) -> None:
    """A session ended long enough ago."""
    session = ctx.get(Session, key_id)
    if session is not None:
        ctx.delete(session)


def answer(session: Session) -> dict[str, Any]:
    """The members that all sessions are answered with: the credentials, and how large their token is."""
    credentials = {
        "AccessKeyId": session.id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": session.expires,
    }
    size = len(session.token)
    return {"Credentials": credentials, "SessionTokenSize": size, "SessionTokenUtilization": -(-size * 100 // LARGEST_TOKEN)}


def callers_session(ctx: Context) -> Session | None:
    """The session behind the caller; None if it has lasting credentials."""
    key = ctx.principal.access_key
    return ctx.get(Session, key) if key.startswith("ASIA") else None
