"""HTTP as values: what the server hands up, and what it is handed back. No sockets here."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec


class BodyTooLarge(Exception):
    """More bytes than the reader allowed. The pipeline turns it into the protocol's own client error."""


class BodyTruncated(Exception):
    """The client closed, or its framing broke, before the whole body had come."""


class Body(Protocol):
    """A request's body. Exactly one of `read` and iteration is used, once."""

    length: int | None
    """Bytes declared by Content-Length; None when chunked."""

    async def read(self, limit: int) -> bytes:
        """The whole body; raises BodyTooLarge past `limit` bytes, BodyTruncated if it ends early."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's chunks as they come, with back-pressure."""
        ...


class BufferedBody:
    """A body that is already here. `read` completes without suspending."""

    __slots__ = ("data", "length")

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.length: int | None = len(data)

    async def read(self, limit: int) -> bytes:
        if len(self.data) > limit:
            raise BodyTooLarge
        return self.data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data


class Request(msgspec.Struct):
    """One HTTP request, as it came. Nothing is decoded or normalised: S3 keys with `//`, `..` and `%2F` survive."""

    method: str
    path: str
    """Raw, percent-encoded, without the query; never empty, starts with "/"."""
    query: str
    """Raw, without the "?"; "" if there is none."""
    headers: Mapping[str, str]
    """Names in lower case; values latin-1, stripped; repeated headers joined with ","."""
    body: Body
    scheme: str = "http"
    peer: str = "127.0.0.1"
    port: int = 4566
    """The port of the jar that the request came in on."""
    tls: str = ""
    """The version of TLS, "1.3"; empty for plain HTTP."""

    @property
    def host(self) -> str:
        """The Host header, with its port if it had one."""
        return self.headers.get("host", "")


class FileBody:
    """`length` bytes of an open file from `offset` on: an answer's body.

    It owns the descriptor: whoever sends the answer, or drops it, calls `close`. Iterating closes too. An open descriptor, not a path,
    because what was found may be deleted or replaced while it is sent.
    """

    __slots__ = ("fd", "length", "offset")
    CHUNK = 256 * 1024  # sendfile() was measured beside this: as fast on the loopback, a fifth less CPU, and not possible for TLS.

    def __init__(self, fd: int, offset: int, length: int) -> None:
        self.fd = fd
        self.offset = offset
        self.length = length

    @classmethod
    def open(cls, path: str | os.PathLike[str], offset: int = 0, length: int | None = None) -> FileBody:
        """The file's bytes from `offset`, to its end unless `length` says; raises OSError."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return cls(fd, offset, os.fstat(fd).st_size - offset if length is None else length)

    def close(self) -> None:
        """Give the descriptor back; more than once is harmless."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    async def aclose(self) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            position, end = self.offset, self.offset + self.length
            while position < end:
                chunk = os.pread(self.fd, min(self.CHUNK, end - position), position)
                if not chunk:
                    return
                position += len(chunk)
                yield chunk
        finally:
            self.close()


class Response(msgspec.Struct):
    """One HTTP answer. A streamed body (async iterator) with a known size carries its own content-length header;
    without one it goes out chunked."""

    status: int = 200
    headers: dict[str, str] = {}
    """Names in lower case. The server adds content-length (for bytes and files), date, connection."""
    body: bytes | AsyncIterator[bytes] | FileBody = b""
