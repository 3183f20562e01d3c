"""DynamoDB Streams as a pipe's source: each shard in order, from where the pipe stands; a batch that fails holds its shard up."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import targets
from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.source_filters import passes
from cloudjar.services.pipes.flow import Flow
from cloudjar.services.pipes.pipes import PRINCIPAL, Pipe, pipe_arn
from cloudjar.services.pipes.polling import Poller

_LARGEST_BATCH = 1000
_LONGEST_PAUSE = 60


@record("pipes.position", key=("pipe", "shard"))
class Position(Record):
    """How far a pipe has got in a shard; `pipe` is its uid."""

    pipe: str
    shard: str
    sequence: str = ""
    """The last record that is done with; "" before the first."""
    attempts: int = 0
    """How often the next batch has failed."""
    size: int = 0
    """Records that a bisected batch has left; 0 for as many as the pipe says."""
    not_before: datetime | None = None
    """The end of the pause after a failure."""


def begin(ctx: Context, acting: Context, pipe: Pipe) -> None:
    """Has a new pipe that starts at LATEST begin after what its stream holds now. Raises what the role may not."""
    shards = acting.call("dynamodbstreams", "DescribeStream", {"StreamArn": pipe.source})["StreamDescription"]["Shards"]
    if pipe.reading["StartingPosition"] != "LATEST" or ctx.where(Position, pipe=pipe.uid).first():
        return
    for shard in shards:
        request = {"StreamArn": pipe.source, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = acting.call("dynamodbstreams", "GetShardIterator", request)["ShardIterator"]
        last = ""
        while iterator:
            answer = acting.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            if not answer["Records"]:
                break
            last, iterator = answer["Records"][-1]["dynamodb"]["SequenceNumber"], answer.get("NextShardIterator")
        ctx.put(Position(pipe.uid, shard["ShardId"], last))


async def drain(poller: Poller, pipe: Pipe) -> None:
    """Serves every shard until it is at its end, or its next batch has to wait."""
    while True:
        poller.news.clear()
        acting = poller.acting(pipe)
        answer = await acting.call_async("dynamodbstreams", "DescribeStream", {"StreamArn": pipe.source})
        for shard in answer["StreamDescription"]["Shards"]:
            while (now := poller.pipe()) is not None and await _step(poller, now, acting, shard["ShardId"]):
                pass
        if poller.pipe() is None or not poller.news.is_set():
            return


async def _step(poller: Poller, pipe: Pipe, acting: Context, shard: str) -> bool:
    """One batch of a shard; False if there is none, or it is not its time."""
    ctx = poller.ctx
    with ctx.transaction():
        position = ctx.get(Position, pipe.uid, shard) or Position(pipe.uid, shard)
        if position.not_before is not None and ctx.now < position.not_before:
            return False
    found = await _read(acting, pipe, position)
    if not found or not (position.size or poller.is_due(pipe, len(found))):
        return False
    records = [{**_plain(one), "eventSourceARN": pipe.source} for one in found]
    wanted = [one for one in records if passes(pipe.filters, one, "")]
    last = _sequence(records[-1])
    if not wanted:
        _done(ctx, position, last)
        return True
    oldest = pipe.reading["MaximumRecordAgeInSeconds"]
    age = (ctx.world.clock.now() - EPOCH).total_seconds() - wanted[0]["dynamodb"]["ApproximateCreationDateTime"]
    if 0 <= oldest < age:
        _give_up(ctx, pipe, position, wanted[:1], "RecordAgeExceeded")
        _done(ctx, position, _sequence(wanted[0]))
        return True
    failed = await Flow(ctx, acting, pipe).run(wanted, "eventID", _sequence)
    if not failed:
        _done(ctx, position, last)
        return True
    first = min(failed)
    if first > 0:
        # What came before is done; the rest is tried again as a batch of its own.
        position = replace(position, sequence=_sequence(wanted[first - 1]), attempts=0)
        wanted = wanted[first:]
    tried = replace(position, attempts=position.attempts + 1)
    bisects = pipe.reading.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT"
    if 0 <= pipe.reading["MaximumRetryAttempts"] < tried.attempts:
        _give_up(ctx, pipe, tried, wanted, "RetryAttemptsExhausted")
        _done(ctx, position, last)
        return True
    if bisects and len(wanted) > 1:
        tried = replace(tried, size=(len(wanted) + 1) // 2)
    seconds = min(2 ** (tried.attempts - 1), _LONGEST_PAUSE)
    with ctx.transaction():
        ctx.put(replace(tried, not_before=ctx.now + timedelta(seconds=seconds)))
    poller.later(seconds)
    return False


def _sequence(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


async def _read(acting: Context, pipe: Pipe, position: Position) -> list[dict[str, Any]]:
    start: dict[str, Any] = {"StreamArn": pipe.source, "ShardId": position.shard}
    request = {**start, "ShardIteratorType": "TRIM_HORIZON"}
    if position.sequence:
        request = {**start, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position.sequence}
    try:
        iterator = (await acting.call_async("dynamodbstreams", "GetShardIterator", request))["ShardIterator"]
    except AwsError as error:
        if error.code != "TrimmedDataAccessException":
            raise
        request = {**start, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await acting.call_async("dynamodbstreams", "GetShardIterator", request))["ShardIterator"]
    limit = min(position.size or pipe.reading["BatchSize"], _LARGEST_BATCH)
    answer = await acting.call_async("dynamodbstreams", "GetRecords", {"ShardIterator": iterator, "Limit": limit})
    found: list[dict[str, Any]] = answer["Records"]
    return found


def _done(ctx: Context, position: Position, sequence: str) -> None:
    with ctx.transaction():
        ctx.put(Position(position.pipe, position.shard, sequence))


def _give_up(ctx: Context, pipe: Pipe, position: Position, batch: list[dict[str, Any]], condition: str) -> None:
    """Tells the dead-letter target which records were given up."""
    arn = (pipe.reading.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return
    with ctx.transaction():
        times = [
            (EPOCH + timedelta(seconds=one["dynamodb"]["ApproximateCreationDateTime"])).strftime("%Y-%m-%dT%H:%M:%SZ")
            for one in (batch[0], batch[-1])
        ]
        told = {
            "context": {
                "partnerResourceArn": pipe_arn(ctx, pipe.name),
                "condition": condition,
                "approximateInvokeCount": position.attempts,
            },
            "version": "1.0",
            "timestamp": ctx.now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ctx.now.microsecond // 1000:03d}Z",
            "DDBStreamBatchInfo": {
                "shardId": position.shard,
                "startSequenceNumber": _sequence(batch[0]),
                "endSequenceNumber": _sequence(batch[-1]),
                "approximateArrivalOfFirstRecord": times[0],
                "approximateArrivalOfLastRecord": times[1],
                "batchSize": len(batch),
                "streamArn": pipe.source,
            },
        }
        ctx.effect(bury, pipe.role, arn, json.dumps(told, separators=(",", ":")))


@effect
async def bury(ctx: Context, role: str, arn: str, told: str) -> None:
    """Sends to the dead-letter target, as the pipe's role."""
    try:
        await targets.send(targets.acting(ctx, role, PRINCIPAL, ""), arn, told, {})
    except AwsError as error:
        ctx.world.host.log_failure(f"dead letter to {arn}", error)


def _plain(value: Any) -> Any:
    """A record as JSON has it: bytes in base64, instants in seconds."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value
