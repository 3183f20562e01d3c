"""DynamoDB Streams as a pipe's source: each shard in order, from where the pipe stands; a batch that fails holds its shard up."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.source_filters import passes
from cloudjar.kernel.source_streams import (
    Lane,
    age_seconds,
    batch_info,
    ends,
    furthest_behind,
    lanes,
    pause_seconds,
    plain,
    read,
    sequence_of,
    shard_of,
)
from cloudjar.services.pipes.flow import Flow
from cloudjar.services.pipes.pipes import PRINCIPAL, Pipe, pipe_arn
from cloudjar.services.pipes.polling import Poller


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
    if pipe.reading["StartingPosition"] != "LATEST" or ctx.where(Position, pipe=pipe.uid).first():
        acting.call("dynamodbstreams", "DescribeStream", {"StreamArn": pipe.source})
        return
    for shard, last in ends(acting, pipe.source):
        ctx.put(Position(pipe.uid, shard, last))


def rearrange(ctx: Context, pipe: Pipe) -> None:
    """The parallelization has changed: each shard goes on where the lane that was furthest behind stood."""
    positions = list(ctx.where(Position, pipe=pipe.uid))
    for position in positions:
        ctx.delete(position)
    for shard, sequence in furthest_behind([(position.shard, position.sequence) for position in positions]).items():
        ctx.put(Position(pipe.uid, shard, sequence))


async def drain(poller: Poller, pipe: Pipe) -> None:
    """Serves every shard until it is at its end, or its next batch has to wait."""
    while True:
        poller.news.clear()
        acting = poller.acting(pipe)
        every = await lanes(acting, pipe.source, pipe.reading["ParallelizationFactor"])
        for end in await asyncio.gather(*(_serve(poller, acting, lane) for lane in every), return_exceptions=True):
            if isinstance(end, BaseException):
                raise end
        now = poller.pipe()
        if now is None or not poller.news.is_set():
            return
        pipe = now


async def _serve(poller: Poller, acting: Context, lane: Lane) -> None:
    while (now := poller.pipe()) is not None and now.reading["ParallelizationFactor"] == lane.of and await _step(poller, now, acting, lane):
        pass


async def _step(poller: Poller, pipe: Pipe, acting: Context, lane: Lane) -> bool:
    """One batch of a lane; False if there is none, or it is not its time."""
    ctx = poller.ctx
    with ctx.transaction():
        position = ctx.get(Position, pipe.uid, lane.name)
        if position is None:
            # A lane begins where its shard stood.
            whole = ctx.get(Position, pipe.uid, lane.shard)
            position = Position(pipe.uid, lane.name, whole.sequence if whole else "")
        if position.not_before is not None and ctx.now < position.not_before:
            return False
    found = await read(acting, pipe.source, lane.shard, position.sequence, position.size or pipe.reading["BatchSize"])
    if not found or not (position.size or poller.is_due(pipe, len(found))):
        return False
    records = [{**plain(one), "eventSourceARN": pipe.source} for one in found]
    wanted = [one for one in records if lane.has(one) and passes(pipe.filters, one, "")]
    last = sequence_of(records[-1])
    if not wanted:
        _done(ctx, position, last)
        return True
    if 0 <= pipe.reading["MaximumRecordAgeInSeconds"] < age_seconds(wanted[0], ctx.world.clock.now()):
        _give_up(ctx, pipe, position, wanted[:1], "RecordAgeExceeded")
        _done(ctx, position, sequence_of(wanted[0]))
        return True
    failed = await Flow(ctx, acting, pipe).run(wanted, "eventID", sequence_of)
    if not failed:
        _done(ctx, position, last)
        return True
    first = min(failed)
    if first > 0:
        # What came before is done; the rest is tried again as a batch of its own.
        position = replace(position, sequence=sequence_of(wanted[first - 1]), attempts=0)
        wanted = wanted[first:]
    tried = replace(position, attempts=position.attempts + 1)
    bisects = pipe.reading.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT"
    if 0 <= pipe.reading["MaximumRetryAttempts"] < tried.attempts:
        _give_up(ctx, pipe, tried, wanted, "RetryAttemptsExhausted")
        _done(ctx, position, last)
        return True
    if bisects and len(wanted) > 1:
        tried = replace(tried, size=(len(wanted) + 1) // 2)
    seconds = pause_seconds(tried.attempts)
    with ctx.transaction():
        ctx.put(replace(tried, not_before=ctx.now + timedelta(seconds=seconds)))
    poller.later(seconds)
    return False


def _done(ctx: Context, position: Position, sequence: str) -> None:
    with ctx.transaction():
        ctx.put(Position(position.pipe, position.shard, sequence))


def _give_up(ctx: Context, pipe: Pipe, position: Position, batch: list[dict[str, Any]], condition: str) -> None:
    """Tells the dead-letter target which records were given up."""
    arn = (pipe.reading.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return
    with ctx.transaction():
        told = {
            "context": {
                "partnerResourceArn": pipe_arn(ctx, pipe.name),
                "condition": condition,
                "approximateInvokeCount": position.attempts,
            },
            "version": "1.0",
            "timestamp": ctx.now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ctx.now.microsecond // 1000:03d}Z",
            "DDBStreamBatchInfo": batch_info(pipe.source, shard_of(position.shard), batch),
        }
        ctx.effect(bury, pipe.role, arn, json.dumps(told, separators=(",", ":")))


@effect
async def bury(ctx: Context, role: str, arn: str, told: str) -> None:
    """Sends to the dead-letter target, as the pipe's role."""
    try:
        await targets.send(targets.acting(ctx, role, PRINCIPAL, ""), arn, told, {})
    except AwsError as error:
        ctx.world.host.log_failure(f"dead letter to {arn}", error)
