"""Request bodies that stream."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from cloudjar.wire.http import BodyTooLarge, BodyTruncated, BufferedBody, Request, Response

GET = b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n"
MIB = 1024 * 1024


def put(length: int, extra: bytes = b"") -> bytes:
    return b"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%b\r\n" % (length, extra)


CHUNKED = b"PUT /k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECT = b"Expect: 100-continue\r\n"


async def refuse(request: Request) -> Response:
    return Response(403, {}, b"no")


async def count(request: Request) -> Response:
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return Response(200, {}, str(size).encode())


async def kind(request: Request) -> Response:
    name = "buffered" if isinstance(request.body, BufferedBody) else "streamed"
    return Response(200, {}, f"{name} {len(await request.body.read(1 << 30))}".encode())


def test_a_small_body_is_here_before_the_call(serve: Any) -> None:
    client = serve(kind).connect()
    client.send(put(65536))
    for _ in range(16):
        client.send(b"x" * 4096)
    assert client.answer().body == b"buffered 65536"


def test_a_large_body_streams(serve: Any) -> None:
    assert serve(kind).ask(put(65537) + b"x" * 65537).body == b"streamed 65537"


def test_a_chunked_body_streams_and_the_next_request_follows(serve: Any) -> None:
    client = serve(kind).connect()
    client.send(CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n" + GET)
    assert (client.answer().body, client.answer().body) == (b"streamed 11", b"buffered 0")


def test_a_long_upload_arrives_whole(serve: Any) -> None:
    client = serve(count).connect()
    client.send(put(40 * MIB))
    for _ in range(40):
        client.send(b"x" * MIB)
    assert client.answer().body == str(40 * MIB).encode()
    assert client.ask(GET).status == 200


def test_an_app_that_does_not_read_stops_the_sender(serve: Any) -> None:
    go = asyncio.Event()
    held: list[int] = []

    async def app(request: Request) -> Response:
        await go.wait()
        held.append(request.body._size)  # type: ignore[attr-defined]
        return await count(request)

    served = serve(app, stream_bytes=65536)
    client = served.connect()
    client.send(put(64 * MIB))
    sender = threading.Thread(target=client.send, args=(b"x" * 64 * MIB,))
    sender.start()
    served.wait_until(lambda: any(connection._paused for connection in served.server._connections))
    served.loop.call_soon_threadsafe(go.set)
    assert client.answer().body == str(64 * MIB).encode()
    assert held[0] < 1 * MIB
    sender.join(20)


def test_reading_more_than_the_limit_is_an_error_the_app_can_answer(serve: Any) -> None:
    async def app(request: Request) -> Response:
        try:
            await request.body.read(100)
        except BodyTooLarge:
            return Response(400, {}, b"too large")
        return Response()

    served = serve(app)
    assert served.ask(put(200_000) + b"x" * 200_000).body == b"too large"
    assert served.ask(CHUNKED + b"80\r\n" + b"x" * 128 + b"\r\n0\r\n\r\n").body == b"too large"
    assert served.ask(put(101) + b"x" * 101).body == b"too large"


async def truncated(request: Request) -> Response:
    try:
        await request.body.read(1 << 30)
    except BodyTruncated:
        return Response(400, {}, b"truncated")
    return Response(200, {}, b"whole")


@pytest.mark.parametrize("start", [put(100_000) + b"x" * 10, CHUNKED + b"5\r\nhel"])
def test_a_body_that_ends_early_is_an_error_the_app_can_answer(serve: Any, start: bytes) -> None:
    client = serve(truncated).connect()
    client.send(start)
    client.socket.shutdown(1)
    assert client.answer().body == b"truncated"
    assert client.is_closed()


def test_a_small_body_that_ends_early_is_refused(serve: Any) -> None:
    client = serve(truncated).connect()
    client.send(put(100) + b"x" * 10)
    client.socket.shutdown(1)
    assert client.answer().status == 400
    assert client.is_closed()


def test_broken_chunks_are_an_error_the_app_can_answer_and_end_the_connection(serve: Any) -> None:
    client = serve(truncated).connect()
    answer = client.ask(CHUNKED + b"5\r\nhello\r\nzz\r\n" + GET)
    assert (answer.body, answer.headers["connection"]) == (b"truncated", "close")
    assert client.is_closed()


def test_a_client_that_goes_away_breaks_off_its_body(serve: Any) -> None:
    seen = threading.Event()
    begun = threading.Event()

    async def app(request: Request) -> Response:
        try:
            async for _ in request.body:
                begun.set()
        except BodyTruncated:
            seen.set()
            raise
        return Response()

    served = serve(app)
    client = served.connect()
    client.send(put(100_000) + b"x" * 10)
    assert begun.wait(20)
    client.close()
    assert seen.wait(20)


def test_continue_is_sent_when_the_body_is_first_read(serve: Any) -> None:
    client = serve(kind).connect()
    client.send(put(5, EXPECT))
    assert client.answer().status == 100
    client.send(b"hello" + GET)
    assert (client.answer().body, client.answer().body) == (b"streamed 5", b"buffered 0")


def test_continue_is_not_sent_when_the_app_answers_first(serve: Any) -> None:
    client = serve(refuse).connect()
    answer = client.ask(put(5, EXPECT))
    assert (answer.status, answer.headers["connection"]) == (403, "close")


def test_continue_is_not_sent_when_the_body_came_without_it(serve: Any) -> None:
    assert serve(kind).ask(put(5, EXPECT) + b"hello").body == b"buffered 5"
    assert serve(kind).ask(put(100_000, EXPECT) + b"x" * 100_000).body == b"streamed 100000"


def test_an_unread_body_is_taken_off_and_the_connection_kept(serve: Any) -> None:
    client = serve(refuse).connect()
    client.send(put(100_000) + b"x" * 100_000 + GET)
    assert [client.answer().status for _ in range(2)] == [403, 403]


def test_a_client_that_is_refused_while_it_sends_a_lot_can_read_why(serve: Any) -> None:
    client = serve(refuse).connect()
    client.send(put(20 * MIB))
    for _ in range(20):
        client.send(b"x" * MIB)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (403, "close")


def test_a_body_without_end_is_cut_off(serve: Any) -> None:
    client = serve(refuse, linger_bytes=MIB).connect()
    client.send(put(1 << 40))
    with pytest.raises(ConnectionError):
        for _ in range(200):
            client.send(b"x" * MIB)
