"""The places for execution environments: which of them are warm and idle, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.services.lambda_.execution import ExecutionEnvironment
from cloudjar.services.lambda_.standby import Key

IDLE_SECONDS = 600.0
"""Wall seconds after which an idle environment is ended."""
SANDBOXES = 200
"""How many environments a world keeps at once; further calls wait their turn."""
_EXPIRY = timedelta(minutes=5)


class Places:
    """As many environments as there may be: in use, warm, or being made."""

    def __init__(
        self,
        now: Callable[[], datetime],
        end: Callable[[ExecutionEnvironment], Awaitable[None]],
        end_later: Callable[[ExecutionEnvironment], None],
    ) -> None:
        """`now` is world time; `end` ends an environment whose place is taken over, `end_later` one whose place becomes free."""
        self.limit = SANDBOXES
        self._now = now
        self._end = end
        self._end_later = end_later
        self._taken = 0
        self._idle: dict[Key, deque[ExecutionEnvironment]] = {}
        self._waiting: deque[tuple[Key, asyncio.Future[ExecutionEnvironment | None]]] = deque()
        self._reaper: asyncio.TimerHandle | None = None

    async def acquire(self, key: Key) -> ExecutionEnvironment | None:
        """A warm environment; or None with a place for a new one, waiting for either in turn."""
        env = self._warm(key)
        if env is not None:
            return env
        if self.take():
            return None
        oldest = min((e for idle in self._idle.values() for e in idle if not e.provisioned), key=lambda e: e.idle_since, default=None)
        if oldest is not None:
            for idle in self._idle.values():
                if oldest in idle:
                    idle.remove(oldest)
            # Its place is ours.
            await self._end(oldest)
            return None
        turn: asyncio.Future[ExecutionEnvironment | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, turn))
        return await turn

    def take(self) -> bool:
        """Takes a place for a new environment, if there is one."""
        if self._taken >= self.limit:
            return False
        self._taken += 1
        return True

    def free(self) -> None:
        """A place is free: it goes to who has waited longest."""
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    def give_back(self, key: Key, env: ExecutionEnvironment) -> None:
        """An environment is idle: it goes to who waits for such a one, or is kept warm."""
        env.idle_since = monotonic_seconds()
        if self._waiting:
            for waiter in self._waiting:
                if waiter[0] == key and not waiter[1].done():
                    self._waiting.remove(waiter)
                    waiter[1].set_result(env)
                    return
            # Others wait for room.
            self._end_later(env)
            return
        self._idle.setdefault(key, deque()).append(env)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 10, self._reap)

    def idle(self, key: Key) -> tuple[ExecutionEnvironment, ...]:
        """The warm environments of a key."""
        return tuple(self._idle.get(key, ()))

    def retire(self, account: str, region: str, name: str, numbers: set[int] | None) -> None:
        """Ends the idle environments of a function, or of some of its versions."""
        for key in [k for k in self._idle if k[:3] == (account, region, name) and (numbers is None or k[3] in numbers)]:
            for env in self._idle.pop(key):
                self._end_later(env)

    def close(self) -> None:
        """Nothing grows old any more."""
        if self._reaper is not None:
            self._reaper.cancel()

    def _warm(self, key: Key) -> ExecutionEnvironment | None:
        idle = self._idle.get(key)
        now = self._now()
        while idle:
            # The last one used is the likeliest to be in the caches, and lets the others grow old.
            env = idle.pop()
            if env.alive and (env.expires is None or now < env.expires - _EXPIRY):
                return env
            self._end_later(env)
        return None

    def _reap(self) -> None:
        """Ends what has been idle too long."""
        self._reaper = None
        oldest = monotonic_seconds() - IDLE_SECONDS
        for key, idle in list(self._idle.items()):
            for env in [e for e in idle if e.idle_since < oldest and not e.provisioned]:
                idle.remove(env)
                self._end_later(env)
            if not idle:
                del self._idle[key]
        if self._idle:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 10, self._reap)
