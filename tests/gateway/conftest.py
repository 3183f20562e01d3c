"""A server on a socket, in a thread of its own, and a client that sees the bytes."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from cloudjar.gateway.limits import Limits
from cloudjar.gateway.server import App, Server
from cloudjar.wire.http import Request, Response

TIMEOUT = 20


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A plain socket with a reader of HTTP answers."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(TIMEOUT)
        self.socket = connected
        self.file = connected.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self) -> tuple[int, dict[str, str]]:
        line = self.file.readline()
        assert line, "the server closed the connection"
        status = int(line.split()[1])
        headers = {}
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            assert name not in headers, f"{name} twice"
            headers[name] = value.strip()
        return status, headers

    def answer(self, *, to_head: bool = False) -> Answer:
        status, headers = self.head()
        if to_head or status in (100, 204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                assert self.file.readline() == b"\r\n"
            assert self.file.readline() == b"\r\n"
        elif "content-length" in headers:
            body = self.file.read(int(headers["content-length"]))
        else:
            body = self.file.read()
        return Answer(status, headers, body)

    def ask(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer()

    def is_closed(self) -> bool:
        """Whether the server ends the connection, having sent nothing more; waits for it."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@dataclass
class Served:
    """A running server. `errors` is what it told the log, `loop_errors` what fell through to the event loop."""

    server: Server
    loop: asyncio.AbstractEventLoop
    port: int
    errors: list[str] = field(default_factory=list)
    loop_errors: list[dict[str, Any]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    stopped: bool = False

    def connect(self) -> Client:
        client = Client(socket.create_connection(("127.0.0.1", self.port)))
        self.clients.append(client)
        return client

    def ask(self, data: bytes) -> Answer:
        return self.connect().ask(data)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Let the server work until it is so."""

        async def wait() -> None:
            while not condition():
                await asyncio.sleep(0.001)

        self.run(wait())

    def stop(self, grace_seconds: float = 5) -> None:
        self.stopped = True
        self.run(self.server.stop(grace_seconds))


async def echo(request: Request) -> Response:
    """Says what it was asked."""
    body = await request.body.read(1 << 30)
    text = f"{request.method} {request.path} {request.query} {len(body)}".encode("latin-1")
    return Response(200, {"x-host": request.host, "x-scheme": request.scheme}, text)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """serve(app, tls=..., **limits) -> Served. At the end nothing may be left over: no task, no error that nobody expected."""
    running: list[tuple[Served, threading.Thread]] = []

    def start(app: App = echo, *, tls: Any = None, host: Any = "127.0.0.1", **limits: Any) -> Served:
        loop = uvloop.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        log = logging.Logger("server")
        server = Server(app, host=host, port=0, tls=tls, log=log, clock=time.time, limits=Limits(**limits))
        served = Served(server, loop, 0)
        log.addHandler(_Collector(served.errors))
        loop.set_exception_handler(lambda _, context: served.loop_errors.append(context))
        running.append((served, thread))
        served.port = served.run(server.start())
        return served

    yield start
    for served, thread in running:
        if not served.stopped:
            served.stop(0)
        for client in served.clients:
            client.close()
        left = served.server.tasks
        served.loop.call_soon_threadsafe(served.loop.stop)
        thread.join(TIMEOUT)
        served.loop.close()
        assert not left
        assert not served.loop_errors


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
