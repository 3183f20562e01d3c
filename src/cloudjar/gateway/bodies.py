"""Request bodies that are still on their way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from cloudjar.wire.http import BodyTooLarge, BodyTruncated


class StreamBody:
    """A `wire.http.Body` between a connection, which feeds it, and the one reader that it has.

    While `high` bytes wait in it the connection reads no further; `on_wanted` is called when the reader first asks, `on_room` when a
    full buffer has room again.
    """

    __slots__ = ("_chunks", "_ended", "_failed", "_high", "_on_room", "_on_wanted", "_size", "_waiter", "discarding", "length")

    def __init__(self, length: int | None, *, high: int, on_wanted: Callable[[], None], on_room: Callable[[], None]) -> None:
        self.length = length
        self.discarding = False
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._high = high
        self._ended = False
        self._failed = False
        self._waiter: asyncio.Future[None] | None = None
        self._on_wanted: Callable[[], None] | None = on_wanted
        self._on_room = on_room

    @property
    def full(self) -> bool:
        """Whether the connection should read no further for now."""
        return self._size >= self._high

    def feed(self, data: bytes) -> None:
        if data and not self.discarding:
            self._chunks.append(data)
            self._size += len(data)
            self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def fail(self) -> None:
        """The rest will never come: the reader gets what came, then BodyTruncated."""
        self._failed = True
        self._wake()

    def discard(self) -> None:
        """Nobody reads any more: drop what is here and what comes."""
        self.discarding = True
        self._chunks.clear()
        self._size = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> bytes:
        """The next bytes, as many as are here; b"" at the end."""
        if self._on_wanted is not None:
            self._on_wanted()
            self._on_wanted = None
        while not self._chunks:
            if self._ended:
                return b""
            if self._failed or self.discarding:
                raise BodyTruncated
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        was_full = self.full
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        if was_full and not self.full:
            self._on_room()
        return chunk

    async def read(self, limit: int) -> bytes:
        if self.length is not None and self.length > limit:
            raise BodyTooLarge
        chunks: list[bytes] = []
        size = 0
        while chunk := await self._next():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            chunks.append(chunk)
        return b"".join(chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._next():
            yield chunk
