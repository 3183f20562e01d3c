"""GetSessionToken, and what an access key says of itself."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from cloudjar.identity.credentials import AccessKey, Session, account_in
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors, mfa, sessions

USER_SECONDS = 43_200
ROOT_SECONDS = 3600
"""AWS's limit for the root user, and its default for it."""


@operation()
def get_session_token(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    caller = ctx.principal
    if caller.kind not in ("user", "root") or sessions.callers_session(ctx):
        raise errors.session_credentials("GetSessionToken")
    mfa_at = mfa.verified(ctx, req)
    seconds = req.get("DurationSeconds") or USER_SECONDS
    if caller.kind == "root":
        seconds = min(seconds, ROOT_SECONDS)
    session = sessions.issue(
        ctx, replace(caller, mfa=mfa_at is not None), seconds, mfa_at=mfa_at, least_token=req.get("MinimumSessionTokenSize")
    )
    return sessions.answer(session)


@operation()
def get_access_key_info(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key_id = req["AccessKeyId"]
    key = ctx.get(AccessKey, key_id)
    session = ctx.get(Session, key_id)
    account = key.account if key else session.principal.account if session else account_in(key_id)
    if account is None:
        raise errors.validation(f"Invalid access key id: {key_id}")
    return {"Account": account}
