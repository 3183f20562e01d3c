"""DynamoDB Streams as an event source: each shard in order, from where the mapping stands; a batch that fails holds its shard up."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.source_filters import failed_items, passes
from cloudjar.kernel.source_streams import (
    LARGEST_BATCH,
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
from cloudjar.services.lambda_ import destinations, metering, windows
from cloudjar.services.lambda_.functions import find_version
from cloudjar.services.lambda_.invocation import stamp
from cloudjar.services.lambda_.names import function_arn
from cloudjar.services.lambda_.pool import Finished

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping
    from cloudjar.services.lambda_.polling import Poller


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
        every = await lanes(acting, mapping.source, mapping.parallelization)
        for end in await asyncio.gather(*(_serve(poller, acting, lane) for lane in every), return_exceptions=True):
            if isinstance(end, BaseException):
                raise end
        mapping = poller.mapping() or mapping
        if poller.mapping() is None or not poller.news.is_set():
            return


def rearrange(ctx: Context, mapping: EventSourceMapping) -> None:
    """The parallelization has changed: each shard goes on where the lane that was furthest behind stood."""
    positions = list(ctx.where(Position, mapping=mapping.uuid))
    for position in positions:
        ctx.delete(position)
    for shard, sequence in furthest_behind([(position.shard, position.sequence) for position in positions]).items():
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
    limit = min(position.size or mapping.batch_size, LARGEST_BATCH)
    found = await read(acting, mapping.source, lane.shard, position.sequence, limit)
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
    records = [{**plain(one), "eventSourceARN": mapping.source} for one in found]
    mine = [one for one in records if lane.has(one)]
    wanted = [one for one in mine if passes(mapping.filters, one, "")]
    if not position.attempts:
        poller.count(mapping, "PolledEventCount", len(mine))
        poller.count(mapping, "FilteredOutEventCount", len(mine) - len(wanted))
    last = sequence_of(records[-1]) if records else position.sequence
    if not wanted and not (window and window.is_final):
        _done(poller, position, last, position.window, position.state)
        return True
    if wanted and _is_too_old(poller, mapping, wanted[0]):
        _give_up(poller, mapping, position, wanted[:1], None, "RecordAgeExceeded", "")
        _done(poller, position, sequence_of(wanted[0]))
        return True
    if wanted:
        where = metering.dimensions(_function_arn(poller, mapping))
        metering.add(poller.ctx, "IteratorAge", where, max(0.0, age_seconds(wanted[-1], now)) * 1000, metering.MILLISECONDS)
    poller.count(mapping, "InvokedEventCount", len(wanted))
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
    poller.count(mapping, "FailedInvokeEventCount", len(wanted) - first_failed)
    if first_failed > 0:
        # What came before is done; the rest is tried again as a batch of its own.
        position = replace(position, sequence=sequence_of(wanted[first_failed - 1]), attempts=0)
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


def begin_at_end(ctx: Context, acting: Context, mapping: EventSourceMapping) -> None:
    """Has a LATEST mapping begin after what its stream holds now."""
    for shard, last in ends(acting, mapping.source):
        ctx.put(Position(mapping.uuid, shard, last))


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
    return age_seconds(first, poller.ctx.world.clock.now()) > mapping.maximum_age_seconds


def _first_failed(mapping: EventSourceMapping, finished: Finished, wanted: list[dict[str, Any]]) -> int | None:
    """The index of the first record that failed; None if all went well."""
    if finished.outcome.error:
        return 0
    if not mapping.partial_failures:
        return None
    sequences = [sequence_of(one) for one in wanted]
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
    seconds = pause_seconds(position.attempts)
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
    poller.count(mapping, "DroppedEventCount", len(batch))
    if not mapping.on_failure:
        return
    poller.count(mapping, "OnFailureDestinationDeliveredEventCount", len(batch))
    ctx = poller.ctx
    with ctx.transaction():
        role = find_version(ctx, mapping.function, mapping.qualifier).role
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
            "DDBStreamBatchInfo": batch_info(mapping.source, shard_of(position.shard), batch),
        }
        key = ""
        if mapping.on_failure.split(":")[2] == "s3":
            # A bucket has room for the records themselves.
            told["payload"] = json.dumps({"Records": batch}, separators=(",", ":"))
            key = destinations.object_key(ctx, f"{mapping.uuid}/{shard_of(position.shard)}")
        ctx.effect(
            destinations.send,
            role,
            mapping.on_failure,
            json.dumps(told, separators=(",", ":")),
            {},
            key,
            told["requestContext"]["functionArn"],
        )
