"""What changed in a table between two instants, for incremental exports: out of the undo log of point-in-time recovery."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import keys
from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb import errors, storage
from cloudjar.services.dynamodb.history import Replaced
from cloudjar.services.dynamodb.schema import Table
from cloudjar.services.dynamodb.values import Item, item_size

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)
"""Between the two instants. Source: "Requesting a table export in DynamoDB", Developer Guide."""


def period(ctx: Context, req: dict[str, Any]) -> tuple[datetime, datetime, str]:
    """The instants and the view that a request asks for. Raises ValidationException."""
    wanted = req.get("IncrementalExportSpecification") or {}
    since, until = wanted.get("ExportFromTime"), wanted.get("ExportToTime") or ctx.now
    if since is None:
        raise errors.invalid("ExportFromTime must be specified for an incremental export")
    if req.get("ExportTime"):
        raise errors.invalid("ExportTime cannot be specified for an incremental export")
    if until - since < SHORTEST:
        raise errors.invalid("Difference between export from time and export to time is less than 15 minutes")
    if until - since > LONGEST:
        raise errors.invalid("Difference between export from time and export to time is more than 24 hours")
    return since, until, wanted.get("ExportViewType") or "NEW_AND_OLD_IMAGES"


def changes(ctx: Context, table: Table, since: datetime, until: datetime, view: str) -> int:
    """A new space with an export's line for each item that was written from `since` on and before `until`."""
    number = ctx.world.step(ctx._open(), "dynamodb.space")
    before: dict[bytes, Item | None] = {}
    after: dict[bytes, Item | None] = {}
    written: dict[bytes, datetime] = {}
    for found in ctx.where(Replaced, table=table.number).starting(since):
        if found.time < until:
            before.setdefault(found.key, found.item)
            written[found.key] = found.time
        elif found.key in before:
            # What the first write after the period replaced is what stood there at its end.
            after.setdefault(found.key, found.item)
    for key, old in before.items():
        if key in after:
            new = after[key]
        else:
            stored = storage.read(ctx, table.number, key)
            new = stored.attributes if stored else None
        some = new if new is not None else old
        if some is None:
            continue  # it came and went within the period
        line: dict[str, Any] = {
            "Metadata": {"WriteTimestampMicros": {"N": str(keys.microseconds(written[key]))}},
            "Keys": {name: some[name] for name in table.key_names},
        }
        if old is not None and view == "NEW_AND_OLD_IMAGES":
            line["OldImage"] = old
        if new is not None:
            line["NewImage"] = new
        storage.write(ctx, number, key, line, (item_size(old) if old else 0) + (item_size(new) if new else 0))
    return number
