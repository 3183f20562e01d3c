"""Writing a function's output to CloudWatch Logs, as its role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.keys import microseconds

_BATCH_EVENTS = 10_000
_BATCH_BYTES = 1_000_000
_LONGEST = 262_118


def ship(ctx: Context, group: str, stream: str, lines: Sequence[tuple[datetime, str]]) -> None:
    """Stores lines before the invocation is answered: what a caller has seen end is in the log.

    A role that may not write logs, or may not make the group, leaves none, as in AWS; the function does not fail for it.
    """
    events: list[dict[str, Any]] = [
        {"timestamp": microseconds(moment) // 1000, "message": text[:_LONGEST]} for moment, text in lines if text
    ]
    while events:
        size = count = 0
        while count < len(events) and count < _BATCH_EVENTS and size < _BATCH_BYTES:
            size += 26 + len(events[count]["message"].encode())
            count += 1
        # The limit holds for the batch with its last event.
        count = max(1, count - (size > _BATCH_BYTES))
        batch, events = events[:count], events[count:]
        with ctx.transaction():
            try:
                _put(ctx, group, stream, batch)
            except AwsError as error:
                if error.code not in ("AccessDeniedException", "NotImplemented"):
                    raise


def _put(ctx: Context, group: str, stream: str, events: list[dict[str, Any]]) -> None:
    request = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
    try:
        ctx.call("logs", "PutLogEvents", request)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        for operation, req in (
            ("CreateLogGroup", {"logGroupName": group}),
            ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                ctx.call("logs", operation, req)
            except AwsError as exists:
                if exists.code != "ResourceAlreadyExistsException":
                    raise
        ctx.call("logs", "PutLogEvents", request)
