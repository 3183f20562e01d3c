"""Standbys: sandboxes with an interpreter that is up and waits, so that a version's first invocation need not.

A standby is one version's own: its code and layers are mounted, its limits hold, and nothing is shared with other sandboxes or
with the jar. It holds no credentials and has run none of the function's code: both come when it is released, through a pipe
that nobody else has open. Which is why nothing of it can be seen from outside but the time that it saves.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from cloudjar.compute.driver import ComputeError
from cloudjar.kernel.errors import AwsError
from cloudjar.services.lambda_.execution import ExecutionEnvironment
from cloudjar.services.lambda_.functions import Version

STANDBYS = 2
"""How many a world keeps: of the versions that were changed or called last."""
QUIET_SECONDS = 0.5
"""They are started when nobody has asked for anything for so long: never while their start would slow a call down."""

Key = tuple[str, str, str, int, str, str]
"""Account, Region, function, version, revision, and the tenant that the environment serves: "" for none, or none yet."""
Start = Callable[[Key, Version], Awaitable[ExecutionEnvironment]]
End = Callable[[ExecutionEnvironment], Awaitable[None]]


class Standbys:
    """The standbys of one world, started one at a time: of the versions that were wanted last."""

    def __init__(self, start: Start, end: End, is_busy: Callable[[], bool], most: int = STANDBYS) -> None:
        self._most = most
        self._start = start
        self._end = end
        self._is_busy = is_busy
        self._wanted: OrderedDict[Key, Version] = OrderedDict()
        self._ready: OrderedDict[Key, ExecutionEnvironment] = OrderedDict()
        self._alarm: asyncio.TimerHandle | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._closed = False

    def want(self, key: Key, version: Version) -> None:
        """A standby of this version would be of use, when there is time."""
        if self._closed:
            return
        self._wanted.pop(key, None)
        self._wanted[key] = version
        while len(self._wanted) > self._most:
            self._wanted.popitem(last=False)
        self._set_alarm()

    def keep(self, key: Key, env: ExecutionEnvironment) -> None:
        """One that is ready."""
        before = self._ready.pop(key, None)
        if before is not None:
            self._end_later(before)
        self._ready[key] = env
        while len(self._ready) > self._most:
            self._end_later(self._ready.popitem(last=False)[1])

    def take(self, key: Key) -> ExecutionEnvironment | None:
        """The standby of this version, if it is there and alive."""
        env = self._ready.pop(key, None)
        if env is not None and not env.alive:
            self._end_later(env)
            return None
        return env

    def retire(self, account: str, region: str, name: str, numbers: set[int] | None) -> None:
        """Ends the standbys of a function, or of some of its versions."""
        for table in (self._wanted, self._ready):
            for key in [k for k in table if k[:3] == (account, region, name) and (numbers is None or k[3] in numbers)]:
                gone = table.pop(key)
                if isinstance(gone, ExecutionEnvironment):
                    self._end_later(gone)

    async def close(self) -> None:
        """Ends all."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await asyncio.gather(*(self._end(env) for env in self._ready.values()), return_exceptions=True)
        self._ready.clear()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._rise)

    def _rise(self) -> None:
        self._alarm = None
        if not self._wanted or self._closed:
            return
        if self._is_busy():
            self._set_alarm()
            return
        key, version = self._wanted.popitem()
        self._in_background(self._add(key, version))

    async def _add(self, key: Key, version: Version) -> None:
        if key not in self._ready:
            try:
                env = await self._start(key, version)
            except (ComputeError, AwsError, OSError):
                # Whoever calls the function will learn of it.
                return
            if self._closed:
                await self._end(env)
                return
            self.keep(key, env)
        if self._wanted:
            self._set_alarm()

    def _end_later(self, env: ExecutionEnvironment) -> None:
        self._in_background(self._end(env))

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
