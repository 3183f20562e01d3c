"""What the judge asks of DynamoDB Streams: the stream's own policy."""

from __future__ import annotations

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb.stream_records import stream_policy


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of a stream; None for streams that are not there."""
    return stream_policy(ctx, arn)
