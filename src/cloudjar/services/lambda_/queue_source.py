"""SQS as an event source: batches to the function, and out of the queue what it has handled."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cloudjar.kernel import source_queues
from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import replace
from cloudjar.kernel.source_filters import failed_items, passes
from cloudjar.services.lambda_ import metering

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping
    from cloudjar.services.lambda_.polling import Poller

_FIRST_POLLERS = 5
_POLLERS_A_SECOND = 5
"""Lambda begins with five batches at a time and adds 300 a minute while there is more."""
_MOST_POLLERS = 1250
_CALLS_OF_A_POLLER = 10
_PROVISIONED_A_SECOND = 16
"""In provisioned mode each poller has ten batches at a time at most, and there may be a thousand more of them a minute.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""


async def drain(poller: Poller, mapping: EventSourceMapping) -> None:
    """Serves a queue until it is empty."""
    running: set[asyncio.Task[None]] = set()
    started = monotonic_seconds()
    try:
        while True:
            poller.news.clear()
            now = poller.mapping()
            if now is not None:
                mapping = now
                most = mapping.maximum_concurrency or _most(poller, mapping, monotonic_seconds() - started)
                while len(running) < most and (batch := await _receive(poller, mapping)):
                    for part in _parts(batch):
                        running.add(asyncio.get_running_loop().create_task(_handle(poller, mapping, part)))
            if not running and (now is None or not poller.news.is_set()):
                return
            await source_queues.wait_for(poller.news, running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _most(poller: Poller, mapping: EventSourceMapping, seconds: float) -> int:
    """How many batches may be with the function at a time, so long after there was something first."""
    if mapping.pollers is None:
        return min(_MOST_POLLERS, _FIRST_POLLERS + int(_POLLERS_A_SECOND * seconds))
    least, most = mapping.pollers
    pollers = min(most, least + int(_PROVISIONED_A_SECOND * seconds))
    metering.of_mapping(poller.ctx, mapping.uuid, "ProvisionedPollers", pollers)
    return pollers * _CALLS_OF_A_POLLER


async def _receive(poller: Poller, mapping: EventSourceMapping) -> list[dict[str, Any]]:
    """A batch; empty if there is nothing, or nothing yet."""
    acting = poller.acting()
    if mapping.window_seconds and not await _is_due(poller, mapping, acting):
        return []
    batch = await source_queues.receive(acting, mapping.source, mapping.batch_size)
    poller.count(mapping, "PolledEventCount", len(batch))
    return batch


async def _is_due(poller: Poller, mapping: EventSourceMapping, acting: Context) -> bool:
    """Whether a batch is full, or its window over. Meanwhile the messages stay in the queue, not in our hands."""
    from cloudjar.services.lambda_.event_sources import EventSourceMapping as Mapping
    from cloudjar.services.lambda_.polling import poll_later

    waiting = await source_queues.waiting(acting, mapping.source)
    ctx = poller.ctx
    with ctx.transaction():
        fresh = ctx.get(Mapping, mapping.uuid)
        if fresh is None:
            return False
        opened = fresh.window_opened
        over = opened is not None and ctx.now >= opened + timedelta(seconds=fresh.window_seconds)
        if waiting and not over and waiting < fresh.batch_size:
            if opened is None:
                ctx.put(replace(fresh, window_opened=ctx.now))
                ctx.after(poll_later, fresh.uuid, seconds=fresh.window_seconds)
            return False
        if opened is not None:
            ctx.put(replace(fresh, window_opened=None))
    return waiting > 0


def _parts(batch: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    parts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for message in batch:
        length = len(json.dumps(message["Body"])) + 1000
        if parts[-1] and size + length > source_queues.LARGEST_BATCH:
            parts.append([])
            size = 0
        parts[-1].append(message)
        size += length
    return parts


async def _handle(poller: Poller, mapping: EventSourceMapping, batch: list[dict[str, Any]]) -> None:
    """One batch, to its end. What failed is seen again when its visibility timeout is over."""
    records = [source_queues.record_of(mapping.source, message) for message in batch]
    wanted: list[dict[str, Any]] = []
    done: list[dict[str, Any]] = []
    for record in records:
        (wanted if passes(mapping.filters, record, "body") else done).append(record)
    poller.count(mapping, "FilteredOutEventCount", len(done))
    if wanted:
        poller.count(mapping, "InvokedEventCount", len(wanted))
        handled = 0
        try:
            traces = [header for record in wanted if (header := record["attributes"].get("AWSTraceHeader"))]
            finished, _ = await poller.invoke(mapping, json.dumps({"Records": wanted}, separators=(",", ":")).encode(), traces)
        except AwsError as error:
            poller.note(f"PROBLEM: {error.message}")
        else:
            if not finished.outcome.error:
                failed: set[str] | None = set()
                if mapping.partial_failures:
                    failed = failed_items(finished.outcome.payload, [record["messageId"] for record in wanted])
                if failed is not None:
                    well = [record for record in wanted if record["messageId"] not in failed]
                    handled = len(well)
                    done += well
            poller.note("PROBLEM: Function call failed" if finished.outcome.error else "OK")
        poller.count(mapping, "FailedInvokeEventCount", len(wanted) - handled)
    await source_queues.delete(poller.acting(), mapping.source, [record["receiptHandle"] for record in done])
    poller.count(mapping, "DeletedEventCount", len(done))
