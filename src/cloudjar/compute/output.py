"""What a program writes, as numbered lines: bounded, and as it comes."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from cloudjar.compute.driver import Line

LONGEST_LINE = 256 * 1024
_CHUNK = 1 << 16
"""As much as a pipe holds (pipe(7))."""


class LineSplitter:
    """Bytes in, whole lines out; what is longer than `LONGEST_LINE` comes in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        *lines, rest = (self._rest + data).split(b"\n")
        while len(rest) >= LONGEST_LINE:
            lines.append(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest = rest
        return lines

    def finish(self) -> list[bytes]:
        """The last line, if it has no newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Log:
    """The newest lines, up to a number of bytes. A program that writes without end costs no more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._lines: deque[Line] = deque()
        self._count = 0

    def append(self, stream: str, text: bytes) -> Line:
        """Number a line and keep it."""
        self._count += 1
        line = Line(self._count, stream, text)
        self._lines.append(line)
        self._bytes += len(text)
        while self._bytes > self._limit and len(self._lines) > 1:
            self._bytes -= len(self._lines.popleft().text)
        return line

    def after(self, number: int) -> list[Line]:
        """The lines above `number` that are still here."""
        return [line for line in self._lines if line.number > number]


class Reader:
    """The reading end of a program's pipe, drained by the event loop."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()
        self._fd, self.writer = os.pipe()
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._read)

    def close_writer(self) -> None:
        """Close our copy of the writing end, once the program has its own."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close()
            return False
        self._on_data(data)
        return True

    def _close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def read_now(self) -> None:
        """Read what is in the pipe now, and not what is written meanwhile."""
        if self._fd >= 0:
            self._read()

    def finish(self) -> None:
        """Read what the dead have left in the pipe, and close it."""
        self.close_writer()
        while self._fd >= 0 and self._read():
            pass
        self._close()
