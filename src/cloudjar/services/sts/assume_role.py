"""AssumeRole."""

from __future__ import annotations

from dataclasses import replace as with_changes
from typing import Any

from cloudjar.identity.credentials import Session
from cloudjar.identity.principal_keys import Keys
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import Principal
from cloudjar.services.sts import errors, mfa, sessions, trust

CHAINED_SECONDS = 3600
DEFAULT_SECONDS = 3600


def role_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about; raises ValidationError for what is no role's ARN."""
    arn: str = req["RoleArn"]
    trust.check_arn(arn)
    return arn


def asks(ctx: Context, req: dict[str, Any]) -> dict[str, str]:
    """What IAM is asked about: tags, passed or brought along, and a source identity want actions of their own."""
    arn = role_arn(ctx, req)
    parent = sessions.callers_session(ctx)
    wanted = {"sts:AssumeRole": arn}
    if req.get("Tags") or (parent and parent.transitive_tags):
        wanted["sts:TagSession"] = arn
    if req.get("SourceIdentity") or (parent and parent.source_identity):
        wanted["sts:SetSourceIdentity"] = arn
    return wanted


@operation(on=asks)
def assume_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    role = trust.find_role(ctx, req["RoleArn"], "sts:AssumeRole")
    if ctx.principal.kind == "root" and ctx.principal.access_key.startswith(("AKIA", "ASIA")):
        # AWS's rule. `test` and account numbers, which stand for whoever tries something out, are let in by the trust policy.
        raise errors.root_assumes()
    parent = sessions.callers_session(ctx)
    scope = sessions.scope_of(req)
    seconds = duration(req, role)
    if parent is not None and parent.principal.kind == "assumed-role" and seconds > CHAINED_SECONDS:
        raise errors.too_long_for_chaining()
    if req.get("ProvidedContexts"):
        raise errors.validation("ProvidedContexts are not supported.")
    source_identity = _source_identity(parent, req.get("SourceIdentity"))
    inherited = {key: parent.principal.session_tags[key] for key in parent.transitive_tags} if parent else {}
    clash = {key.lower() for key in inherited} & {key.lower() for key in scope.tags}
    if clash:
        raise errors.transitive_tag_set_again(min(clash))
    transitive = _transitive(req.get("TransitiveTagKeys") or [], scope.tags)
    mfa_at = mfa.verified(ctx, req)

    keys = request_keys(req["RoleSessionName"], source_identity, scope)
    if req.get("ExternalId"):
        keys["sts:externalid"] = req["ExternalId"]
    if transitive:
        keys["sts:transitivetagkeys"] = transitive
    if mfa_at:
        keys |= {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}
    trust.check(ctx, role, "sts:AssumeRole", keys)
    # What a chained session brings along has to be allowed as if it were passed now.
    if scope.tags or inherited:
        trust.check(ctx, role, "sts:TagSession", keys)
    if source_identity:
        trust.check(ctx, role, "sts:SetSourceIdentity", keys)

    scope = with_changes(scope, tags=inherited | scope.tags)
    principal = role_session(role, req["RoleSessionName"], scope, mfa=mfa_at is not None)
    session = sessions.issue(
        ctx,
        principal,
        seconds,
        least_token=req.get("MinimumSessionTokenSize"),
        source_identity=source_identity,
        transitive_tags=(*inherited, *transitive),
        mfa_at=mfa_at,
        claims=_source(ctx.principal),
    )
    return answer(session, scope)


# https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
_SOURCE_KEYS = {"lambda.amazonaws.com": "lambda:sourcefunctionarn"}
"""Services that give a role's credentials to code of their customers', and the key that says whose code it is."""


def _source(caller: Principal) -> dict[str, str]:
    """What a session says in all its calls about the resource that it was made for."""
    key = _SOURCE_KEYS.get(caller.arn) if caller.kind == "service" and caller.source_arn else None
    return {key: caller.source_arn} if key else {}


def role_session(role: Role, name: str, scope: sessions.Scope, *, mfa: bool = False) -> Principal:
    """Who a session of a role is."""
    parts = role.arn.split(":")
    return Principal(
        kind="assumed-role",
        account=parts[4],
        arn=f"arn:{parts[1]}:sts::{parts[4]}:assumed-role/{role.name}/{name}",
        user_id=f"{role.id}:{name}",
        role_arn=role.arn,
        session_policies=scope.policies,
        session_tags=scope.tags,
        mfa=mfa,
    )


def duration(req: dict[str, Any], role: Role) -> int:
    """How long the session lasts; raises ValidationError past the role's maximum."""
    seconds: int = req.get("DurationSeconds") or DEFAULT_SECONDS
    if seconds > role.max_session_seconds:
        raise errors.too_long_for_role()
    return seconds


def request_keys(session_name: str, source_identity: str, scope: sessions.Scope) -> Keys:
    """The condition keys that a request for a session brings."""
    keys: Keys = {"sts:rolesessionname": session_name}
    if source_identity:
        keys["sts:sourceidentity"] = source_identity
    if scope.tags:
        keys["aws:tagkeys"] = tuple(scope.tags)
        keys |= {f"aws:requesttag/{key.lower()}": value for key, value in scope.tags.items()}
    return keys


def answer(session: Session, scope: sessions.Scope) -> dict[str, Any]:
    """The members that all ways to a role's session answer with."""
    wire: dict[str, Any] = {
        **sessions.answer(session),
        "AssumedRoleUser": {"AssumedRoleId": session.principal.user_id, "Arn": session.principal.arn},
    }
    if scope.packed_percent is not None:
        wire["PackedPolicySize"] = scope.packed_percent
    if session.source_identity:
        wire["SourceIdentity"] = session.source_identity
    return wire


def _source_identity(parent: Session | None, wanted: str | None) -> str:
    kept = parent.source_identity if parent else ""
    # Once set, it stays through every chained role.
    if kept and wanted and kept != wanted:
        raise errors.access_denied("Source identity cannot be changed once it is set in the calling session.")
    return kept or wanted or ""


def _transitive(wanted: list[str], tags: dict[str, str]) -> tuple[str, ...]:
    by_folded = {key.lower(): key for key in tags}
    missing = [key for key in wanted if key.lower() not in by_folded]
    if missing:
        raise errors.validation(f"The specified transitive tag key must be included in the requested tags: {missing[0]}")
    return tuple(by_folded[key.lower()] for key in wanted)
