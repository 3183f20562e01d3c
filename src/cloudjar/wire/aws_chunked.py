"""The aws-chunked content encoding, decoded as it comes, sans-I/O: data, chunk signatures and trailing headers.

Source: "Signature calculations for the Authorization header: transferring payload in multiple chunks" and "... with trailing
headers" in the Amazon S3 API Reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudjar.wire.values import Malformed

MAX_LINE = 16 * 1024
MAX_TRAILERS = 16


@dataclass(slots=True)
class Data:
    """Some of the current chunk's bytes."""

    data: bytes


@dataclass(slots=True)
class ChunkEnd:
    """The current chunk is whole. `signature` is its chunk-signature, "" where chunks are not signed; `size` is 0 for the last."""

    size: int
    signature: str


@dataclass(slots=True)
class Trailers:
    """The end: the trailing headers, names in lower case, without x-amz-trailer-signature, which is `signature`."""

    headers: dict[str, str]
    signature: str


Event = Data | ChunkEnd | Trailers

SIZE, CONTENT, AFTER, TRAILER, DONE = range(5)


class Decoder:
    """Bytes in as they come, events out. Malformed where the encoding is broken."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._state = SIZE
        self._size = 0
        self._left = 0
        self._signature = ""
        self._trailers: dict[str, str] = {}

    @property
    def done(self) -> bool:
        """Whether the end has come; a body that stops before it is truncated."""
        return self._state == DONE

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` brings about."""
        events: list[Event] = []
        if self._state == CONTENT and not self._buffer and len(data) < self._left:
            # The common case of a large chunk: bytes go through without a copy.
            self._left -= len(data)
            return [Data(data)] if data else events
        self._buffer += data
        while self._step(events):
            pass
        return events

    def end(self) -> list[Event]:
        """The body has ended. Malformed if that was too early; some clients leave out the last line's end, which is forgiven."""
        if self._state == TRAILER and not self._buffer.strip():
            self._buffer.clear()
            self._state = DONE
            return [Trailers(self._trailers, self._take_signature())]
        if self._state != DONE:
            raise Malformed("document", message="the aws-chunked body ended early")
        return []

    def _step(self, events: list[Event]) -> bool:
        if self._state == CONTENT:
            return self._content(events)
        if self._state == DONE:
            if self._buffer.strip():
                raise Malformed("document", message="bytes after the last chunk")
            return False
        line = self._line()
        if line is None:
            return False
        if self._state == SIZE:
            self._begin(line)
            if not self._size:
                events.append(ChunkEnd(0, self._signature))
        elif self._state == AFTER:
            if line:
                raise Malformed("document", message="a chunk is longer than it says")
            self._state = SIZE
        elif line:
            self._trailer(line)
        else:
            self._state = DONE
            events.append(Trailers(self._trailers, self._take_signature()))
        return True

    def _line(self) -> str | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_LINE:
                raise Malformed("document", message="a line is too long")
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line.decode("latin-1")

    def _begin(self, line: str) -> None:
        size, _, extensions = line.partition(";")
        size = size.strip()
        if not 0 < len(size) <= 16 or not all(char in "0123456789abcdefABCDEF" for char in size):
            raise Malformed("document", line, message="a chunk has no size")
        self._size = self._left = int(size, 16)
        self._signature = ""
        for extension in extensions.split(";"):
            name, _, value = extension.partition("=")
            if name.strip() == "chunk-signature":
                self._signature = value.strip()
        self._state = CONTENT if self._size else TRAILER

    def _content(self, events: list[Event]) -> bool:
        if not self._buffer:
            return False
        taken = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(taken)
        events.append(Data(taken))
        if self._left:
            return False
        self._state = AFTER
        events.append(ChunkEnd(self._size, self._signature))
        return True

    def _trailer(self, line: str) -> None:
        name, colon, value = line.partition(":")
        if not colon or len(self._trailers) >= MAX_TRAILERS:
            raise Malformed("document", line, message="a broken trailing header")
        self._trailers[name.strip().lower()] = value.strip()

    def _take_signature(self) -> str:
        return self._trailers.pop("x-amz-trailer-signature", "")
