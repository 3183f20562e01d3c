"""Long polls: who waits at which queue. In memory only; a message that is sent is a record, a wait is not."""

from __future__ import annotations

from asyncio import CancelledError
from collections import deque

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import timer
from cloudjar.kernel.waits import Wait
from cloudjar.kernel.world import World

LONGEST_WAIT = 20
"""Seconds."""


class Waiters:
    """The long polls of one world, in the order in which they came."""

    def __init__(self, world: World) -> None:
        self._waits = world.waits
        self._waits.on_change(self.wake_everybody)
        self._waiting: dict[int, deque[Wait]] = {}

    def any(self, queue: int) -> bool:
        """Whether anybody waits at a queue."""
        return queue in self._waiting

    async def wait(self, ctx: Context, queue: int, seconds: float) -> bool:
        """Returns when the queue may have something, or after so many seconds of the machine's time; False if no poll may wait any more."""
        if self._waits.over:
            return False
        mine = self._waits.begin(ctx)
        line = self._waiting.setdefault(queue, deque())
        line.append(mine)
        try:
            await mine.over(seconds)
        except CancelledError:
            # The client has gone: what woke this wait is for the next in line.
            if mine.woken:
                self.wake_one(queue)
            raise
        finally:
            if not mine.woken:
                line.remove(mine)
                self._forget_if_empty(queue)
        return not self._waits.over

    def wake_one(self, queue: int) -> None:
        """Ends the longest wait at a queue."""
        line = self._waiting.get(queue)
        if line:
            line.popleft().wake()
            self._forget_if_empty(queue)

    def wake_all(self, queue: int) -> None:
        """Ends every wait at a queue."""
        for waiting in self._waiting.pop(queue, ()):
            waiting.wake()

    def wake_everybody(self) -> None:
        """Ends every wait: the clock was set, or waiting is over."""
        for queue in list(self._waiting):
            self.wake_all(queue)

    def _forget_if_empty(self, queue: int) -> None:
        if not self._waiting.get(queue):
            self._waiting.pop(queue, None)


@timer
def wake(ctx: Context, queue: int) -> None:
    """Time has made something visible."""
    waiters = ctx.world.part(Waiters)
    ctx.on_commit(lambda: waiters.wake_all(queue))


def wake_at(ctx: Context, queue: int, visible: int) -> None:
    """Has those who wait now look again at an instant (milliseconds since 1970), if they can still be waiting then."""
    left = visible / 1000 - microseconds(ctx.now) / 1_000_000
    # Under autojump nothing is far away.
    if ctx.world.part(Waiters).any(queue) and (left <= LONGEST_WAIT or ctx.world.clock.state.autojump):
        ctx.after(wake, queue, seconds=max(0.0, left))
