"""Answers that stream: from the runtime's request to the caller's response, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudjar.services.lambda_.pool import Finished

BUFFERED_TYPE = "application/octet-stream"


class ResponseStream:
    """The pieces of one answer, between the one who writes and the one who reads them."""

    def __init__(self) -> None:
        self.content_type = BUFFERED_TYPE
        self.begun = asyncio.Event()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    def begin(self, content_type: str) -> None:
        """The runtime has begun to answer."""
        self.content_type = content_type
        self.begun.set()

    def feed(self, data: bytes) -> None:
        """A piece has come."""
        self.pieces.put_nowait(data)


class Streamed:
    """An invocation whose answer has begun: iterate over its pieces, then ask how it ended."""

    def __init__(self, stream: ResponseStream, task: asyncio.Task[Finished], version: str) -> None:
        self.version = version
        self._stream = stream
        self._task = task
        task.add_done_callback(lambda _: stream.pieces.put_nowait(None))

    @classmethod
    async def begun(cls, stream: ResponseStream, task: asyncio.Task[Finished], version: str) -> Streamed:
        """Waits for the first of: the answer's beginning, the end. Raises what the invocation raised."""
        streamed = cls(stream, task, version)
        waiting = asyncio.ensure_future(stream.begun.wait())
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        return streamed

    @property
    def content_type(self) -> str:
        """What the runtime called it."""
        return self._stream.content_type

    @property
    def is_streamed(self) -> bool:
        """Whether the runtime streams; otherwise there is one piece, the whole."""
        return self._stream.begun.is_set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._stream.pieces.get()) is not None:
            yield piece
        outcome = (await self.finished()).outcome
        if not self.is_streamed and not outcome.error and outcome.payload:
            yield outcome.payload

    async def finished(self) -> Finished:
        """How it ended."""
        return await self._task
