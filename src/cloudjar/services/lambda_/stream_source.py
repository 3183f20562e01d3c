"""DynamoDB Streams as an event source: each shard in order, from where the mapping stands; a batch that fails holds its shard up."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.source_filters import failed_items, passes
from cloudjar.services.lambda_ import destinations, metering, windows
from cloudjar.services.lambda_.functions import find_version
from cloudjar.services.lambda_.invocation import stamp
from cloudjar.services.lambda_.names import function_arn
from cloudjar.services.lambda_.pool import Finished

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping
    from cloudjar.services.lambda_.polling import Poller

_LARGEST_BATCH = 1000
_LONGEST_PAUSE = 60


@record("lambda.stream_position", key=("mapping", "shard"))
class Position(Record):
    """How far a mapping has got in a shard."""

    mapping: str
    shard: str
    sequence: str = ""
    """The last record that is done with; "" before the first."""
    attempts: int = 0
    """How often the next batch has failed."""
    size: int = 0
    """Records that a bisected batch has left; 0 for as many as the mapping says."""
    not_before: datetime | None = None
    """The end of the pause after a failure."""
    window: int = -1
    """When the tumbling window that is open began, in seconds since 1970; -1 where none is open."""
    state: str = ""
    """What the function returned as the window's state, JSON."""


async def drain(poller: Poller, mapping: EventSourceMapping) -> None:
    """Serves every shard until it is at its end, or its next batch has to wait."""
    while True:
        poller.news.clear()
        acting = poller.acting()
        answer = await acting.call_async("dynamodbstreams", "DescribeStream", {"StreamArn": mapping.source})
        hash_key = answer["StreamDescription"]["KeySchema"][0]["AttributeName"]
        lanes = [
            Lane(shard["ShardId"], number, mapping.parallelization, hash_key)
            for shard in answer["StreamDescription"]["Shards"]
            for number in range(mapping.parallelization)
        ]
        ends = await asyncio.gather(*(_serve(poller, acting, lane) for lane in lanes), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        mapping = poller.mapping() or mapping
        if poller.mapping() is None or not poller.news.is_set():
            return


class Lane(Struct, frozen=True):
    """The part of a shard that is served in order: all of it, or the partition keys that fall to one of several."""

    shard: str
    number: int
    of: int
    hash_key: str

    @property
    def name(self) -> str:
        return self.shard if self.of == 1 else f"{self.shard}#{self.number}"

    def has(self, record: dict[str, Any]) -> bool:
        """Whether a record's partition key falls here."""
        if self.of == 1:
            return True
        key = json.dumps(_plain(record["dynamodb"]["Keys"].get(self.hash_key)), sort_keys=True)
        return zlib.crc32(key.encode()) % self.of == self.number


def rearrange(ctx: Context, mapping: EventSourceMapping) -> None:
    """The parallelization has changed: each shard goes on where the lane that was furthest behind stood."""
    behind: dict[str, str] = {}
    for position in list(ctx.where(Position, mapping=mapping.uuid)):
        shard = position.shard.partition("#")[0]
        ctx.delete(position)
        behind[shard] = min(behind.get(shard, position.sequence), position.sequence, key=lambda text: int(text or 0))
    for shard, sequence in behind.items():
        ctx.put(Position(mapping.uuid, shard, sequence))


async def _serve(poller: Poller, acting: Context, lane: Lane) -> None:
    while (now := poller.mapping()) is not None and now.parallelization == lane.of and await _step(poller, now, acting, lane):
        pass


async def _step(poller: Poller, mapping: EventSourceMapping, acting: Context, lane: Lane) -> bool:
    """One batch of a lane; False if there is none, or it is not its time."""
    ctx = poller.ctx
    with ctx.transaction():
        position = ctx.get(Position, mapping.uuid, lane.name)
        if position is None:
            # A lane begins where its shard stood.
            whole = ctx.get(Position, mapping.uuid, lane.shard)
            position = Position(mapping.uuid, lane.name, whole.sequence if whole else "")
        now = ctx.now
        if position.not_before is not None and ctx.now < position.not_before:
            return False
    limit = min(position.size or mapping.batch_size, _LARGEST_BATCH)
    found = await _read(acting, mapping, position, limit)
    window = None
    if mapping.tumbling_seconds:
        window, found = windows.batch(mapping, position, found, now)
        if window is None and position.window >= 0:
            poller.later(position.window + mapping.tumbling_seconds - (now - EPOCH).total_seconds())
            return False
    if not found and window is None:
        return False
    if mapping.window_seconds and len(found) < limit and not _is_due(poller, mapping):
        return False
    records = [{**_plain(one), "eventSourceARN": mapping.source} for one in found]
    wanted = [one for one in records if lane.has(one) and passes(mapping.filters, one, "")]
    last = records[-1]["dynamodb"]["SequenceNumber"] if records else position.sequence
    if not wanted and not (window and window.is_final):
        _done(poller, position, last, position.window, position.state)
        return True
    if wanted and _is_too_old(poller, mapping, wanted[0]):
        _give_up(poller, mapping, position, wanted[:1], None, "RecordAgeExceeded", "")
        _done(poller, position, wanted[0]["dynamodb"]["SequenceNumber"])
        return True
    if wanted:
        age = (now - EPOCH).total_seconds() - wanted[-1]["dynamodb"]["ApproximateCreationDateTime"]
        where = metering.dimensions(_function_arn(poller, mapping))
        metering.add(poller.ctx, "IteratorAge", where, max(0.0, age) * 1000, metering.MILLISECONDS)
    event = {"Records": wanted, **(window.members(mapping, lane.shard) if window else {})}
    try:
        finished, version = await poller.invoke(mapping, json.dumps(event, separators=(",", ":")).encode())
    except AwsError as error:
        if error.code != "TooManyRequestsException":
            raise
        _pause(poller, replace(position, attempts=position.attempts))
        return False
    first_failed = _first_failed(mapping, finished, wanted)
    state = windows.state_of(finished.outcome.payload) if window else ""
    if window and not window.is_final and state is None and first_failed is None:
        # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html: no state is a failure.
        first_failed = 0
    if first_failed is None:
        poller.note("OK")
        _done(poller, position, last, window.start if window and not window.is_final else -1, state or "")
        return True
    poller.note("PROBLEM: Function call failed")
    if first_failed > 0:
        # What came before is done; the rest is tried again as a batch of its own.
        position = replace(position, sequence=wanted[first_failed - 1]["dynamodb"]["SequenceNumber"], attempts=0)
        wanted = wanted[first_failed:]
    tried = replace(position, attempts=position.attempts + 1)
    if 0 <= mapping.retries < tried.attempts:
        if wanted:
            _give_up(poller, mapping, tried, wanted, finished, "RetryAttemptsExhausted", version)
        if window and not window.is_final:
            _done(poller, position, last, position.window, position.state)
        else:
            _done(poller, position, last)
        return True
    if mapping.bisect and len(wanted) > 1:
        tried = replace(tried, size=(len(wanted) + 1) // 2)
    _pause(poller, tried)
    return False


async def _read(acting: Context, mapping: EventSourceMapping, position: Position, limit: int) -> list[dict[str, Any]]:
    request: dict[str, Any] = {"StreamArn": mapping.source, "ShardId": position.shard.partition("#")[0]}
    if position.sequence:
        request |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position.sequence}
    else:
        request["ShardIteratorType"] = "TRIM_HORIZON"
    try:
        iterator = (await acting.call_async("dynamodbstreams", "GetShardIterator", request))["ShardIterator"]
    except AwsError as error:
        if error.code != "TrimmedDataAccessException":
            raise
        request = {"StreamArn": mapping.source, "ShardId": position.shard.partition("#")[0], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await acting.call_async("dynamodbstreams", "GetShardIterator", request))["ShardIterator"]
    answer = await acting.call_async("dynamodbstreams", "GetRecords", {"ShardIterator": iterator, "Limit": limit})
    found: list[dict[str, Any]] = answer["Records"]
    return found


def begin_at_end(ctx: Context, acting: Context, mapping: EventSourceMapping) -> None:
    """Has a LATEST mapping begin after what its stream holds now."""
    for shard in acting.call("dynamodbstreams", "DescribeStream", {"StreamArn": mapping.source})["StreamDescription"]["Shards"]:
        request = {"StreamArn": mapping.source, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = acting.call("dynamodbstreams", "GetShardIterator", request)["ShardIterator"]
        last = ""
        while iterator:
            answer = acting.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            if not answer["Records"]:
                break
            last, iterator = answer["Records"][-1]["dynamodb"]["SequenceNumber"], answer.get("NextShardIterator")
        ctx.put(Position(mapping.uuid, shard["ShardId"], last))


def _is_due(poller: Poller, mapping: EventSourceMapping) -> bool:
    """Whether the batching window is over; opens one if none is."""
    from cloudjar.services.lambda_.event_sources import EventSourceMapping as Mapping

    ctx = poller.ctx
    with ctx.transaction():
        fresh = ctx.get(Mapping, mapping.uuid)
        if fresh is None:
            return False
        if fresh.window_opened is not None and ctx.now >= fresh.window_opened + timedelta(seconds=fresh.window_seconds):
            ctx.put(replace(fresh, window_opened=None))
            return True
        if fresh.window_opened is None:
            ctx.put(replace(fresh, window_opened=ctx.now))
            opened = True
        else:
            opened = False
    if opened:
        poller.later(mapping.window_seconds)
    return False


def _is_too_old(poller: Poller, mapping: EventSourceMapping, first: dict[str, Any]) -> bool:
    if mapping.maximum_age_seconds < 0:
        return False
    age = (poller.ctx.world.clock.now() - EPOCH).total_seconds() - first["dynamodb"]["ApproximateCreationDateTime"]
    return bool(age > mapping.maximum_age_seconds)


def _first_failed(mapping: EventSourceMapping, finished: Finished, wanted: list[dict[str, Any]]) -> int | None:
    """The index of the first record that failed; None if all went well."""
    if finished.outcome.error:
        return 0
    if not mapping.partial_failures:
        return None
    sequences = [one["dynamodb"]["SequenceNumber"] for one in wanted]
    failed = failed_items(finished.outcome.payload, sequences)
    if failed is None:
        return 0
    return min((sequences.index(one) for one in failed), default=None)


def _function_arn(poller: Poller, mapping: EventSourceMapping) -> str:
    with poller.ctx.transaction():
        return function_arn(poller.ctx, mapping.function, mapping.qualifier)


def _done(poller: Poller, position: Position, sequence: str, window: int = -1, state: str = "") -> None:
    with poller.ctx.transaction():
        poller.ctx.put(Position(position.mapping, position.shard, sequence, window=window, state=state))


def _pause(poller: Poller, position: Position) -> None:
    seconds = min(2 ** max(0, position.attempts - 1), _LONGEST_PAUSE)
    with poller.ctx.transaction():
        poller.ctx.put(replace(position, not_before=poller.ctx.now + timedelta(seconds=seconds)))
    poller.later(seconds)


def _give_up(
    poller: Poller,
    mapping: EventSourceMapping,
    position: Position,
    batch: list[dict[str, Any]],
    finished: Finished | None,
    condition: str,
    version: str,
) -> None:
    """Tells the on-failure destination: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html."""
    if not mapping.on_failure:
        return
    ctx = poller.ctx
    with ctx.transaction():
        role = find_version(ctx, mapping.function, mapping.qualifier).role
        times = [stamp(datetime.fromtimestamp(one["dynamodb"]["ApproximateCreationDateTime"], EPOCH.tzinfo)) for one in batch]
        told: dict[str, Any] = {
            "requestContext": {
                "requestId": ctx.ids.uuid(),
                "functionArn": function_arn(ctx, mapping.function, mapping.qualifier),
                "condition": condition,
                "approximateInvokeCount": position.attempts,
            },
            "responseContext": {"statusCode": 200, "executedVersion": version, "functionError": "Unhandled"} if finished else {},
            "version": "1.0",
            "timestamp": stamp(ctx.now),
            "DDBStreamBatchInfo": {
                "shardId": position.shard.partition("#")[0],
                "startSequenceNumber": batch[0]["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": batch[-1]["dynamodb"]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": times[0],
                "approximateArrivalOfLastRecord": times[-1],
                "batchSize": len(batch),
                "streamArn": mapping.source,
            },
        }
        ctx.effect(
            destinations.send,
            role,
            mapping.on_failure,
            json.dumps(told, separators=(",", ":")),
            {},
            "",
            told["requestContext"]["functionArn"],
        )


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
