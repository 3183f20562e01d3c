"""Long polls: who waits at which queue. In memory only; a message that is sent is a record, a wait is not."""

from __future__ import annotations

import asyncio
from collections import deque

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import timer
from cloudjar.kernel.world import World

LONGEST_WAIT = 20
"""Seconds."""


class Waiters:
    """The long polls of one world, in the order in which they came."""

    def __init__(self, world: World) -> None:
        self.closed = False
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}

    def any(self, queue: int) -> bool:
        """Whether anybody waits at a queue."""
        return queue in self._waiting

    async def wait(self, queue: int, seconds: float) -> None:
        """Returns when the queue may have something, or after so many seconds of the machine's time."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._waiting.setdefault(queue, deque())
        line.append(mine)
        try:
            await asyncio.wait((mine,), timeout=seconds)
        except asyncio.CancelledError:
            # The client has gone: what woke this wait is for the next in line.
            if mine.done():
                self.wake_one(queue)
            raise
        finally:
            if not mine.done():
                line.remove(mine)
                self._forget_if_empty(queue)

    def wake_one(self, queue: int) -> None:
        """Ends the longest wait at a queue."""
        line = self._waiting.get(queue)
        if line:
            line.popleft().set_result(None)
            self._forget_if_empty(queue)

    def wake_all(self, queue: int) -> None:
        """Ends every wait at a queue."""
        for waiting in self._waiting.pop(queue, ()):
            waiting.set_result(None)

    async def close(self) -> None:
        """Ends every wait; the polls answer that there was nothing."""
        self.closed = True
        for queue in list(self._waiting):
            self.wake_all(queue)

    def _forget_if_empty(self, queue: int) -> None:
        if not self._waiting.get(queue):
            self._waiting.pop(queue, None)


@timer
def wake(ctx: Context, queue: int) -> None:
    """Time has made something visible, or ended a poll."""
    waiters = ctx.world.part(Waiters)
    ctx.on_commit(lambda: waiters.wake_all(queue))


def wake_at(ctx: Context, queue: int, visible: int) -> None:
    """Has those who wait now look again at an instant (milliseconds since 1970), if they can still be waiting then."""
    left = visible / 1000 - microseconds(ctx.now) / 1_000_000
    if left <= LONGEST_WAIT and ctx.world.part(Waiters).any(queue):
        ctx.after(wake, queue, seconds=max(0.0, left))
