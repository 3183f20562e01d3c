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

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping
    from cloudjar.services.lambda_.polling import Poller

_FIRST_POLLERS = 5
_POLLERS_A_SECOND = 5
"""Lambda begins with five batches at a time and adds 300 a minute while there is more."""
_MOST_POLLERS = 1250


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
                scaled = min(_MOST_POLLERS, _FIRST_POLLERS + int(_POLLERS_A_SECOND * (monotonic_seconds() - started)))
                most = mapping.maximum_concurrency or scaled
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


async def _receive(poller: Poller, mapping: EventSourceMapping) -> list[dict[str, Any]]:
    """A batch; empty if there is nothing, or nothing yet."""
    acting = poller.acting()
    if mapping.window_seconds and not await _is_due(poller, mapping, acting):
        return []
    return await source_queues.receive(acting, mapping.source, mapping.batch_size)


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
    if wanted:
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
                    done += [record for record in wanted if record["messageId"] not in failed]
            poller.note("PROBLEM: Function call failed" if finished.outcome.error else "OK")
    await source_queues.delete(poller.acting(), mapping.source, [record["receiptHandle"] for record in done])
