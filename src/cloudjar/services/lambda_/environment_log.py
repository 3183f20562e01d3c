"""The log of one execution environment: what its processes and Lambda itself write, until it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

Ship = Callable[[list[tuple[datetime, str]]], None]
"""Stores lines of a log."""

_TAIL = 4096
"""Letters at most that LogType Tail gives; its 4 KiB are counted in bytes later."""
_SHIP_SECONDS = 1.0
_SHIP_BYTES = 256 * 1024


class EnvironmentLog:
    """Lines on their way to CloudWatch Logs, and the tail that a caller may have asked for."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` is world time."""
        self.ship: Ship | None = None
        """Where lines go; until it is known, they are kept."""
        self.tail = ""
        """The end of what has been written since the last invocation ended, for LogType Tail."""
        self._lines: list[tuple[datetime, str]] = []
        self._bytes = 0
        self._shipping: asyncio.TimerHandle | None = None
        self._now = now

    def write(self, text: str, *, in_tail: bool = True) -> None:
        """Adds whole lines. They are stored within a second, or at the latest by `flush`."""
        if not text:
            return
        self._lines.append((self._now(), text))
        self._bytes += len(text)
        if in_tail:
            self.tail = (self.tail + text)[-_TAIL:]
        if self._bytes > _SHIP_BYTES:
            self.flush()
        elif self._shipping is None:
            self._shipping = asyncio.get_running_loop().call_later(_SHIP_SECONDS, self.flush)

    def flush(self) -> None:
        """Stores what has been written."""
        if self._shipping is not None:
            self._shipping.cancel()
            self._shipping = None
        if self.ship is None:
            return
        lines, self._lines, self._bytes = self._lines, [], 0
        if lines:
            self.ship(lines)

    def take_tail(self) -> str:
        """The tail of one invocation's log; the next one's starts empty."""
        tail, self.tail = self.tail, ""
        return tail
