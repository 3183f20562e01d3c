"""The world's clock: the only place that reads the machine's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_instant = datetime.fromtimestamp


def wall_seconds() -> float:
    """Seconds since 1970 by the machine's clock: for signatures and TLS, never for what payloads say."""
    return time.time()


def monotonic_seconds() -> float:
    """Seconds that only ever grow: for measuring durations."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Does nothing for a while: for commands that poll, never on an event loop."""
    time.sleep(seconds)


def cpu_seconds() -> float:
    """Seconds of CPU that this process has used."""
    return time.process_time()


class ClockState(msgspec.Struct, frozen=True):
    """What is kept of a clock: world time = world + (wall - wall_anchor) * rate."""

    world: float = 0.0
    wall: float = 0.0
    rate: float = 1.0
    """World seconds a wall second; 0 is frozen."""
    autojump: bool = False


class Clock:
    """World time. Real time until told otherwise; never runs backwards except by `set`."""

    def __init__(self, state: ClockState, wall: Callable[[], float] = wall_seconds) -> None:
        self.state = state
        self._wall = wall
        self._last = 0.0
        self.holds: dict[str, int] = {}
        """Named reasons why time may not jump by itself, with how many hold each."""

    def now(self) -> datetime:
        """The present instant of the world, to the microsecond."""
        state = self.state
        seconds = state.world + (self._wall() - state.wall) * state.rate if state.rate else state.world
        # The machine's clock may be set back; a world's records must not go back with it.
        if seconds < self._last:
            seconds = self._last
        self._last = seconds
        return _instant(seconds, UTC)

    def seconds(self) -> float:
        """World seconds since 1970."""
        state = self.state
        if state.rate == 0:
            return state.world
        return state.world + (self._wall() - state.wall) * state.rate

    def wall_delay(self, due: datetime) -> float | None:
        """Wall seconds until `due`; 0 if it has come, None if the clock stands still."""
        missing = (due - EPOCH).total_seconds() - self.seconds()
        if missing <= 0:
            return 0.0
        return None if self.state.rate == 0 else missing / self.state.rate

    def moved(self, *, world: float | None = None, rate: float | None = None, autojump: bool | None = None) -> ClockState:
        """The state after a change; the caller stores it and hands it to `use`."""
        return ClockState(
            world=self.seconds() if world is None else world,
            wall=self._wall(),
            rate=self.state.rate if rate is None else rate,
            autojump=self.state.autojump if autojump is None else autojump,
        )

    def use(self, state: ClockState) -> None:
        """Takes a stored state over."""
        if state.world < self.seconds():
            self._last = 0.0
        self.state = state

    def hold(self, name: str) -> None:
        """Forbids autojump while something named runs."""
        self.holds[name] = self.holds.get(name, 0) + 1

    def release(self, name: str) -> None:
        """Ends one `hold` of that name."""
        left = self.holds.get(name, 0) - 1
        if left > 0:
            self.holds[name] = left
        else:
            self.holds.pop(name, None)
