"""HTTP/1.1 as pure functions: bytes in, values out. llhttp is the second opinion."""

from __future__ import annotations

import itertools
from typing import Any

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudjar.gateway.http1 import Chunked, Counted, HeadParser, Refused, http_date, render_head

HOST = b"Host: h\r\n"


def parse(data: bytes) -> Any:
    return HeadParser().parse(data)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/b//k/", "/b//k/", ""),
        (b"/b/../k", "/b/../k", ""),
        (b"/b/a%2Fb%2f", "/b/a%2Fb%2f", ""),
        (b"/b/%zz%", "/b/%zz%", ""),
        (b"/b/k?", "/b/k", ""),
        (b"/b/k?x=%20&y=?a", "/b/k", "x=%20&y=?a"),
        ("/b/é".encode(), "/b/\xc3\xa9", ""),
        (b"/b/\x80\xa0\xff?\xff", "/b/\x80\xa0\xff", "\xff"),
        (b"http://other:1/p?q", "/p", "q"),
        (b"HTTP://other", "/", ""),
        (b"http://other?q", "/", "q"),
        (b"*", "/", ""),
    ],
)
def test_a_target_is_kept_byte_for_byte(target: bytes, path: str, query: str) -> None:
    head = parse(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (head.path, head.query) == (path, query)


def test_an_absolute_target_names_the_host() -> None:
    assert parse(b"GET http://other:81/p HTTP/1.1\r\nHost: h\r\n\r\n").headers["host"] == "other:81"


def test_header_names_are_lower_case_and_repeated_ones_joined() -> None:
    head = parse(b"GET / HTTP/1.1\r\nHost:h\r\nX-A:  1 \t\r\nx-a: 2\r\nX-Empty:\r\nX-Raw: \xe9\x85\r\n\r\n")
    assert head.headers == {"host": "h", "x-a": "1,2", "x-empty": "", "x-raw": "\xe9\x85"}


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"Content-Length: 7\r\n", 7),
        (b"Content-Length: 7\r\nContent-Length: 7\r\n", 7),
        (b"Transfer-Encoding: Chunked\r\n", None),
    ],
)
def test_a_head_says_how_long_its_body_is(head: bytes, length: int | None) -> None:
    assert parse(b"PUT / HTTP/1.1\r\n" + HOST + head + b"\r\n").length == length


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: Close\r\n", False),
        (b"1.1", b"Connection: te, close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
        (b"1.1", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", True),
    ],
)
def test_keep_alive_follows_the_version_and_the_connection_header(version: bytes, connection: bytes, keeps: bool) -> None:
    assert parse(b"GET / HTTP/" + version + b"\r\n" + HOST + connection + b"\r\n").keep_alive is keeps


REFUSED = [
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    (400, b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"GET a/b HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, b"GET /\r\n\r\n"),
    (400, b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
    (400, b"GET / http/1.1\r\nHost: h\r\n\r\n"),
    (505, b"PRI * HTTP/2.0\r\n\r\n"),
    (505, b"GET / HTTP/1.7\r\nHost: h\r\n\r\n"),
    (400, b"GET / HTTP/1.1\nHost: h\n\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: h\r\nno-colon\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: \xb2\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    (400, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (400, b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (501, b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    (501, b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (400, b"\x00\x01\x02"),
    (400, b"hello\r\n"),
    (431, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 65536 + b"\r\n\r\n"),
    (431, b"GET /" + b"a" * 70000),
]


@pytest.mark.parametrize(("status", "data"), REFUSED)
def test_what_is_not_careful_http_is_refused(status: int, data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse(data)
    assert refused.value.status == status


def test_a_name_seen_before_is_still_checked_for_its_colon() -> None:
    parser = HeadParser()
    parser.parse(b"GET / HTTP/1.1\r\nHost: h\r\nx-a: 1\r\n\r\n")
    with pytest.raises(Refused):
        parser.parse(b"GET / HTTP/1.1\r\nHost: h\r\nx-a\r\n\r\n")


WHOLE = b"\r\nPUT /k?q HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Y: z\r\n\r\n"


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_an_incomplete_head_is_waited_for(size: int) -> None:
    assert parse(WHOLE[:size]) is None


def test_a_head_takes_its_own_bytes_and_no_more() -> None:
    assert parse(WHOLE + b"abcGET").size == len(WHOLE)


def feed_all(framing: Chunked | Counted, pieces: list[bytes]) -> tuple[bytes, bytes | None]:
    body = b""
    rest: bytes | None = None
    for i, piece in enumerate(pieces):
        payload, rest = framing.feed(piece)
        body += payload
        if rest is not None:
            return body, rest + b"".join(pieces[i + 1 :])
    return body, rest


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 500), max_size=12), st.booleans())
def test_a_chunked_body_comes_out_whole_however_it_is_cut(chunks: list[bytes], places: list[int], trailer: bool) -> None:
    data = (
        b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + (b"X-T: 1\r\n" if trailer else b"") + b"\r\n"
    )
    assert feed_all(Chunked(), cut(data + b"NEXT", places)) == (b"".join(chunks), b"NEXT")


@given(st.binary(max_size=60), st.lists(st.integers(0, 100), max_size=6))
def test_a_counted_body_comes_out_whole_however_it_is_cut(body: bytes, places: list[int]) -> None:
    pieces = cut(body + b"NEXT", places)
    if body:
        assert feed_all(Counted(len(body)), pieces) == (body, b"NEXT")


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x3\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"3\nabc\r\n",
        b"\r\n",
        b"3\r\nabc\n\n",
        b"1" * 17 + b"\r\n",
        b"3;" + b"e" * 5000,
        b"0\r\nX: a\nb\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * 5000,
    ],
)
def test_broken_chunks_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        Chunked().feed(data)


TOKENS = st.sampled_from(
    [
        b"GET ",
        b"POST ",
        b"/",
        b"/a%2F//b",
        b"?x=1",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\r\n\r\n",
        b"Host: h\r\n",
        b"X-A: 1\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b":",
        b"Content-Length: 3\r\n",
        b"Content-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"abc",
        b"Transfer-Encoding: x\r\n",
        b"\x01",
        b"(",
        b"Content-Length: -3\r\n",
        b"Content-Length:3 \r\n",
    ]
)
REQUEST = st.builds(
    lambda middle, end: b"POST / HTTP/1.1\r\nHost: h\r\n" + middle + b"\r\n" + end,
    st.lists(TOKENS, max_size=5).map(b"".join),
    st.binary(max_size=4),
)


@settings(max_examples=400)
@given(st.one_of(st.lists(TOKENS, max_size=10).map(b"".join), REQUEST))
@example(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
def test_what_is_accepted_llhttp_accepts_and_understands_the_same(data: bytes) -> None:
    try:
        head = parse(data)
    except Refused:
        return
    if head is None:
        return
    seen: dict[str, Any] = {"url": b"", "headers": {}}

    class Listener:
        def on_url(self, url: bytes) -> None:
            seen["url"] += url

        def on_header(self, name: bytes, value: bytes) -> None:
            key = name.decode().lower()
            text = value.decode("latin-1").strip(" \t")
            seen["headers"][key] = f"{seen['headers'][key]},{text}" if key in seen["headers"] else text

    parser = httptools.HttpRequestParser(Listener())
    try:
        parser.feed_data(data[: head.size])
    except httptools.HttpParserError as error:
        assert "Duplicate Content-Length" in str(error)  # The one thing that llhttp is stricter in: equal ones too.
        return
    assert seen["url"].decode() == head.path + ("?" + head.query if "?" in seen["url"].decode() else "")
    assert parser.get_method().decode() == head.method
    assert seen["headers"] == head.headers
    if head.length == 0:
        assert parser.should_keep_alive() == head.keep_alive


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb"])
def test_an_answers_header_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        render_head(200, {"x": value}, "")


def test_the_date_is_written_as_rfc_9110_says() -> None:
    assert http_date((1994, 11, 6, 8, 49, 37, 6)) == "Sun, 06 Nov 1994 08:49:37 GMT"
