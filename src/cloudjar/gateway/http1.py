"""HTTP/1.1 without sockets: bytes -> request heads and de-chunked bodies, responses -> bytes.

Written here, and not taken from llhttp (httptools), because S3 keys may come as raw non-ASCII bytes in the request target and because
`Upgrade: h2c` must be ignored rather than end the parsing; llhttp refuses both. The tests compare the two on everything else.
Framing is strict where leniency means request smuggling (RFC 9112, 6.3 and 11.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from cloudjar.gateway.limits import KIB

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_VALUE_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ABSOLUTE_FORM = re.compile(r"https?://([^/?#]+)([^?]*)(.*)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_METHODS = frozenset({"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"})
_VERSIONS = {"HTTP/1.1": 1, "HTTP/1.0": 0}
_CHUNK_LINE_LIMIT = 4 * KIB
_TRAILERS_LIMIT = 16 * KIB
_KNOWN_NAMES_LIMIT = 1024

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Refused(Exception):
    """A request that is not HTTP, or not HTTP that a careful server accepts. Answered with `status`, then the connection closes."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Head(msgspec.Struct):
    """A request's line and headers, and what they say about its body."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    minor: int
    """1 for HTTP/1.1, 0 for HTTP/1.0."""
    keep_alive: bool
    length: int | None
    """Bytes of the body: 0 when there is none, None when it is chunked."""
    expects_continue: bool
    """Also where the body is empty: RFC 9110 lets servers omit the 100 then, but botocore mixes up its connections without it."""
    size: int
    """Bytes that the head itself took."""


class _Names(dict[str, str]):
    """Header names as they come -> lower case. A hit has been checked already; the table is bounded."""

    def __missing__(self, name: str) -> str:
        if not _TOKEN.fullmatch(name):
            raise Refused(400, "invalid header name")
        lower = name.lower()
        if len(self) < _KNOWN_NAMES_LIMIT:
            self[name] = lower
        return lower


class HeadParser:
    """Parses request heads of at most `limit` bytes. It holds no connection's state: one serves a whole server."""

    def __init__(self, limit: int = 64 * KIB) -> None:
        self.limit = limit
        self._names = _Names()

    def parse(self, data: bytes) -> Head | None:
        """The head at the start of `data`; None while it is incomplete; raises Refused."""
        start = 0
        while data[start : start + 2] == b"\r\n":  # RFC 9112, 2.2: empty lines before a request are ignored.
            start += 2
        end = data.find(b"\r\n\r\n", start, start + self.limit + 4)
        if end < 0:
            self._check_incomplete(data, start)
            return None
        lines = data[start:end].decode("latin-1").split("\r\n")
        method, target, minor = _parse_request_line(lines[0])
        headers = self._parse_headers(lines)
        if target[0] != "/":
            target = _to_origin_form(target, headers)
        elif minor and "host" not in headers:
            raise Refused(400, "a Host header is required")
        path, _, query = target.partition("?")
        connection = headers.get("connection")
        if connection is None:
            keep_alive = minor == 1
        else:
            options = [option.strip() for option in connection.lower().split(",")]
            keep_alive = "close" not in options if minor else "keep-alive" in options
        length = _body_length(headers, minor)
        expects = "expect" in headers and minor == 1 and headers["expect"].lower() == "100-continue"
        return Head(method, path, query, headers, minor, keep_alive, length, expects, end + 4)

    def _check_incomplete(self, data: bytes, start: int) -> None:
        """Refuse early what can never become a head, so that a wrong client hears of it instead of waiting."""
        if len(data) > self.limit:
            raise Refused(431, "the request's headers are too large")
        line, newline, _ = data[start:].partition(b"\n")
        if newline:
            if not line.endswith(b"\r"):
                raise Refused(400, "a line ends without CR LF")
            _parse_request_line(line[:-1].decode("latin-1"))
        elif line not in (b"", b"\r") and not _TOKEN.match(line[:1].decode("latin-1")):
            raise Refused(400, "invalid request line")

    def _parse_headers(self, lines: list[str]) -> dict[str, str]:
        names = self._names
        headers: dict[str, str] = {}
        for i in range(1, len(lines)):
            name, colon, value = lines[i].partition(":")
            key = names[name]
            if not colon:
                raise Refused(400, "a header line has no colon")
            value = value.strip(" \t")
            if not value.isprintable() and _VALUE_FORBIDDEN.search(value):
                raise Refused(400, "invalid character in a header's value")
            if key in headers:
                if key == "content-length":
                    if value != headers[key]:
                        raise Refused(400, "two different Content-Length headers")
                    continue
                if key == "host":
                    raise Refused(400, "two Host headers")
                value = f"{headers[key]},{value}"
            headers[key] = value
        return headers


def _parse_request_line(line: str) -> tuple[str, str, int]:
    parts = line.split(" ")
    if len(parts) != 3:
        raise Refused(400, "invalid request line")
    method, target, version = parts
    if method not in _METHODS and not _TOKEN.fullmatch(method):
        raise Refused(400, "invalid method")
    minor = _VERSIONS.get(version)
    if minor is None:
        if re.fullmatch(r"HTTP/\d\.\d", version):
            raise Refused(505, "the HTTP version is not supported")
        raise Refused(400, "invalid request line")
    # Bytes above 127 are let through: they are raw UTF-8 in a key, and not for the server to judge.
    if not target or (not target.isprintable() and _TARGET_FORBIDDEN.search(target)):
        raise Refused(400, "invalid request target")
    return method, target, minor


def _to_origin_form(target: str, headers: dict[str, str]) -> str:
    """RFC 9112, 3.2.2: the Host of an absolute-form target replaces the header's."""
    if target == "*":
        return "/"
    match = _ABSOLUTE_FORM.fullmatch(target)
    if match is None:
        raise Refused(400, "invalid request target")
    authority, path, query = match.groups()
    headers["host"] = authority.rpartition("@")[2]
    if path and path[0] != "/":
        path = "/" + path
    return (path or "/") + query


def _body_length(headers: Mapping[str, str], minor: int) -> int | None:
    coding = headers.get("transfer-encoding")
    declared = headers.get("content-length")
    if coding is None:
        if declared is None:
            return 0
        if not (declared.isascii() and declared.isdigit()) or len(declared) > 18:
            raise Refused(400, "invalid Content-Length")
        return int(declared)
    if declared is not None:
        raise Refused(400, "both Content-Length and Transfer-Encoding")
    if minor == 0:
        raise Refused(400, "Transfer-Encoding in HTTP/1.0")
    if coding.lower() != "chunked":
        raise Refused(501, "the only supported Transfer-Encoding is chunked")
    return None


class Counted:
    """Takes a body of `remaining` bytes off the stream."""

    __slots__ = ("remaining",)

    def __init__(self, remaining: int) -> None:
        self.remaining: int | None = remaining

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """(the body's bytes, what follows the body; None while the body goes on)."""
        remaining = self.remaining or 0
        if len(data) < remaining:
            self.remaining = remaining - len(data)
            return data, None
        self.remaining = 0
        return (data, b"") if len(data) == remaining else (data[:remaining], data[remaining:])


class Chunked:
    """Takes a chunked body off the stream (RFC 9112, 7.1). Extensions and trailer fields are read and dropped."""

    __slots__ = ("_carry", "_left", "_trailers", "remaining")

    def __init__(self) -> None:
        self.remaining: int | None = None
        self._carry = b""
        self._left = 0  # Bytes until the chunk's end, its CR LF included.
        self._trailers = -1  # Bytes of trailers so far; -1 before the last chunk.

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """(the body's bytes, what follows the body; None while the body goes on); raises Refused."""
        if self._left > len(data) + 2:  # The common case of a big chunk: nothing to take apart, nothing to copy.
            self._left -= len(data)
            return data, None
        if self._carry:
            data, self._carry = self._carry + data, b""
        view = memoryview(data)
        pieces: list[memoryview] = []
        position = 0
        while True:
            if self._left:
                position = self._take_chunk(view, position, pieces)
                if self._left:
                    self._carry = b"" if self._left > 2 else data[position:]
                    return b"".join(pieces), None
            end = data.find(b"\r\n", position)
            if end < 0:
                self._carry = data[position:]
                if len(self._carry) > _CHUNK_LINE_LIMIT or b"\n" in self._carry:
                    raise Refused(400, "invalid chunk")
                return b"".join(pieces), None
            line, position = data[position:end], end + 2
            if self._trailers >= 0:
                self._trailers += len(line) + 2
                if not line:
                    self.remaining = 0
                    return b"".join(pieces), data[position:]
                if self._trailers > _TRAILERS_LIMIT or b"\n" in line:
                    raise Refused(400, "invalid trailers")
                continue
            match = _CHUNK_SIZE.fullmatch(line)
            if match is None:
                raise Refused(400, "invalid chunk size")
            size = int(match[1], 16)
            if size:
                self._left = size + 2
            else:
                self._trailers = 0

    def _take_chunk(self, view: memoryview, position: int, pieces: list[memoryview]) -> int:
        payload = self._left - 2
        if payload:
            piece = view[position : position + payload]
            pieces.append(piece)
            position += len(piece)
            self._left -= len(piece)
        if self._left == 2 and len(view) - position >= 2:
            if view[position : position + 2] != b"\r\n":
                raise Refused(400, "a chunk does not end where its size says")
            position += 2
            self._left = 0
        return position


def render_head(status: int, headers: Mapping[str, str], tail: str) -> bytes:
    """A response's head: status line, `headers`, then `tail`, the server's own finished lines. Raises ValueError for a header that
    would break out of its line, UnicodeEncodeError for one that is not latin-1."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a response header contains a line break")
    line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    return f"{line}{lines}{tail}\r\n".encode("latin-1")


def http_date(utc: tuple[int, ...]) -> str:
    """An IMF-fixdate (RFC 9110, 5.6.7) from a time tuple in UTC; locale-free, unlike strftime."""
    year, month, day, hour, minute, second, weekday = utc[:7]
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT"
