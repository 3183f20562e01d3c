"""DynamoDB streams as a source, for event source mappings and pipes: shards, lanes, reading on, and what is told of a lost batch."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.errors import AwsError

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context

LARGEST_BATCH = 1000
_LONGEST_PAUSE = 60


class Lane(Struct, frozen=True):
    """The part of a shard that is served in order: all of it, or the partition keys that fall to one of several."""

    shard: str
    number: int
    of: int
    hash_key: str

    @property
    def name(self) -> str:
        return self.shard if self.of == 1 else f"{self.shard}#{self.of}#{self.number}"

    def has(self, record: dict[str, Any]) -> bool:
        """Whether a record's partition key falls here."""
        if self.of == 1:
            return True
        key = json.dumps(plain(record["dynamodb"]["Keys"].get(self.hash_key)), sort_keys=True)
        return zlib.crc32(key.encode()) % self.of == self.number


def shard_of(lane: str) -> str:
    """The shard of a lane's name."""
    return lane.partition("#")[0]


async def lanes(acting: Context, stream: str, of: int) -> list[Lane]:
    """A stream's shards, each in so many lanes. Raises AwsError."""
    found = (await acting.call_async("dynamodbstreams", "DescribeStream", {"StreamArn": stream}))["StreamDescription"]
    hash_key = found["KeySchema"][0]["AttributeName"]
    return [Lane(shard["ShardId"], number, of, hash_key) for shard in found["Shards"] for number in range(of)]


def furthest_behind(positions: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Where each shard stands when its lanes, given as names and sequence numbers, are put together."""
    shards: dict[str, dict[str, str]] = {}
    for name, sequence in positions:
        shards.setdefault(shard_of(name), {})[name] = sequence
    behind: dict[str, str] = {}
    for shard, held in shards.items():
        # A lane that has not moved yet still stands where the whole shard stood.
        whole = held.pop(shard, "")
        of = max((int(name.split("#")[1]) for name in held), default=1)
        behind[shard] = min([*held.values(), *([whole] if len(held) < of else [])], key=lambda text: int(text or 0))
    return behind


def ends(acting: Context, stream: str) -> Iterator[tuple[str, str]]:
    """Each shard with the last sequence number that it holds now; "" where it holds none. Raises AwsError."""
    for shard in acting.call("dynamodbstreams", "DescribeStream", {"StreamArn": stream})["StreamDescription"]["Shards"]:
        request = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = acting.call("dynamodbstreams", "GetShardIterator", request)["ShardIterator"]
        last = ""
        while iterator:
            answer = acting.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            if not answer["Records"]:
                break
            last, iterator = sequence_of(answer["Records"][-1]), answer.get("NextShardIterator")
        yield shard["ShardId"], last


async def read(acting: Context, stream: str, shard: str, after: str, most: int) -> list[dict[str, Any]]:
    """The records after a sequence number ("" for the oldest); those that are left where it has been trimmed. Raises AwsError."""
    oldest = {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    request = {**oldest, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after} if after else oldest
    try:
        iterator = (await acting.call_async("dynamodbstreams", "GetShardIterator", request))["ShardIterator"]
    except AwsError as error:
        if error.code != "TrimmedDataAccessException":
            raise
        iterator = (await acting.call_async("dynamodbstreams", "GetShardIterator", oldest))["ShardIterator"]
    limit = min(most, LARGEST_BATCH)
    found: list[dict[str, Any]] = (await acting.call_async("dynamodbstreams", "GetRecords", {"ShardIterator": iterator, "Limit": limit}))[
        "Records"
    ]
    return found


def sequence_of(record: dict[str, Any]) -> str:
    """A record's sequence number."""
    return str(record["dynamodb"]["SequenceNumber"])


def age_seconds(record: dict[str, Any], now: datetime) -> float:
    """How old a plain record is."""
    return float((now - EPOCH).total_seconds() - record["dynamodb"]["ApproximateCreationDateTime"])


def pause_seconds(attempts: int) -> int:
    """How long a shard is left alone after so many failures of a batch."""
    return int(min(2 ** max(0, attempts - 1), _LONGEST_PAUSE))


def batch_info(stream: str, shard: str, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The DDBStreamBatchInfo of a batch that was given up: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html."""
    times = [EPOCH + timedelta(seconds=record["dynamodb"]["ApproximateCreationDateTime"]) for record in (batch[0], batch[-1])]
    return {
        "shardId": shard,
        "startSequenceNumber": sequence_of(batch[0]),
        "endSequenceNumber": sequence_of(batch[-1]),
        "approximateArrivalOfFirstRecord": times[0].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "approximateArrivalOfLastRecord": times[1].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "batchSize": len(batch),
        "streamArn": stream,
    }


def plain(value: Any) -> Any:
    """A record as JSON has it: bytes in base64, instants in seconds."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value
