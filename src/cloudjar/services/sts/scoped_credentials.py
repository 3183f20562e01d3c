"""GetScopedCredentials: the caller's own session again, with less.

Source: "Permissions for GetScopedCredentials", IAM User Guide.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors, sessions

LAYERS = 3


@operation()
def get_scoped_credentials(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    parent = sessions.callers_session(ctx)
    if parent is None or parent.principal.kind == "root":
        raise errors.lasting_credentials()
    policy, seconds = req.get("Policy"), req.get("DurationSeconds")
    if policy is None and seconds is None:
        raise errors.validation("At least one of Policy or DurationSeconds must be specified.")
    now = ctx.now.replace(microsecond=0)
    left = int((parent.expires - now) / timedelta(seconds=1))
    if seconds is not None and seconds > left:
        raise errors.insufficient_lifetime()
    scopes = parent.principal.scopes
    if policy is not None:
        sessions.check_document(policy)
        if len(scopes) >= LAYERS:
            raise errors.too_many_scopes(LAYERS)
        scopes = (*scopes, policy)
    session = sessions.issue(
        ctx,
        replace(parent.principal, scopes=scopes),
        seconds or left,
        least_token=req.get("MinimumSessionTokenSize"),
        source_identity=parent.source_identity,
        transitive_tags=parent.transitive_tags,
        mfa_at=parent.mfa_at,
        federated_provider=parent.federated_provider,
        claims=parent.claims,
    )
    answer = sessions.answer(session) | {
        "SessionInfo": {"ScopedSessionId": session.principal.user_id, "Arn": session.principal.arn},
        "ScopedPoliciesCount": len(scopes),
    }
    return answer | ({"SourceIdentity": session.source_identity} if session.source_identity else {})
