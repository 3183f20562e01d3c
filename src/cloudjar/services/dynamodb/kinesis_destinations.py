"""Kinesis data streams as destinations of a table's changes: none can be, while there are no Kinesis data streams."""

from __future__ import annotations

from typing import Any, NoReturn

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import named_table, on_table


def _no_stream(ctx: Context, req: dict[str, Any]) -> NoReturn:
    named_table(ctx, req["TableName"])
    arn = req["StreamArn"]
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "kinesis" or not parts[5].startswith("stream/"):
        raise errors.invalid(f"Invalid Kinesis data stream ARN: {arn}")
    raise AwsError(
        "ResourceNotFoundException", f"User does not have a Kinesis data stream with name {parts[5].removeprefix('stream/')}: {arn}"
    )


@operation(on=on_table)
def enable_kinesis_streaming_destination(ctx: Context, req: dict[str, Any]) -> NoReturn:
    _no_stream(ctx, req)


@operation(on=on_table)
def update_kinesis_streaming_destination(ctx: Context, req: dict[str, Any]) -> NoReturn:
    _no_stream(ctx, req)


@operation(on=on_table)
def disable_kinesis_streaming_destination(ctx: Context, req: dict[str, Any]) -> NoReturn:
    _no_stream(ctx, req)


@operation(on=on_table)
def describe_kinesis_streaming_destination(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, table = named_table(ctx, req["TableName"])
    return {"TableName": table.name, "KinesisDataStreamDestinations": []}
