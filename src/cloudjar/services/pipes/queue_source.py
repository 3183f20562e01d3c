"""SQS as a pipe's source: batches through the pipe, and out of the queue what has arrived."""

from __future__ import annotations

import asyncio
from typing import Any

from cloudjar.kernel import source_queues
from cloudjar.kernel.context import Context
from cloudjar.kernel.source_filters import passes
from cloudjar.services.pipes.flow import Flow
from cloudjar.services.pipes.pipes import Pipe
from cloudjar.services.pipes.polling import Poller

_BATCHES = 5
"""Batches in work at a time; one for a FIFO queue, so that order holds."""


async def drain(poller: Poller, pipe: Pipe) -> None:
    """Serves a queue until it is empty."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            poller.news.clear()
            now = poller.pipe()
            if now is not None:
                most = 1 if now.source.endswith(".fifo") else _BATCHES
                acting = poller.acting(now)
                while len(running) < most and (batch := await _receive(poller, now, acting)):
                    running.add(asyncio.get_running_loop().create_task(_handle(poller, now, acting, batch)))
            if not running and (now is None or not poller.news.is_set()):
                return
            await source_queues.wait_for(poller.news, running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _receive(poller: Poller, pipe: Pipe, acting: Context) -> list[dict[str, Any]]:
    """A batch; empty if there is nothing, or nothing yet."""
    windowed = pipe.reading.get("MaximumBatchingWindowInSeconds")
    if windowed and not poller.is_due(pipe, await source_queues.waiting(acting, pipe.source)):
        return []
    return await source_queues.receive(acting, pipe.source, pipe.reading["BatchSize"])


async def _handle(poller: Poller, pipe: Pipe, acting: Context, batch: list[dict[str, Any]]) -> None:
    """One batch, to its end. What failed is seen again when its visibility timeout is over."""
    records = [source_queues.record_of(pipe.source, message) for message in batch]
    wanted = [record for record in records if passes(pipe.filters, record, "body")]
    failed: set[int] = set()
    if wanted:
        failed = await Flow(poller.ctx, acting, pipe).run(wanted, "messageId")
    lost = {wanted[at]["messageId"] for at in failed}
    handles = [record["receiptHandle"] for record in records if record["messageId"] not in lost]
    await source_queues.delete(acting, pipe.source, handles)
