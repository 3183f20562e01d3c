"""GetFederationToken: a session of a name that IAM does not know, within its maker's permissions."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import Principal
from cloudjar.services.sts import errors, sessions
from cloudjar.services.sts.session_token import ROOT_SECONDS, USER_SECONDS


def federated_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that the session will have: what IAM is asked about."""
    return ctx.arn("sts", f"federated-user/{req['Name']}", region="")


@operation(on=federated_arn)
def get_federation_token(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    caller = ctx.principal
    if caller.kind not in ("user", "root") or sessions.callers_session(ctx):
        raise errors.session_credentials("GetFederationToken")
    scope = sessions.scope_of(req)
    seconds = req.get("DurationSeconds") or USER_SECONDS
    if caller.kind == "root":
        seconds = min(seconds, ROOT_SECONDS)
    principal = Principal(
        kind="federated-user",
        account=caller.account,
        arn=federated_arn(ctx, req),
        user_id=f"{caller.account}:{req['Name']}",
        # Whose permissions stand behind the session.
        role_arn=caller.arn,
        session_policies=scope.policies,
        session_tags=scope.tags,
    )
    session = sessions.issue(ctx, principal, seconds, least_token=req.get("MinimumSessionTokenSize"))
    answer: dict[str, Any] = {
        **sessions.answer(session),
        "FederatedUser": {"FederatedUserId": principal.user_id, "Arn": principal.arn},
    }
    if scope.packed_percent is not None:
        answer["PackedPolicySize"] = scope.packed_percent
    return answer
