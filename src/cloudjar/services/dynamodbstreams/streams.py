"""Streams of tables: list, describe, read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel import keys, paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb.stream_records import (
    KEPT,
    Stream,
    StreamRecord,
    last_sequence,
    record_to_wire,
    sequence_in,
    sequence_text,
    stream_arn,
    stream_at,
)
from cloudjar.services.dynamodbstreams import errors

ITERATOR_LIVES = timedelta(minutes=15)
MOST_RECORDS = 1000
LARGEST_ANSWER = 1 << 20


def on_stream(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req.get("StreamArn") or req.get("ShardIterator", "*").split("|")[0])


def find_stream(ctx: Context, arn: str) -> tuple[Context, Stream]:
    """The stream with that ARN and its account's context, or ResourceNotFoundException."""
    place = stream_at(ctx, arn)
    if place is None:
        raise errors.invalid_arn(arn)
    there, found = place
    if found is None or there.region != ctx.region:
        raise errors.stream_not_found(arn)
    return there, found


def shard_id(stream: Stream) -> str:
    """The id of a stream's one shard."""
    return f"shardId-{keys.microseconds(stream.created) // 1000:020d}-{stream.number:08x}"


@operation()
def list_streams(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Stream, table=req["TableName"]) if req.get("TableName") else ctx.where(Stream)
    limit, after = req.get("Limit") or 100, req.get("ExclusiveStartStreamArn")
    found: list[dict[str, str]] = []
    answer: dict[str, Any] = {"Streams": found}
    skipping = after is not None
    for stream in rows:
        arn = stream_arn(ctx, stream)
        if skipping:
            skipping = arn != after
            continue
        if len(found) == limit:
            answer["LastEvaluatedStreamArn"] = found[-1]["StreamArn"]
            break
        found.append({"StreamArn": arn, "TableName": stream.table, "StreamLabel": stream.label})
    return answer


@operation(on=on_stream)
def describe_stream(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, stream = find_stream(ctx, req["StreamArn"])
    after, wanted = req.get("ExclusiveStartShardId"), req.get("ShardFilter")
    sequences = {"StartingSequenceNumber": sequence_text(0)}
    if stream.ended is not None:
        sequences["EndingSequenceNumber"] = sequence_text(stream.last_sequence)
    shards = [{"ShardId": shard_id(stream), "SequenceNumberRange": sequences}]
    schema = [{"AttributeName": stream.hash, "KeyType": "HASH"}]
    if stream.range:
        schema.append({"AttributeName": stream.range, "KeyType": "RANGE"})
    return {
        "StreamDescription": {
            "StreamArn": req["StreamArn"],
            "StreamLabel": stream.label,
            "StreamStatus": stream.status,
            "StreamViewType": stream.view,
            "CreationRequestDateTime": stream.created,
            "TableName": stream.table,
            "KeySchema": schema,
            # The one shard has no children, and nothing comes after it.
            "Shards": [] if after == shard_id(stream) or wanted else shards,
        }
    }


@operation(on=on_stream)
def get_shard_iterator(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, stream = find_stream(ctx, req["StreamArn"])
    if req["ShardId"] != shard_id(stream):
        raise errors.shard_not_found(req["ShardId"], req["StreamArn"])
    return {"ShardIterator": _iterator(ctx, stream, _position(ctx, stream, req))}


def _position(ctx: Context, stream: Stream, req: dict[str, Any]) -> int:
    """The sequence number after which an iterator reads."""
    kind, text = req["ShardIteratorType"], req.get("SequenceNumber")
    if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        sequence = sequence_in(text) if text else None
        if sequence is None:
            raise errors.invalid_sequence()
        oldest = ctx.where(StreamRecord, stream=stream.number).first()
        if sequence and (oldest is None or sequence < oldest.sequence):
            raise errors.trimmed()
        return sequence - (kind == "AT_SEQUENCE_NUMBER")
    if kind == "AT_TIMESTAMP":
        instant = req.get("Timestamp")
        if instant is None:
            raise errors.no_timestamp()
        first = next((found for found in ctx.where(StreamRecord, stream=stream.number) if found.time >= instant), None)
        return first.sequence - 1 if first else last_sequence(ctx, stream.number)
    return last_sequence(ctx, stream.number) if kind == "LATEST" else 0


def _iterator(ctx: Context, stream: Stream, position: int) -> str:
    token = keys.encode((stream.number, position, ctx.now))
    return f"{stream_arn(ctx, stream)}|1|{paging.encode_token(token)}"


def _read_iterator(ctx: Context, text: str) -> tuple[Context, Stream, int]:
    arn, _, rest = text.partition("|1|")
    try:
        number, position, made = keys.decode(paging.decode_token(rest, errors.invalid_iterator()))
    except (ValueError, IndexError):
        raise errors.invalid_iterator() from None
    if not isinstance(number, int) or not isinstance(position, int) or not isinstance(made, int):
        raise errors.invalid_iterator()
    if keys.microseconds(ctx.now - ITERATOR_LIVES) > made:
        raise errors.expired_iterator()
    there, stream = find_stream(ctx, arn)
    if stream.number != number:
        raise errors.invalid_iterator()
    return there, stream, position


@operation(on=on_stream)
def get_records(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, stream, position = _read_iterator(ctx, req["ShardIterator"])
    limit = req.get("Limit") or MOST_RECORDS
    if limit > MOST_RECORDS:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value less than or equal to {MOST_RECORDS}",
        )
    found: list[dict[str, Any]] = []
    size, oldest = 0, ctx.now - KEPT
    for record in ctx.where(StreamRecord, stream=stream.number).starting(position + 1):
        if record.time < oldest:
            continue
        size += record.size
        if len(found) == limit or (found and size > LARGEST_ANSWER):
            break
        found.append(record_to_wire(ctx.region, stream.view, record))
        position = record.sequence
    answer: dict[str, Any] = {"Records": found}
    if stream.ended is None or position < stream.last_sequence:
        answer["NextShardIterator"] = _iterator(ctx, stream, position)
    return answer
