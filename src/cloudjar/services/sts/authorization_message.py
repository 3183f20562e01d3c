"""DecodeAuthorizationMessage."""

from __future__ import annotations

from typing import Any

from cloudjar.identity import encoded_message
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors


@operation()
def decode_authorization_message(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = encoded_message.decode(req["EncodedMessage"], ctx.world.seed)
    if found is None:
        raise errors.undecodable_message()
    return {"DecodedMessage": found}
