"""Answers that stream, and answers that are files."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cloudjar.wire.http import FileBody, Request, Response

GET = b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"HEAD /k HTTP/1.1\r\nHost: h\r\n\r\n"


async def words() -> AsyncIterator[bytes]:
    for word in (b"one ", b"", b"two ", b"three"):
        await asyncio.sleep(0)
        yield word


def answering(response: Any) -> Any:
    async def app(request: Request) -> Response:
        answer: Response = response()
        return answer

    return app


def test_a_stream_of_unknown_length_goes_out_chunked(serve: Any) -> None:
    client = serve(answering(lambda: Response(200, {}, words()))).connect()
    client.send(GET + GET)
    for _ in range(2):
        answer = client.answer()
        assert (answer.body, answer.headers["transfer-encoding"]) == (b"one two three", "chunked")


def test_a_stream_of_known_length_goes_out_with_it(serve: Any) -> None:
    client = serve(answering(lambda: Response(200, {"content-length": "13"}, words()))).connect()
    client.send(GET + GET)
    for _ in range(2):
        answer = client.answer()
        assert answer.body == b"one two three" and "transfer-encoding" not in answer.headers


def test_an_http_1_0_client_gets_a_stream_until_the_connection_ends(serve: Any) -> None:
    answer = serve(answering(lambda: Response(200, {}, words()))).ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert answer.body == b"one two three" and answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["5", "20"])
def test_a_stream_that_breaks_its_promised_length_breaks_the_connection(serve: Any, length: str) -> None:
    served = serve(answering(lambda: Response(200, {"content-length": length}, words())))
    client = served.connect()
    client.send(GET + GET)
    try:
        assert len(client.file.read().split(b"\r\n\r\n", 1)[1]) <= int(length)
    except ConnectionResetError:
        pass
    assert len(served.errors) == 1 and "declared" in served.errors[0]


def test_a_stream_that_fails_breaks_the_connection(serve: Any) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("secret")

    served = serve(answering(lambda: Response(200, {}, failing())))
    client = served.connect()
    client.send(GET)
    try:
        heard = client.file.read()
    except ConnectionResetError:
        heard = b""
    assert b"0\r\n\r\n" not in heard and b"secret" not in heard
    assert "RuntimeError: secret" in served.errors[0]


class Endless:
    """A stream that says when it is closed."""

    def __init__(self) -> None:
        self.sent = 0
        self.closed = threading.Event()

    def __aiter__(self) -> Endless:
        return self

    async def __anext__(self) -> bytes:
        self.sent += 65536
        return b"x" * 65536

    async def aclose(self) -> None:
        self.closed.set()


def test_a_stream_is_closed_when_the_client_goes_away(serve: Any) -> None:
    stream = Endless()
    client = serve(answering(lambda: Response(200, {}, stream))).connect()
    client.send(GET)
    client.head()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert stream.closed.wait(20)


def test_a_stream_that_never_waits_is_closed_when_the_client_goes_away(serve: Any) -> None:
    gone = threading.Event()

    class Eager(Endless):
        async def __anext__(self) -> bytes:
            if self.sent == 65536:
                gone.wait(20)  # The event loop hears nothing of it.
            if self.sent > 64 * 1024 * 1024:
                raise StopAsyncIteration
            return await super().__anext__()

    stream = Eager()
    client = serve(answering(lambda: Response(200, {}, stream))).connect()
    client.send(GET)
    client.head()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    gone.set()
    assert stream.closed.wait(20)
    assert stream.sent < 1024 * 1024


def test_a_stream_that_waits_is_closed_when_the_client_goes_away(serve: Any) -> None:
    closed = threading.Event()

    async def waiting() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.set()

    client = serve(answering(lambda: Response(200, {}, waiting()))).connect()
    client.send(GET)
    client.head()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert closed.wait(20)


def test_a_client_that_does_not_read_stops_the_stream(serve: Any) -> None:
    stream = Endless()
    served = serve(answering(lambda: Response(200, {}, stream)), stalled_ticks=5, tick_seconds=0.02)
    client = served.connect()
    client.send(GET)
    assert stream.closed.wait(20)  # Cut off at last, having been made to wait:
    assert stream.sent < 32 * 1024 * 1024


def test_a_stream_is_closed_unread_for_head(serve: Any) -> None:
    stream = Endless()
    client = serve(answering(lambda: Response(200, {}, stream))).connect()
    client.send(HEAD)
    assert client.answer(to_head=True).status == 200
    assert stream.closed.wait(20) and stream.sent == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(os.urandom(3_000_001))
    return path


@pytest.mark.parametrize(("offset", "length"), [(0, None), (1, 2), (100_000, 2_500_000), (0, 0), (3_000_000, 1)])
def test_a_file_is_sent_from_offset_for_length(serve: Any, file: Path, offset: int, length: int | None) -> None:
    client = serve(answering(lambda: Response(200, {}, FileBody.open(file, offset, length)))).connect()
    client.send(GET + GET)
    expected = file.read_bytes()[offset:][:length]
    for _ in range(2):
        answer = client.answer()
        assert answer.body == expected and answer.headers["content-length"] == str(len(expected))


def test_a_file_follows_what_is_still_to_be_written(serve: Any, file: Path) -> None:
    async def app(request: Request) -> Response:
        return Response(200, {}, FileBody.open(file) if request.path == "/file" else b"y" * 5_000_000)

    client = serve(app).connect()
    client.send(GET + GET.replace(b"/k", b"/file") + GET)
    assert [client.answer().body for _ in range(3)] == [b"y" * 5_000_000, file.read_bytes(), b"y" * 5_000_000]


def test_a_file_is_closed_after_it_is_sent_dropped_or_broken_off(serve: Any, file: Path) -> None:
    bodies: list[FileBody] = []

    def response() -> Response:
        bodies.append(FileBody.open(file))
        return Response(200, {}, bodies[-1])

    served = serve(answering(response), stalled_ticks=3, tick_seconds=0.02)
    served.ask(GET)
    client = served.connect()
    client.send(HEAD)
    client.answer(to_head=True)
    os.truncate(file, 256 * 1024 * 1024)  # More than the kernel takes in for a client that does not read.
    client.send(GET)
    assert client.head()[0] == 200
    served.wait_until(lambda: len(served.server._connections) < 3 and bodies[2].fd == -1)
    assert [body.fd for body in bodies] == [-1, -1, -1]


def test_a_file_that_became_shorter_breaks_the_connection(serve: Any, file: Path) -> None:
    def response() -> Response:
        return Response(200, {}, FileBody.open(file, 0, 4_000_000))

    served = serve(answering(response))
    client = served.connect()
    client.send(GET)
    try:
        assert len(client.file.read()) < 3_100_000
    except ConnectionResetError:
        pass
    assert len(served.errors) == 1
