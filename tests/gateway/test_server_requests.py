"""The server over real sockets: requests in, answers out, in order."""

from __future__ import annotations

import asyncio
import email.utils
import random
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cloudjar.wire.http import Request, Response

GET = b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n"


def test_an_answer_has_a_length_a_date_and_no_server_header(serve: Any) -> None:
    answer = serve().ask(GET)
    assert (answer.status, answer.body) == (200, b"GET /k  0")
    assert answer.headers["content-length"] == "9"
    assert email.utils.parsedate_to_datetime(answer.headers["date"]).utcoffset() is not None
    assert "server" not in answer.headers and "connection" not in answer.headers


def test_raw_bytes_in_a_path_arrive_as_they_were_sent(serve: Any) -> None:
    answer = serve().ask(b"GET //a/../%2F%zz/\xc3\xa9?x=%20\xff HTTP/1.1\r\nHost: h\r\n\r\n")
    assert answer.body == b"GET //a/../%2F%zz/\xc3\xa9 x=%20\xff 0"


def test_a_connection_serves_many_requests(serve: Any) -> None:
    client = serve().connect()
    assert [client.ask(b"PUT /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" % i).body for i in range(5)] == [
        b"PUT /%d  3" % i for i in range(5)
    ]


def test_fifty_pipelined_requests_are_answered_in_order(serve: Any) -> None:
    async def app(request: Request) -> Response:
        if int(request.path[1:]) % 3 == 0:
            await asyncio.sleep(0)
        return Response(200, {}, request.path.encode())

    client = serve(app).connect()
    client.send(b"".join(b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody" % i for i in range(50)))
    assert [client.answer().body for _ in range(50)] == [b"/%d" % i for i in range(50)]


def test_a_pipelined_request_waits_for_the_answer_before_it(serve: Any) -> None:
    running: list[str] = []
    most = 0

    async def app(request: Request) -> Response:
        nonlocal most
        running.append(request.path)
        most = max(most, len(running))
        await asyncio.sleep(0)
        running.remove(request.path)
        return Response()

    client = serve(app).connect()
    client.send(GET * 20)
    for _ in range(20):
        client.answer()
    assert most == 1


def test_a_client_that_pipelines_without_reading_is_made_to_wait(serve: Any) -> None:
    calls = 0

    async def app(request: Request) -> Response:
        nonlocal calls
        calls += 1
        return Response(200, {}, b"x" * 100_000)

    served = serve(app)
    client = served.connect()
    client.send(GET * 500)
    served.wait_until(lambda: any(connection._can_write is not None for connection in served.server._connections))
    assert calls < 250
    for _ in range(500):
        assert len(client.answer().body) == 100_000


def test_pieces_of_any_size_make_a_request(serve: Any) -> None:
    client = serve().connect()
    for i in range(len(data := b"\r\nPUT /k?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + GET)):
        client.send(data[i : i + 1])
    assert (client.answer().body, client.answer().body) == (b"PUT /k q 5", b"GET /k  0")


def test_http_1_0_closes_after_the_answer(serve: Any) -> None:
    client = serve().connect()
    answer = client.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert answer.headers["connection"] == "close"
    assert client.is_closed()


def test_http_1_0_may_ask_to_be_kept(serve: Any) -> None:
    client = serve().connect()
    for _ in range(2):
        assert client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").headers["connection"] == "keep-alive"


def test_connection_close_is_honoured(serve: Any) -> None:
    client = serve().connect()
    assert client.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").headers["connection"] == "close"
    assert client.is_closed()


def test_an_app_may_close_the_connection(serve: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, {"connection": "close"})

    client = serve(app).connect()
    client.ask(GET)
    assert client.is_closed()


def test_head_keeps_the_length_and_sends_no_body(serve: Any) -> None:
    client = serve().connect()
    client.send(b"HEAD /k HTTP/1.1\r\nHost: h\r\n\r\n" + GET)
    assert client.answer(to_head=True).headers["content-length"] == str(len("HEAD /k  0"))
    assert client.answer().body == b"GET /k  0"


def test_head_says_the_length_that_the_app_declares(serve: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, {"content-length": "12345"})

    client = serve(app).connect()
    client.send(b"HEAD /k HTTP/1.1\r\nHost: h\r\n\r\n")
    assert client.answer(to_head=True).headers["content-length"] == "12345"


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none_and_the_connection_goes_on(serve: Any, status: int) -> None:
    async def app(request: Request) -> Response:
        return Response(status, {}, b"never sent")

    client = serve(app).connect()
    client.send(GET + GET)
    for _ in range(2):
        answer = client.answer()
        assert answer.status == status and "content-length" not in answer.headers


def test_a_client_may_end_its_side_before_it_reads_its_answers(serve: Any) -> None:
    async def app(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(200, {}, b"late")

    client = serve(app).connect()
    client.send(GET + GET)
    client.socket.shutdown(1)
    assert (client.answer().body, client.answer().body) == (b"late", b"late")
    assert client.is_closed()


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (400, b"nonsense\r\n\r\n"),
        (400, b"\x80\x80\x80"),
        (431, b"\r\n" * 40_000),
        (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(serve: Any, status: int, data: bytes) -> None:
    client = serve().connect()
    answer = client.ask(data)
    assert answer.status == status and answer.headers["connection"] == "close" and b"Traceback" not in answer.body
    assert client.is_closed()


def test_requests_before_a_broken_one_are_answered(serve: Any) -> None:
    client = serve().connect()
    client.send(GET + b"broken\r\n\r\n")
    assert (client.answer().status, client.answer().status) == (200, 400)


def test_an_offer_to_upgrade_is_ignored(serve: Any) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    client = serve().connect()
    assert client.ask(b"POST / HTTP/1.1\r\nHost: h\r\n" + upgrade + b"Content-Length: 3\r\n\r\nabc").body == b"POST /  3"
    assert client.ask(GET).status == 200


def test_an_apps_error_is_told_to_the_log_and_not_to_the_client(serve: Any) -> None:
    async def app(request: Request) -> Response:
        if request.path == "/later":
            await asyncio.sleep(0)
        raise RuntimeError("secret")

    served = serve(app)
    client = served.connect()
    client.send(GET + GET.replace(b"/k", b"/later"))
    for _ in range(2):
        answer = client.answer()
        assert answer.status == 500 and b"secret" not in answer.body
    assert all("RuntimeError: secret" in line for line in served.errors) and len(served.errors) == 2


def test_an_answer_with_a_line_break_in_a_header_becomes_an_error(serve: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, {"x": "a\r\nset-cookie: b"})

    served = serve(app)
    answer = served.ask(GET)
    assert answer.status == 500 and "set-cookie" not in answer.headers and served.errors


def test_garbage_gets_a_refusal_or_a_closed_connection(serve: Any) -> None:
    served = serve()
    chance = random.Random(4566)
    words = [
        b"GET / HTTP/1.1\r\n",
        b"Host: h\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"Expect: 100-continue\r\n",
        b"\x00\xff",
        b"\x16\x03\x01",
        b"X: \xe9\r\n",
        b"ffffff\r\n",
        b"POST /a HTTP/1.0\r\n",
    ]
    for _ in range(300):
        client = served.connect()
        pieces = [
            chance.choice(words) if chance.random() < 0.9 else chance.randbytes(chance.randrange(40)) for _ in range(chance.randrange(1, 9))
        ]
        try:
            client.send(b"".join(pieces))
            client.socket.shutdown(1)
            heard = client.file.read()
        except OSError:
            heard = b""
        assert b"HTTP/1.1 5" not in heard.replace(b"HTTP/1.1 501", b"") and b"Traceback" not in heard
        assert heard == b"" or heard.startswith(b"HTTP/1.1 ")
        client.close()
    assert not served.errors
    assert served.ask(GET).status == 200


def test_boto3_talks_to_it(serve: Any) -> None:
    bodies: dict[str, bytes] = {}

    async def app(request: Request) -> Response:
        if request.method == "PUT":
            bodies[request.path] = await request.body.read(1 << 20)
            return Response(200, {"etag": '"e"'})
        return Response(200, {"content-length": str(len(bodies[request.path]))}, bodies[request.path])

    served = serve(app)
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{served.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )
    key = "a//b/../ü %2F"
    s3.put_object(Bucket="b", Key=key, Body=b"hello")
    assert s3.get_object(Bucket="b", Key=key)["Body"].read() == b"hello"
    assert list(bodies) == ["/b/a//b/../%C3%BC%20%252F"]
