"""/_aws/dynamodb: what has expired goes at once."""

from __future__ import annotations

from cloudjar.gateway.own_http import Ask, answer
from cloudjar.kernel.world import DEFAULT_ACCOUNT, DEFAULT_REGION
from cloudjar.wire.http import Response


def expire(ask: Ask) -> Response:
    """Deletes the items whose time to live is over; `accountId` and `region` say where. Says how many went that had not gone already."""
    from cloudjar.services.dynamodb.expiry import expire_now

    account, region = ask.query.get("accountId", DEFAULT_ACCOUNT), ask.query.get("region", DEFAULT_REGION)
    with ask.world.reading() as ctx:
        return answer({"ExpiredItems": expire_now(ctx.at(account=account, region=region))})
