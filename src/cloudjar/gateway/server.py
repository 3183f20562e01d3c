"""The HTTP server: listening sockets, http and https on the same port, and the connections' life together."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from cloudjar.gateway.connection import Connection
from cloudjar.gateway.http1 import HeadParser, http_date
from cloudjar.gateway.limits import Limits
from cloudjar.wire.http import Request, Response

App = Callable[[Request], Coroutine[Any, Any, Response]]

OPENING_SECONDS = 1.0
"""How long a TLS handshake may go on when the server is stopping."""

_BACKLOG = 1024
_ACCEPTS_PER_TURN = 64
_TLS_HANDSHAKE = b"\x16"  # The first byte of a TLS connection (RFC 8446, 5.1); no HTTP method starts with it.


class TlsContexts(Protocol):
    """Where the server gets its certificates; `gateway.tls.Authority` is one."""

    def context(self, address: str) -> ssl.SSLContext:
        """For clients that connect to the IP `address`; what they name by SNI is the context's own affair."""
        ...


class Server:
    """Serves `app` on one port. `clock` gives wall time in seconds, for the Date header.

    `app` is a coroutine function that for most requests finishes without suspending, and is then answered without a task. Before Python
    3.12, asyncio.current_task() is None in it until it first suspends. Call every method from the loop's own thread.
    """

    def __init__(
        self,
        app: App,
        *,
        host: str | Sequence[str] = "127.0.0.1",
        port: int = 4566,
        tls: TlsContexts | None = None,
        log: logging.Logger,
        clock: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self.app = app
        self.port = port
        self.log = log
        self.limits = limits or Limits()
        self.parser = HeadParser(self.limits.head_bytes)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.ticks = 0
        self.date = ""
        self._hosts = (host,) if isinstance(host, str) else tuple(host)
        self._tls = tls
        self._clock = clock
        self._listeners: list[socket.socket] = []
        self._attached: set[socket.socket] = set()
        self._silent: dict[socket.socket, int] = {}  # Accepted, but nothing said yet, since that tick.
        self._opening: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    async def start(self) -> int:
        """Listen on every address of every host; returns the port, the system's choice if it was 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        addresses: dict[tuple[int, str], None] = {}
        for host in self._hosts:
            for found, _, _, _, address in await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
                addresses[found, str(address[0])] = None
        try:
            for family, ip in addresses:
                self._listen(family, ip)
        except OSError:
            self._close_listeners(loop)
            raise
        for listener in self._listeners:
            loop.add_reader(listener, self._accept, loop, listener)
        return self.port

    def attach(self, listeners: Sequence[socket.socket]) -> Callable[[], None]:
        """Also take connections from sockets that listen already, in whatever network, and stay the caller's. Returns what ends it."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            self._attached.add(listener)
            loop.add_reader(listener, self._accept, loop, listener)

        def detach() -> None:
            for listener in listeners:
                if listener in self._attached:
                    self._attached.discard(listener)
                    loop.remove_reader(listener)

        return detach

    def _listen(self, family: int, ip: str) -> None:
        listener = socket.socket(family, socket.SOCK_STREAM)
        self._listeners.append(listener)
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((ip, self.port))
        listener.listen(_BACKLOG)
        self.port = listener.getsockname()[1]

    async def stop(self, grace_seconds: float) -> None:
        """Take no new connection, close idle ones, let requests in work finish for `grace_seconds`, then break off the rest."""
        loop = asyncio.get_running_loop()
        self.stopping = True
        self._close_listeners(loop)
        for waiting in list(self._silent):
            self._forget(loop, waiting).close()
        for connection in list(self._connections):
            connection.shut()
        if self._opening:
            # Their clients have said something already: they are answered. Cancelled, uvloop would leave them waiting.
            await asyncio.wait(list(self._opening), timeout=min(grace_seconds, OPENING_SECONDS))
            for opening in list(self._opening):
                opening.cancel()
        if self._connections:
            self._empty = loop.create_future()
            await asyncio.wait([self._empty], timeout=grace_seconds)
        for connection in list(self._connections):
            connection.abort()
        while tasks := [task for task in self.tasks | self._opening if not task.done()]:
            for task in tasks:
                task.cancel()
            finished, _ = await asyncio.wait(tasks, timeout=grace_seconds)
            if not finished:
                break
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    # -- accepting -----------------------------------------------------------------------------------------------------------------

    def _close_listeners(self, loop: asyncio.AbstractEventLoop) -> None:
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for listener in self._attached:
            loop.remove_reader(listener)
        self._attached.clear()

    def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # Out of descriptors: what waits stays in the backlog for a tick.
                self.log.error("cannot accept connections: %s", error)
                loop.remove_reader(listener)
                loop.call_later(self.limits.tick_seconds, self._accept_again, loop, listener)
                return
            client.setblocking(False)
            self._greet(loop, client)

    def _accept_again(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        if listener in self._listeners or listener in self._attached:
            loop.add_reader(listener, self._accept, loop, listener)

    def _greet(self, loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
        """Look at the client's first byte, when there is one, without taking it: that tells TLS from plain HTTP."""
        try:
            first = client.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            if client not in self._silent:
                self._wake_ticker()
                self._silent[client] = self.ticks
                loop.add_reader(client, self._greet, loop, client)
            return
        except OSError:
            first = b""
        if client in self._silent:
            self._forget(loop, client)
        if not first or (first == _TLS_HANDSHAKE and self._tls is None):
            client.close()
            return
        opening = loop.create_task(self._open(loop, client, first == _TLS_HANDSHAKE))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    def _forget(self, loop: asyncio.AbstractEventLoop, client: socket.socket) -> socket.socket:
        loop.remove_reader(client)
        del self._silent[client]
        return client

    async def _open(self, loop: asyncio.AbstractEventLoop, client: socket.socket, encrypted: bool) -> None:
        """Hand the socket to a connection. A handshake that fails is the client's affair: it closes, and the log says so if asked."""
        try:
            if encrypted and self._tls is not None:
                context = self._tls.context(client.getsockname()[0])
                timeout = self.limits.request_ticks * self.limits.tick_seconds
                factory = lambda: Connection(self, "https")  # noqa: E731
                await loop.connect_accepted_socket(factory, client, ssl=context, ssl_handshake_timeout=timeout)
            else:
                await loop.connect_accepted_socket(lambda: Connection(self, "http"), client)
        except (OSError, asyncio.CancelledError) as error:
            client.close()
            self.log.debug("a connection failed to open: %r", error)
        except Exception:
            client.close()
            self.log.exception("a connection failed to open")

    # -- the connections' side -----------------------------------------------------------------------------------------------------

    def enter(self, connection: Connection) -> int:
        """A connection opens; returns the tick that it is."""
        self._wake_ticker()
        self._connections.add(connection)
        return self.ticks

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._empty is not None and not self._connections and not self._empty.done():
            self._empty.set_result(None)

    # -- the ticker: it keeps the date and the time limits, and rests while nobody is connected ------------------------------------------

    def _wake_ticker(self) -> None:
        if self._ticker is None:
            self._count()

    def _count(self) -> None:
        self.ticks += 1
        self.date = http_date(time.gmtime(self._clock()))
        self._ticker = asyncio.get_running_loop().call_later(self.limits.tick_seconds, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        loop = asyncio.get_running_loop()
        for connection in list(self._connections):
            connection.tick(self.ticks, self.limits)
        for client, since in list(self._silent.items()):
            if self.ticks - since >= self.limits.request_ticks:
                self._forget(loop, client).close()
        if self._connections or self._silent:
            self._count()
