"""Events as EventBridge keeps and delivers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context


def envelope(
    ctx: Context,
    source: str,
    detail_type: str,
    detail: dict[str, Any],
    resources: list[str],
    *,
    event_id: str = "",
    time: datetime | None = None,
) -> dict[str, Any]:
    """An event of this account and Region. Source: "Events in Amazon EventBridge" in the user guide."""
    return {
        "version": "0",
        "id": event_id or ctx.ids.uuid(),
        "detail-type": detail_type,
        "source": source,
        "account": ctx.account,
        "time": stamp(time or ctx.now),
        "region": ctx.region,
        "resources": resources,
        "detail": detail,
    }


def stamp(time: datetime) -> str:
    """A time as events have it: to the second, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
