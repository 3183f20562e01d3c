"""A port of the machine that leads into one sandbox: how a debugger reaches what listens there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

_CHUNK = 1 << 16

Connect = Callable[[], Awaitable[socket.socket]]
"""A new connection to what listens inside. Raises OSError."""


class Forward:
    """Passes connections to 127.0.0.1:PORT on, until it is closed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._server: asyncio.Server | None = None
        self._work: set[asyncio.Task[None]] = set()

    async def listen(self, port: int) -> None:
        """Begins. Raises OSError, for one where the port is taken."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", port)

    def close(self) -> None:
        """Ends it, with every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._work:
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._work.add(task)
        try:
            inside_reader, inside_writer = await asyncio.open_connection(sock=await self._connect())
            try:
                await asyncio.gather(_copy(reader, inside_writer), _copy(inside_reader, writer))
            finally:
                inside_writer.close()
        except (OSError, asyncio.CancelledError):
            # Nobody listens inside, or one of the two has gone.
            pass
        finally:
            self._work.discard(task)
            writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    target.close()
