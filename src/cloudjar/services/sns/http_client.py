"""A POST to a subscriber's web server: one connection, one answer, and no longer than SNS waits."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote, urlsplit

from cloudjar.kernel.world import World

TIMEOUT_SECONDS = 15.0
LARGEST_HEAD = 65_536
MOST_TO_ONE = 20
MOST_TO_ALL = 200
"""Connections at a time: a server that is stuck must take neither the jar's descriptors nor the other subscribers' turn."""


class Unreachable(Exception):
    """No answer came."""


class Lines:
    """Who may have a connection to which server. A part of the world."""

    def __init__(self, world: World) -> None:
        self._all = asyncio.Semaphore(MOST_TO_ALL)
        self._to: dict[str, tuple[asyncio.Semaphore, int]] = {}
        """By server: its turns, and how many have or want one."""

    @contextlib.asynccontextmanager
    async def turn(self, server: str) -> AsyncIterator[None]:
        """Waits for a turn, and holds it."""
        turns, users = self._to.get(server) or (asyncio.Semaphore(MOST_TO_ONE), 0)
        self._to[server] = turns, users + 1
        try:
            async with turns, self._all:
                yield
        finally:
            users = self._to[server][1] - 1
            if users:
                self._to[server] = turns, users
            else:
                del self._to[server]


async def post(world: World, url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer. Raises Unreachable."""
    try:
        async with world.part(Lines).turn(urlsplit(url).netloc), asyncio.timeout(TIMEOUT_SECONDS):
            return await _post(url, headers, body)
    except TimeoutError:
        raise Unreachable(f"No answer within {TIMEOUT_SECONDS:g} seconds.") from None
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
        raise Unreachable(str(problem) or type(problem).__name__) from problem


async def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=_any_certificate() if secure else None, limit=LARGEST_HEAD)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = {**headers, "Host": parts.netloc.rpartition("@")[2], "Content-Length": str(len(body)), "Connection": "close"}
        if parts.username is not None:
            lines["Authorization"] = (
                "Basic " + base64.b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
            )
        head = f"POST {target} HTTP/1.1\r\n" + "".join([f"{name}: {value}\r\n" for name, value in lines.items()]) + "\r\n"
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n")
        if not answer.startswith(b"HTTP/1."):
            raise ValueError("The answer is not HTTP.")
        return int(answer.split(None, 2)[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


def _any_certificate() -> ssl.SSLContext:
    # Servers on a developer's machine have certificates that nobody signed.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
