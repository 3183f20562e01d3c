"""DecodeAuthorizationMessage."""

from __future__ import annotations

from typing import Any

from cloudjar.identity import authorization_message
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors


@operation()
def decode_authorization_message(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = authorization_message.decode(ctx.world.seed, ctx.account, req["EncodedMessage"])
    if found is None:
        raise errors.undecodable_message()
    return {"DecodedMessage": found}
