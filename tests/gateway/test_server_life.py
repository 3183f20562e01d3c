"""The server's own life: time limits, several addresses, an orderly end."""

from __future__ import annotations

import asyncio
import contextvars
import select
import socket
import threading
from typing import Any

import pytest

from cloudjar.wire.http import Request, Response

GET = b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n"


class Gate:
    """An app whose answer waits until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._go: asyncio.Event | None = None
        self.cancelled = threading.Event()

    async def __call__(self, request: Request) -> Response:
        self.loop = asyncio.get_running_loop()
        self._go = asyncio.Event()
        self.entered.set()
        try:
            await self._go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Response(200, {}, b"done")

    def open(self) -> None:
        assert self.loop is not None and self._go is not None
        self.loop.call_soon_threadsafe(self._go.set)


def test_a_request_that_never_ends_is_given_up(serve: Any) -> None:
    client = serve(request_ticks=3, tick_seconds=0.02).connect()
    answer = client.ask(b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow")
    assert answer.status == 408
    assert client.is_closed()


def test_a_byte_now_and_then_buys_no_time(serve: Any) -> None:
    served = serve(request_ticks=5, tick_seconds=0.02)
    client = served.connect()
    client.send(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(50):
        client.send(b"a")
        tick = served.server.ticks
        served.wait_until(lambda tick=tick: served.server.ticks > tick)
        if select.select([client.socket], [], [], 0)[0]:
            break
    client.socket.shutdown(socket.SHUT_WR)
    assert client.answer().status == 408


def test_a_small_body_that_never_comes_is_given_up(serve: Any) -> None:
    client = serve(request_ticks=3, tick_seconds=0.02).connect()
    assert client.ask(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab").status == 408


def test_a_streamed_body_that_stops_is_given_up(serve: Any) -> None:
    async def app(request: Request) -> Response:
        try:
            await request.body.read(1 << 30)
        except Exception as error:
            return Response(400, {}, type(error).__name__.encode())
        return Response()

    client = serve(app, request_ticks=3, tick_seconds=0.02).connect()
    assert client.ask(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nab").body == b"BodyTruncated"
    assert client.is_closed()


def test_an_idle_connection_is_closed(serve: Any) -> None:
    client = serve(idle_ticks=3, tick_seconds=0.02).connect()
    assert client.ask(GET).status == 200
    assert client.is_closed()


def test_a_client_that_never_reads_its_last_answer_is_cut_off(serve: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, {"connection": "close"}, b"x" * 32 * 1024 * 1024)

    served = serve(app, stalled_ticks=3, tick_seconds=0.02)
    client = served.connect()
    client.send(GET)
    client.head()
    served.wait_until(lambda: not served.server._connections)


def test_a_client_that_says_nothing_is_let_go(serve: Any) -> None:
    client = serve(request_ticks=3, tick_seconds=0.02).connect()
    assert client.is_closed()


def test_a_slow_call_is_not_given_up(serve: Any) -> None:
    gate = Gate()
    served = serve(gate, request_ticks=1, idle_ticks=1, stalled_ticks=1, tick_seconds=0.01)
    client = served.connect()
    client.send(GET)
    assert gate.entered.wait(20)
    start = served.server.ticks
    served.wait_until(lambda: served.server.ticks >= start + 10)
    gate.open()
    assert client.answer().body == b"done"


def test_the_ticker_rests_while_nobody_is_connected(serve: Any) -> None:
    served = serve(tick_seconds=0.01)
    client = served.connect()
    client.ask(GET)
    client.close()
    served.wait_until(lambda: served.server._ticker is None)
    assert served.ask(GET).status == 200


def test_many_slow_clients_do_not_keep_the_others_waiting(serve: Any) -> None:
    served = serve()
    for _ in range(200):
        served.connect().send(b"GET / HTTP/1.1\r\nHost: h\r\nX-S")
    for _ in range(200):
        served.connect()
    assert served.ask(GET).status == 200


def test_stop_finishes_a_request_in_flight(serve: Any) -> None:
    gate = Gate()
    served = serve(gate)
    client = served.connect()
    client.send(GET)
    assert gate.entered.wait(20)
    stopping = threading.Thread(target=served.stop)
    stopping.start()
    with pytest.raises(ConnectionError):
        while True:  # Until the listener is gone.
            served.connect().close()
    gate.open()
    answer = client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"done", "close")
    assert client.is_closed()
    stopping.join(20)


def test_stop_closes_idle_connections_at_once(serve: Any) -> None:
    served = serve()
    used, silent = served.connect(), served.connect()
    used.ask(GET)
    served.stop(grace_seconds=1000)
    assert used.is_closed() and silent.is_closed()


def test_stop_lets_a_request_that_is_arriving_in(serve: Any) -> None:
    served = serve()
    client = served.connect()
    client.ask(GET)
    client.send(b"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")
    served.wait_until(lambda: any(connection._head for connection in served.server._connections))
    stopping = threading.Thread(target=served.stop)
    stopping.start()
    client.send(b"llo")
    assert client.answer().headers["connection"] == "close"
    stopping.join(20)


def test_after_the_grace_the_rest_is_broken_off(serve: Any) -> None:
    gate = Gate()
    served = serve(gate)
    client = served.connect()
    client.send(GET)
    assert gate.entered.wait(20)
    served.stop(grace_seconds=0.01)
    assert gate.cancelled.wait(20)
    assert client.is_closed()


def test_several_addresses_share_the_port(serve: Any) -> None:
    served = serve(host=("127.0.0.1", "127.0.0.2"))
    for address in ("127.0.0.1", "127.0.0.2"):
        with socket.create_connection((address, served.port)) as connection:
            connection.sendall(GET)
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_taken_port_is_an_error(serve: Any) -> None:
    import logging
    import time

    from cloudjar.gateway.server import Server

    served = serve()
    with pytest.raises(OSError, match="in use"):
        served.run(Server(served.server.app, port=served.port, log=logging.getLogger(), clock=time.time).start())


def test_a_call_keeps_its_context_variables_to_itself(serve: Any) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def app(request: Request) -> Response:
        before = variable.get()
        token = variable.set(request.path)
        await asyncio.sleep(0)
        during = variable.get()
        variable.reset(token)
        return Response(200, {}, f"{before} {during} {variable.get()}".encode())

    client = serve(app).connect()
    client.send(GET + GET)
    assert [client.answer().body for _ in range(2)] == [b"unset /k unset"] * 2


def test_a_call_may_catch_what_it_waits_for(serve: Any) -> None:
    async def app(request: Request) -> Response:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)
        except TimeoutError:
            await asyncio.sleep(0)
            return Response(200, {}, b"timed out")
        return Response()

    assert serve(app).ask(GET).body == b"timed out"


def test_a_client_that_goes_away_does_not_cancel_its_call(serve: Any) -> None:
    finished = threading.Event()
    gate = Gate()

    async def app(request: Request) -> Response:
        answer = await gate(request)
        finished.set()
        return answer

    client = serve(app).connect()
    client.send(GET)
    assert gate.entered.wait(20)
    client.close()
    gate.open()
    assert finished.wait(20)
