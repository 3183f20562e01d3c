"""Every error of DynamoDB Streams, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def invalid_arn(arn: str) -> AwsError:
    return AwsError("ValidationException", f"Invalid StreamArn: {arn}")


def stream_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")


def shard_not_found(shard: str, arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Shard: {shard} in Stream: {arn} not found")


def invalid_sequence() -> AwsError:
    return AwsError("ValidationException", "Invalid SequenceNumber")


def no_timestamp() -> AwsError:
    return AwsError("ValidationException", "Timestamp must be specified when ShardIteratorType is AT_TIMESTAMP")


def invalid_iterator() -> AwsError:
    return AwsError("ValidationException", "Invalid ShardIterator")


def expired_iterator() -> AwsError:
    return AwsError("ExpiredIteratorException", "Iterator expired. The iterator was created more than 15 minutes ago.")


def trimmed() -> AwsError:
    return AwsError("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard.")
