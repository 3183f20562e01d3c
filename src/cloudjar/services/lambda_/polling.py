"""Polling event sources: whenever a source rings, its mappings take what there is. An effect, so a crash loses no ring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import aliases, errors, hot_reload, metering, queue_source, recursion, sealed_filters, stream_source
from cloudjar.services.lambda_.event_sources import EventSourceMapping
from cloudjar.services.lambda_.functions import find_function
from cloudjar.services.lambda_.invocation import Invocation
from cloudjar.services.lambda_.invoke import trace_id
from cloudjar.services.lambda_.names import function_arn
from cloudjar.services.lambda_.pool import Finished, Pool

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

_SESSION = timedelta(minutes=30)
_RETRY_SECONDS = 60
"""After a problem with the source itself: a role that may not read it, a function that is gone."""


@effect
async def poll(ctx: Context, uuid: str) -> None:
    """Takes all that a mapping's source has now."""
    await ctx.world.part(Pollers).look(ctx, uuid)


@timer
def poll_later(ctx: Context, uuid: str) -> None:
    """A pause, or a batching window, is over."""
    if ctx.get(EventSourceMapping, uuid):
        ctx.effect(poll, uuid)


class Pollers:
    """The pollers that are at work in one world. In memory only: what they hold is hidden in its queue, or below a position in a stream."""

    def __init__(self, world: World) -> None:
        self._working: dict[tuple[str, str, str], Poller] = {}
        self._sessions: dict[tuple[str, str], tuple[Principal, datetime]] = {}

    async def look(self, ctx: Context, uuid: str) -> None:
        """Returns when the source is empty; at once if somebody is looking already, who will look again."""
        key = (ctx.account, ctx.region, uuid)
        if key in self._working:
            self._working[key].news.set()
            return
        poller = self._working[key] = Poller(ctx, uuid, self)
        try:
            await poller.run()
        finally:
            del self._working[key]

    def acting(self, ctx: Context, role: str) -> Context:
        """The context under a function's role; within a transaction. Raises AccessDenied."""
        known = self._sessions.get((ctx.account, role))
        if known is None or known[1] <= ctx.now:
            principal = ctx.assume(role, "lambda.amazonaws.com").principal
            known = self._sessions[ctx.account, role] = (principal, ctx.now + _SESSION)
        return ctx.at(principal=known[0])


class Poller:
    """One mapping's poller while its source has something."""

    def __init__(self, ctx: Context, uuid: str, pollers: Pollers) -> None:
        self.ctx = ctx
        self.uuid = uuid
        self.news = asyncio.Event()
        self._pollers = pollers
        self._opened: tuple[bytes, tuple[str, ...]] = (b"", ())
        """The filters that were opened last."""

    async def run(self) -> None:
        try:
            mapping = self.mapping()
            if mapping is not None:
                await (queue_source.drain if mapping.is_queue else stream_source.drain)(self, mapping)
        except AwsError as error:
            self.note(f"PROBLEM: {error.message}"[:1000])
            with self.ctx.transaction():
                self.ctx.after(poll_later, self.uuid, seconds=_RETRY_SECONDS)

    def mapping(self) -> EventSourceMapping | None:
        """The mapping as it is now, its filters open, if it is to be served. Raises what KMS says."""
        with self.ctx.transaction():
            found = self.ctx.get(EventSourceMapping, self.uuid)
            if found is None or not found.enabled:
                return None
            if found.sealed_filters and self._opened[0] != found.sealed_filters:
                self._opened = (found.sealed_filters, sealed_filters.opened_by_lambda(self.ctx, found))
        return replace(found, filters=self._opened[1]) if found.sealed_filters else found

    def acting(self) -> Context:
        """A context under the function's role. Raises AwsError."""
        with self.ctx.transaction():
            mapping = self.ctx.get(EventSourceMapping, self.uuid)
            assert mapping is not None
            version = aliases.route(self.ctx, mapping.function, mapping.qualifier)
            principal = self._pollers.acting(self.ctx, version.role).principal
        return self.ctx.at(principal=principal)

    def note(self, result: str) -> None:
        """Keeps what came of the last batch."""
        with self.ctx.transaction():
            found = self.ctx.get(EventSourceMapping, self.uuid)
            if found is not None and found.result != result:
                self.ctx.put(replace(found, result=result))

    def count(self, mapping: EventSourceMapping, name: str, events: int) -> None:
        """One of a mapping's own metrics, where it wants them.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
        """
        if events and "EventCount" in mapping.metrics:
            metering.of_mapping(self.ctx, mapping.uuid, name, events)

    def later(self, seconds: float) -> None:
        """Looks again after a pause of world time."""
        with self.ctx.transaction():
            self.ctx.after(poll_later, self.uuid, seconds=seconds)

    async def invoke(self, mapping: EventSourceMapping, payload: bytes, traces: Sequence[str] = ()) -> tuple[Finished, str]:
        """Calls the function; also gives the version that served. `traces` came with what it is called for. Raises AwsError."""
        ctx = self.ctx.at()
        with ctx.transaction():
            function = find_function(ctx, mapping.function, mapping.qualifier)
            reserved = function.reserved_concurrency
            version = aliases.route(ctx, mapping.function, mapping.qualifier)
            arn = function_arn(ctx, mapping.function, mapping.qualifier)
            request_id = ctx.ids.uuid()
            given = recursion.furthest(ctx, traces, function) or trace_id(ctx, version, request_id)
            trace = recursion.lengthened(ctx, given, function)
            if trace is None:
                metering.add(ctx, "RecursiveInvocationsDropped", metering.dimensions(arn))
        if trace is None:
            raise errors.recursive(mapping.function)
        invocation = Invocation(request_id, payload, arn, trace)
        await hot_reload.refresh(ctx, version)
        return await ctx.world.part(Pool).invoke(ctx, version, invocation, reserved), version.label
