"""Services' own metrics: added up in memory, and stored with others every few seconds, at the end of each minute, and before a look.

A point costs a dictionary's entry, not a write. What a `kill -9` takes is what came since the last storing: `STORE_AFTER_SECONDS` at
most. Nothing here is a timer of the world: metrics never keep time from jumping, nor make it jump.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
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


class Meter:
    """A world's points that are not stored yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._batch: Batch | None = None
        self._sealed: list[Batch] = []
        self._alarm: asyncio.TimerHandle | None = None
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
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._batch is not None or self._sealed:
            try:
                with self._world.store.transaction() as txn:
                    self.store(self._world.context(txn))
                return
            except StoreFull:
                continue

    def store(self, ctx: Context) -> None:
        """Stores what there is, in the transaction that is open; kept in memory until that has committed."""
        # More than once in one transaction would count twice; a mark that was rolled back has taken the callback with it.
        if self._stored is not None and ctx._open().expects(self._stored):
            return
        if self._batch is not None:
            self._sealed.append(self._batch)
            self._batch = None
        if not self._sealed:
            return
        self._world.host.keep_metrics(ctx, self._sealed)
        written = len(self._sealed)

        def stored() -> None:
            del self._sealed[:written]
            self._stored = None

        self._stored = stored
        ctx.on_commit(stored)

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
        if self._world.closed:
            return
        try:
            self.flush()
        except Exception as error:  # the rim: metrics must not stop what they measure
            self._world.host.log_failure("the storing of metrics", error)
