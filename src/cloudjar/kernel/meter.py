"""Services' own metrics: added up in memory, and stored with others every few seconds, at the end of each minute, and before a look.

A point costs a dictionary's entry, not a write. What a `kill -9` takes is what came since the last storing: `STORE_AFTER_SECONDS` at
most. A storing that nobody waits for goes in slices, between which calls have their turn. Nothing here is a timer of the world: metrics
never keep time from jumping, nor make it jump.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.store import StoreFull

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context
    from cloudjar.kernel.world import World

STORE_AFTER_SECONDS = 10.0
SOONEST_SECONDS = 0.02
"""However fast the world's minutes pass."""
MOST_SERIES = 20_000
"""Series that are stored at once, without waiting."""
SLICE = 100
"""Series, or resources with gauges, that one transaction stores: some 8 ms of work."""
EXACT_VALUES = 200
"""Different values of one series that are kept as they are; more of them are kept to about one percent."""
_GRAIN = math.log(1.01)

Dimensions = tuple[tuple[str, str], ...]


class Series(NamedTuple):
    """What points are added up under."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions
    unit: str


class Resource(NamedTuple):
    """What has gauges: a queue, by its metrics' dimensions."""

    account: str
    region: str
    namespace: str
    dimensions: Dimensions


class Batch:
    """What was added from one instant on, in one minute."""

    __slots__ = ("series", "since", "used")

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.series: dict[tuple[str, str, str, str, Dimensions, str], dict[float, float]] = {}
        """By series: how often each value came."""
        self.used: set[Resource] = set()

    def slices(self) -> Iterator[Batch]:
        """The same in pieces of `SLICE`."""
        series, used = iter(self.series.items()), iter(self.used)
        for _ in range(0, max(len(self.series), len(self.used)), SLICE):
            piece = Batch(self.since)
            piece.series.update(itertools.islice(series, SLICE))
            piece.used.update(itertools.islice(used, SLICE))
            yield piece


class Meter:
    """A world's points that are not stored yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._batch: Batch | None = None
        self._sealed: list[Batch] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._next_slice: asyncio.Handle | None = None
        self._stored: Callable[[], None] | None = None

    def add(self, series: tuple[str, str, str, str, Dimensions, str], value: float) -> None:
        """Adds a point."""
        batch = self._batch or self._open()
        values = batch.series.get(series)
        if values is None:
            batch.series[series] = {value: 1.0}
            if len(batch.series) == MOST_SERIES:
                self._arm(0.0)
            return
        times = values.get(value)
        if times is not None:
            values[value] = times + 1.0
            return
        if len(values) >= EXACT_VALUES and value:
            value = math.copysign(math.exp(round(math.log(abs(value)) / _GRAIN) * _GRAIN), value)
        values[value] = values.get(value, 0.0) + 1.0

    def use(self, resource: Resource) -> None:
        """Has the gauges of a resource read at the next storing: what they tell may have changed."""
        (self._batch or self._open()).used.add(resource)

    def flush(self) -> None:
        """Stores what there is, in a transaction of its own."""
        for handle in (self._alarm, self._next_slice):
            if handle is not None:
                handle.cancel()
        self._alarm = self._next_slice = None
        while self._batch is not None or self._sealed:
            self._transact(self.store)

    def store(self, ctx: Context) -> None:
        """Stores what there is, in the transaction that is open; kept in memory until that has committed."""
        # More than once in one transaction would count twice; a mark that was rolled back has taken the callback with it.
        if self._stored is not None and ctx._open().expects(self._stored):
            return
        self._seal()
        self._keep(ctx, len(self._sealed))

    def _seal(self) -> None:
        if self._batch is not None:
            self._sealed.extend(self._batch.slices())
            self._batch = None

    def _keep(self, ctx: Context, count: int) -> None:
        if not count:
            return
        self._world.host.keep_metrics(ctx, self._sealed[:count])

        def stored() -> None:
            del self._sealed[:count]
            self._stored = None

        self._stored = stored
        ctx.on_commit(stored)

    def _transact(self, store: Callable[[Context], None]) -> None:
        while True:
            try:
                with self._world.store.transaction() as txn:
                    store(self._world.context(txn))
                return
            except StoreFull:
                continue

    def close(self) -> None:
        """The world is closing: the last points."""
        self.flush()

    def _open(self) -> Batch:
        now = self._world.clock.now()
        batch = self._batch = Batch(now)
        minute = EPOCH + ((now - EPOCH) // timedelta(minutes=1) + 1) * timedelta(minutes=1)
        left = self._world.clock.wall_delay(minute)
        self._arm(STORE_AFTER_SECONDS if left is None else max(SOONEST_SECONDS, min(left, STORE_AFTER_SECONDS)))
        return batch

    def _arm(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._fire)

    def _fire(self) -> None:
        self._alarm = None
        self._seal()
        if self._next_slice is None:
            self._store_slice()

    def _store_slice(self) -> None:
        """Stores one slice, and has the next one stored after the calls that wait."""
        self._next_slice = None
        if self._world.closed or not self._sealed:
            return
        try:
            self._transact(lambda ctx: self._keep(ctx, 1))
        except Exception as error:  # the rim: metrics must not stop what they measure
            self._world.host.log_failure("the storing of metrics", error)
            return
        if self._sealed:
            self._next_slice = asyncio.get_running_loop().call_soon(self._store_slice)
