"""Whose affair a call is: every operation names an account, which must be the caller's own."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.s3control import errors


def check_account(ctx: Context, req: dict[str, Any]) -> str:
    """The account that a request names; raises AccessDenied where it is not the caller's."""
    account: str = req["AccountId"]
    if account != ctx.account:
        raise errors.access_denied()
    return account
