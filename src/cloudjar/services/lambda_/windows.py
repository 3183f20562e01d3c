"""Tumbling windows of streams: which records belong to one, and what the function is told of it.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cloudjar.kernel.clock import EPOCH

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping
    from cloudjar.services.lambda_.stream_source import Position

LARGEST_STATE = 1_000_000


class Window(Struct, frozen=True):
    """One window of one shard, and what its next invocation is."""

    start: int
    end: int
    state: str
    is_final: bool = False
    is_early: bool = False

    def members(self, mapping: EventSourceMapping, shard: str) -> dict[str, Any]:
        """What an event has beside its records."""
        return {
            "window": {"start": _stamp(self.start), "end": _stamp(self.end)},
            "state": json.loads(self.state or "{}"),
            "shardId": shard,
            "eventSourceARN": mapping.source,
            "isFinalInvokeForWindow": self.is_final,
            "isWindowTerminatedEarly": self.is_early,
        }


def batch(
    mapping: EventSourceMapping, position: Position, found: list[dict[str, Any]], now: datetime
) -> tuple[Window | None, list[dict[str, Any]]]:
    """The window whose turn it is, and those of the records that belong to it; no window while the open one has nothing new."""
    seconds = mapping.tumbling_seconds
    start = position.window if position.window >= 0 else _start_of(found[0], seconds) if found else -1
    if start < 0:
        return None, []
    end = start + seconds
    if len(position.state) > LARGEST_STATE:
        return Window(start, end, position.state, is_final=True, is_early=True), []
    mine = [one for one in found if _start_of(one, seconds) <= start]
    if mine:
        return Window(start, end, position.state), mine
    if found or (now - EPOCH).total_seconds() >= end:
        return Window(start, end, position.state, is_final=True), []
    return None, []


def state_of(payload: bytes) -> str | None:
    """The state that a function returned, as JSON; None if it returned none."""
    try:
        state = json.loads(payload).get("state")
    except (ValueError, AttributeError, RecursionError):
        return None
    return json.dumps(state, separators=(",", ":")) if isinstance(state, dict) else None


def _start_of(record: dict[str, Any], seconds: int) -> int:
    moment = record["dynamodb"]["ApproximateCreationDateTime"]
    value = moment.timestamp() if isinstance(moment, datetime) else float(moment)
    return int(value // seconds * seconds)


def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, EPOCH.tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
