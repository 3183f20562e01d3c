"""Filter criteria of event source mappings and pipes: which records go on; and which of them came back as failed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cloudjar.kernel.event_pattern import compile_pattern


def passes(filters: Sequence[str], record: dict[str, Any], data: str) -> bool:
    """Whether any pattern matches a record; all do where there are no patterns.

    `data` names the member that holds the sender's own text: a pattern that looks into it finds its JSON, another the text itself.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    if not filters:
        return True
    decoded = {**record, data: _json(record.get(data))} if data else record
    return any(_matches(text, record, decoded, data) for text in filters)


def _matches(pattern: str, record: dict[str, Any], decoded: dict[str, Any], data: str) -> bool:
    wanted = json.loads(pattern).get(data) if data else None
    if isinstance(wanted, dict):
        return compile_pattern(pattern)(decoded)
    if wanted is not None and isinstance(decoded[data], dict | list):
        # A pattern for plain text is never met by JSON, whatever its text.
        return False
    return compile_pattern(pattern)(record)


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return text


def failed_items(payload: bytes, known: Sequence[str]) -> set[str] | None:
    """The items that a function reports as failed (ReportBatchItemFailures); None if its answer makes the whole batch fail."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return set()
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    found = set()
    for failure in failures:
        item = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(item, str) or item not in known:
            return None
        found.add(item)
    return found
