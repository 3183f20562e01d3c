"""A world: one complete, independent cloud, with its state, its clock and its scheduler."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from cloudjar.kernel import effects, events, keys, timers
from cloudjar.kernel.blobs import BlobStore
from cloudjar.kernel.clock import Clock, ClockState, wall_seconds
from cloudjar.kernel.context import Call, Context, Unit
from cloudjar.kernel.host import Host
from cloudjar.kernel.ids import Ids, secret_bytes
from cloudjar.kernel.meter import Meter
from cloudjar.kernel.principal import service
from cloudjar.kernel.store import Store, Transaction
from cloudjar.kernel.waits import Waits

T = TypeVar("T")

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"

_TURN = 32
"""How many timers and deliveries run before requests get their turn."""


class World:
    """One open world. Used from the jar's event loop only."""

    def __init__(
        self,
        name: str,
        directory: Path,
        blobs: BlobStore,
        host: Host,
        *,
        flush_each_commit: bool = False,
        seed: bytes | None = None,
        wall: Callable[[], float] = wall_seconds,
    ) -> None:
        self.name = name
        self.directory = directory
        self.blobs = blobs
        self.host = host
        self.store = Store(directory, flush_each_commit=flush_each_commit)
        self.active_requests = 0
        self.meter = Meter(self)
        self.waits = Waits(self.may_be_idle)
        self.versions: defaultdict[str, int] = defaultdict(int)
        """How often tables of each family ("iam" of "iam.user") were written to since the world was opened: what caches go by.

        What is read at the start of a transaction stays true while this stays; later in it, a rollback may undo what was read.
        """
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._parts: dict[Callable[[World], Any], Any] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._turn_due = False
        self._closed = False
        with self.store.transaction() as txn:
            kept = txn.get(_meta("seed"))
            self.seed = kept if kept is not None else (seed if seed is not None else secret_bytes(16))
            if kept is None:
                txn.put(_meta("seed"), self.seed)
            state = txn.get(_meta("clock"))
        clock_state = msgspec.msgpack.decode(state, type=ClockState) if state else ClockState(world=(now := wall()), wall=now)
        self.clock = Clock(clock_state, wall)

    # Contexts

    def context(self, txn: Transaction, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION, handler: str = "") -> Context:
        """A context for background work, as the service whose handler runs."""
        return Context(self, account, region, _service_of(handler, account), Call(), Unit(txn))

    def async_context(self, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION, handler: str = "", trace: str = "") -> Context:
        """A context that opens its own transactions; `trace` is the trace header that brought it about."""
        call = Call(headers={effects.TRACE: trace}) if trace else Call()
        return Context(self, account, region, _service_of(handler, account), call, Unit())

    @contextmanager
    def reading(self) -> Iterator[Context]:
        """A context for looking, not changing."""
        with self.store.transaction() as txn:
            yield self.context(txn)

    def step(self, txn: Transaction, counter: str) -> int:
        """The next value of a counter: 1, 2, ... Rolls back with its transaction."""
        key = _meta("counter", counter)
        raw = txn.get(key)
        value = int.from_bytes(raw, "big") + 1 if raw else 1
        txn.put(key, value.to_bytes(8, "big"))
        return value

    def ids(self, txn: Transaction) -> Ids:
        """Ids that repeat with the seed."""
        return Ids(self.seed, lambda: self.step(txn, "ids"))

    def part(self, type_: Callable[[World], T]) -> T:
        """The one object of a class that a service keeps in memory for this world (a pool, a set of waiters).

        Made at first use with the world; its `close()`, if it has one, is awaited when the world closes. It holds
        nothing that must last.
        """
        found = self._parts.get(type_)
        if found is None:
            found = self._parts[type_] = type_(self)
        return cast(T, found)

    # Scheduling

    def start(self) -> None:
        """Takes up what was left undone: effects first, then events and timers."""
        for effect in effects.pending(self):
            self.start_effect(effect)
        self.wake()

    def wake(self) -> None:
        """There may be something to do now."""
        if not self._turn_due and not self._closed:
            self._turn_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def start_effect(self, effect: effects.Effect) -> None:
        """Runs an effect in the background."""
        if self._closed or effect.id in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(effects.run(self, effect, asyncio.sleep))
        self._tasks[effect.id] = task

        def ended(_: asyncio.Task[None]) -> None:
            self._tasks.pop(effect.id, None)
            self.wake()

        task.add_done_callback(ended)

    def _turn(self) -> None:
        self._turn_due = False
        if self._closed:
            return
        for _ in range(_TURN):
            if not (events.deliver_next(self) or timers.fire_next(self)):
                break
        else:
            self.wake()
            return
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = timers.next_due(self)
        if due is None:
            return
        if self.clock.state.autojump and self.idle and not self.clock.holds:
            jump = timers.next_worth_a_jump(self)
            if jump is not None:
                self.set_clock(self.clock.moved(world=keys.microseconds(jump) / 1_000_000))
                return
        delay = self.clock.wall_delay(due)
        if delay is not None:
            # A day at most: the event loop's clock and the machine's may drift apart.
            self._alarm = asyncio.get_running_loop().call_later(min(delay, 86_400.0), self.wake)

    @property
    def closed(self) -> bool:
        """Whether this world has been reset, restored or dropped, or its jar has ended."""
        return self._closed

    @property
    def idle(self) -> bool:
        """Nothing runs: no effect, and no request but those that wait for news."""
        return not self._tasks and self.active_requests <= self.waits.requests

    def may_be_idle(self) -> None:
        """A request has ended, or waits: perhaps time may jump now."""
        if self.clock.state.autojump:
            self.wake()

    # Time

    def set_clock(self, state: ClockState) -> None:
        """Stores and uses a new clock state."""
        self.meter.flush()  # What was counted belongs to the time that ends.
        with self.store.transaction() as txn:
            txn.put(_meta("clock"), msgspec.msgpack.encode(state))
        self.clock.use(state)
        self.waits.look_again()
        self.wake()

    async def advance_to(self, target: datetime) -> None:
        """Moves time forward, stopping at each timer on the way to let it, and what follows from it, happen."""
        await self.settle()
        while True:
            due = timers.next_due(self)
            now = self.clock.now()
            if due is None or due > target:
                break
            if due > now:
                self.set_clock(self.clock.moved(world=keys.microseconds(due) / 1_000_000))
            timers.fire_next(self)
            await self.settle()
        if target > self.clock.now():
            self.set_clock(self.clock.moved(world=keys.microseconds(target) / 1_000_000))
        await self.settle()

    async def settle(self) -> None:
        """Returns when every published event is delivered and every effect has ended."""
        while True:
            for _ in range(_TURN):
                if not events.deliver_next(self):
                    break
            else:
                await asyncio.sleep(0)
                continue
            if not self._tasks:
                return
            await asyncio.wait(list(self._tasks.values()), return_when=asyncio.FIRST_COMPLETED)

    # Ending

    async def close(self) -> None:
        """Stops background work and closes the store. Undone effects run again at the next opening."""
        self._closed = True
        self.waits.end()
        if self._alarm is not None:
            self._alarm.cancel()
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for part in list(self._parts.values()):  # one that closes may yet ask for another
            close = getattr(part, "close", None)
            if close is not None:
                await close()
        self.meter.close()
        self.store.close()


@cache
def _meta(*name: str) -> bytes:
    return keys.encode(("", "", "#meta", *name))


def _service_of(handler: str, account: str) -> Any:
    package = handler.split(":")[0].split(".")
    name = package[1].rstrip("_").replace("_", "-") if len(package) > 1 else "cloudjar"
    return service(f"{name}.amazonaws.com", account)
