"""Pipes at work: whenever a source rings, its pipes take what there is. An effect, so a crash loses no ring."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import replace
from cloudjar.services.pipes.pipes import PRINCIPAL, Pipe

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

_SESSION = timedelta(minutes=30)
_RETRY_SECONDS = 60
"""After a problem with the source itself: a role that may not read it."""


@effect
async def poll(ctx: Context, name: str) -> None:
    """Takes all that a pipe's source has now."""
    await ctx.world.part(Pollers).look(ctx, name)


@timer
def poll_later(ctx: Context, name: str) -> None:
    """A pause, or a batching window, is over."""
    if ctx.get(Pipe, name):
        ctx.effect(poll, name)


class Pollers:
    """The pipes that are at work in one world. In memory only: what they hold is hidden in its queue, or below a position in a stream."""

    def __init__(self, world: World) -> None:
        self._working: dict[tuple[str, str, str], Poller] = {}
        self._sessions: dict[tuple[str, str], tuple[Principal, datetime]] = {}

    async def look(self, ctx: Context, name: str) -> None:
        """Returns when the source is empty; at once if somebody is looking already, who will look again."""
        from cloudjar.services.pipes import queue_source, stream_source

        key = (ctx.account, ctx.region, name)
        if key in self._working:
            self._working[key].news.set()
            return
        poller = self._working[key] = Poller(ctx, name, self)
        try:
            pipe = poller.pipe()
            if pipe is not None:
                await (queue_source if pipe.is_queue else stream_source).drain(poller, pipe)
        except AwsError as error:
            ctx.world.host.log_failure(f"pipe {name}", error)
            poller.later(_RETRY_SECONDS)
        finally:
            del self._working[key]

    def acting(self, ctx: Context, role: str) -> Context:
        """The context under a pipe's role; within a transaction. Raises AccessDenied."""
        known = self._sessions.get((ctx.account, role))
        if known is None or known[1] <= ctx.now:
            known = self._sessions[ctx.account, role] = (ctx.assume(role, PRINCIPAL).principal, ctx.now + _SESSION)
        return ctx.at(principal=known[0])


class Poller:
    """One pipe's poller while its source has something."""

    def __init__(self, ctx: Context, name: str, pollers: Pollers) -> None:
        self.ctx = ctx
        self.name = name
        self.news = asyncio.Event()
        self._pollers = pollers

    def pipe(self) -> Pipe | None:
        """The pipe as it is now, if it runs."""
        with self.ctx.transaction():
            found = self.ctx.get(Pipe, self.name)
        return found if found is not None and found.state == "RUNNING" else None

    def acting(self, pipe: Pipe) -> Context:
        """A context under the pipe's role. Raises AwsError."""
        with self.ctx.transaction():
            acting = self._pollers.acting(self.ctx, pipe.role)
            pipe.seal(self.ctx, acting)
            principal = acting.principal
        return self.ctx.at(principal=principal)

    def later(self, seconds: float) -> None:
        """Looks again after a pause of world time."""
        with self.ctx.transaction():
            self.ctx.after(poll_later, self.name, seconds=seconds)

    def is_due(self, pipe: Pipe, waiting: int) -> bool:
        """Whether a batch is full, or its window over; opens a window if none is. Meanwhile the records stay in their source."""
        window = pipe.reading.get("MaximumBatchingWindowInSeconds") or 0
        if not window:
            return True
        ctx = self.ctx
        with ctx.transaction():
            fresh = ctx.get(Pipe, self.name)
            if fresh is None:
                return False
            opened = fresh.window_opened
            if waiting >= pipe.reading["BatchSize"] or (opened is not None and ctx.now >= opened + timedelta(seconds=window)):
                ctx.put(replace(fresh, window_opened=None))
                return True
            if opened is None and waiting:
                ctx.put(replace(fresh, window_opened=ctx.now))
                ctx.after(poll_later, self.name, seconds=window)
        return False
