"""A file straight from the page cache to a plain socket. uvloop has no loop.sendfile, and refuses to watch a descriptor that a transport
owns; so a duplicate of the descriptor is watched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from cloudjar.wire.http import FileBody

_AT_ONCE = 4 * 1024 * 1024
"""Bytes for one call, so that one fast client does not keep the loop from the others."""


async def send_file(transport: asyncio.Transport, body: FileBody, progress: Callable[[], None]) -> int:
    """Send `body` on a transport that holds nothing; returns the bytes sent, fewer than `body.length` if the file is shorter."""
    loop = asyncio.get_running_loop()
    socket = os.dup(transport.get_extra_info("socket").fileno())
    sent = 0
    try:
        while sent < body.length:
            if transport.is_closing():
                raise asyncio.CancelledError
            try:
                count = os.sendfile(socket, body.fd, body.offset + sent, min(_AT_ONCE, body.length - sent))
            except BlockingIOError:
                await _writable(loop, socket)
                continue
            except OSError:  # The client has gone.
                raise asyncio.CancelledError from None
            if count == 0:
                break
            sent += count
            progress()
            await asyncio.sleep(0)
    finally:
        os.close(socket)
    return sent


async def _writable(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(descriptor, _set_ready, ready)
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)


def _set_ready(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
