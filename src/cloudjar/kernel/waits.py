"""Waits: requests that wait for news and do no work meanwhile, such as long polls.

They keep nobody waiting: autojump goes on as if they were not there, and the jar's end does not wait for them. When the clock is set, or
waiting is over, every one of them looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cloudjar.kernel.context import Context


class Waits:
    """The waits of one world."""

    def __init__(self, idle: Callable[[], None]) -> None:
        self.requests = 0
        """How many of the world's requests do nothing but wait."""
        self.over = False
        """The world or its jar ends: who waits answers with what there is."""
        self._idle = idle
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, look_again: Callable[[], None]) -> None:
        """Calls back whenever the clock is set, and when waiting is over."""
        self._listeners.append(look_again)

    def begin(self, ctx: Context) -> Wait:
        """A wait for `ctx`'s request. What a timer or an effect calls is their work, and no rest."""
        resting = bool(ctx.call_info.request_id)
        self.requests += resting
        if resting:
            self._idle()
        return Wait(self, resting)

    def look_again(self) -> None:
        """Has everybody who waits look again."""
        for listener in self._listeners:
            listener()

    def end(self) -> None:
        """Lets nobody wait any more."""
        self.over = True
        self.look_again()


class Wait:
    """One wait. Whoever has news calls `wake`, and from that moment on the request is at work again."""

    __slots__ = ("_future", "_resting", "_waits")

    def __init__(self, waits: Waits, resting: bool) -> None:
        self._waits = waits
        self._resting = resting
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def woken(self) -> bool:
        return self._future.done()

    def wake(self) -> None:
        self._end()
        self._future.set_result(None)

    async def over(self, seconds: float) -> None:
        """Returns when it is woken, or after so many seconds of the machine's time."""
        try:
            await asyncio.wait((self._future,), timeout=seconds)
        finally:
            self._end()

    def _end(self) -> None:
        self._waits.requests -= self._resting
        self._resting = False
