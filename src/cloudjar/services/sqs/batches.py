"""What the three batch operations have in common: the entries' rules, and an outcome for each entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cloudjar.kernel.errors import AwsError
from cloudjar.services.sqs import errors

MOST = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check(entries: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The entries, if their number and their ids are in order; else one of the four errors of batches."""
    if not entries:
        raise errors.empty_batch(name)
    if len(entries) > MOST:
        raise errors.too_many_entries(len(entries))
    seen: set[str] = set()
    for entry in entries:
        if not _ID.fullmatch(entry["Id"]):
            raise errors.invalid_entry_id()
        if entry["Id"] in seen:
            raise errors.repeated_entry_id(entry["Id"])
        seen.add(entry["Id"])
    return entries


def run(entries: list[dict[str, Any]], act: Callable[[dict[str, Any]], dict[str, Any] | None]) -> dict[str, Any]:
    """The answer of a batch: one entry's error is no other's. `act` changes nothing when it raises."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            successful.append({"Id": entry["Id"], **(act(entry) or {})})
        except AwsError as error:
            status = error.status or 400
            failed.append({"Id": entry["Id"], "SenderFault": status < 500, "Code": error.code, "Message": error.message})
    return {name: outcomes for name, outcomes in (("Successful", successful), ("Failed", failed)) if outcomes}
