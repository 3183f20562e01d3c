"""Switching a table's stream on and off. Its records are read through DynamoDB Streams."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import Table
from cloudjar.services.dynamodb.stream_records import KEPT, Stream, last_sequence, trim


def switched(ctx: Context, table: Table, wanted: dict[str, Any] | None) -> Table:
    """The table with its stream as a StreamSpecification wants it; None leaves it alone."""
    if wanted is None:
        return table
    view = wanted.get("StreamViewType")
    if not wanted["StreamEnabled"]:
        if view:
            raise errors.invalid_parameters("StreamViewType cannot be specified when StreamEnabled is false")
        if table.stream_number is not None:
            end(ctx, table.stream_number)
        return replace(table, stream_number=None, stream_view="")
    if table.stream_number is not None:
        raise errors.invalid(f"Table already has an enabled stream: TableName: {table.name}")
    if not view:
        raise errors.invalid_parameters("StreamViewType is required when StreamEnabled is true")
    number = ctx.world.step(ctx._open(), "dynamodb.space")
    label = _label(ctx, table.name)
    ctx.put(Stream(number, table.name, label, view, ctx.now, table.hash, table.range))
    return replace(table, stream_number=number, stream_view=view, latest_stream_label=label)


def _label(ctx: Context, table: str) -> str:
    """The instant in milliseconds; a later one where an earlier stream of the table has it, as when time stands still."""
    instant = ctx.now
    while True:
        label = f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}"
        if ctx.where(Stream, table=table, label=label).first() is None:
            return label
        instant += timedelta(milliseconds=1)


def end(ctx: Context, number: int) -> None:
    """Closes a stream; what it holds can be read for another day."""
    stream = ctx.get(Stream, number)
    if stream is not None:
        ctx.put(replace(stream, status="DISABLED", ended=ctx.now, last_sequence=last_sequence(ctx, number)))
        ctx.after(trim, number, at=ctx.now + KEPT, housekeeping=True)
