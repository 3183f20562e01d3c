"""A laboratory for drivers: start a spec, look at what it did."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import select
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from cloudjar.compute.driver import Driver, ExitStatus, Handle, Line
from cloudjar.compute.process import Process
from cloudjar.compute.sandbox import Sandbox
from cloudjar.compute.spec import Spec, Tmpfs

T = TypeVar("T")
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Started:
    """A spec that was started in the laboratory."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.handle: Handle | None = None
        self.exit: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.lines: list[Line] = []
        self.news = asyncio.Event()

    def text(self, stream: str = "stdout") -> str:
        return "\n".join(line.text.decode() for line in self.lines if line.stream == stream)

    async def says(self, text: str) -> None:
        """Wait until its output holds `text`."""
        while not any(text.encode() in line.text for line in self.lines):
            assert not self.exit.done(), f"it ended first: {self.exit.result()} {self.lines}"
            self.news.clear()
            await self.news.wait()


class Laboratory:
    """A driver on an event loop, for tests that are not coroutines themselves."""

    def __init__(self, driver: Driver, runner: asyncio.Runner) -> None:
        self.driver = driver
        self.runner = runner
        self._ids = itertools.count()

    def wait(self, awaitable: Awaitable[T]) -> T:
        async def bounded() -> T:
            return await asyncio.wait_for(awaitable, 60)

        return self.runner.run(bounded())

    async def start(self, *argv: str, **fields: Any) -> Started:
        started = Started(fields.pop("id", f"test-{next(self._ids)}"))
        fields.setdefault("env", PATH)
        fields.setdefault("tmpfs", (Tmpfs("/tmp"),))

        def on_exit(id: str, exit: ExitStatus) -> None:
            assert id == started.id
            started.exit.set_result(exit)
            started.news.set()

        def on_output(id: str, line: Line) -> None:
            assert id == started.id and not started.exit.done()
            started.lines.append(line)
            started.news.set()

        started.handle = await self.driver.start(Spec(id=started.id, argv=argv, **fields), on_exit, on_output)
        return started

    def run(self, *argv: str, **fields: Any) -> tuple[ExitStatus, Started]:
        """Run a program to its end."""

        async def whole() -> tuple[ExitStatus, Started]:
            started = await self.start(*argv, **fields)
            return await started.exit, started

        return self.wait(whole())

    def shell(self, script: str, **fields: Any) -> str:
        """What a shell script wrote to stdout; it must succeed."""
        exit, started = self.run("/bin/sh", "-ec", script, **fields)
        assert exit.code == 0, (exit, started.lines)
        return started.text()


def _make(name: str, directory: Path) -> Driver:
    driver: Driver = Sandbox() if name == "sandbox" else Process(directory)
    probe = driver.probe()
    if not probe.available:
        pytest.skip(f"no {name} driver on this machine: {probe.why}")
    return driver


@contextlib.contextmanager
def laboratory(name: str, directory: Path, loop_factory: Any = uvloop.new_event_loop) -> Iterator[Laboratory]:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        lab = Laboratory(_make(name, directory), runner)
        yield lab
        lab.wait(lab.driver.close())


def needs(lab: Laboratory, limit: str) -> None:
    """Skip, saying why, where the machine does not let the driver hold to a limit."""
    probe = lab.driver.probe()
    if limit not in probe.enforces:
        pytest.skip(f"{probe.driver} does not enforce {limit} here: {probe.why}")


def processes_with(marker: str, name: str = "") -> list[int]:
    """The living processes with a text in their command line, and a certain program if `name` says which."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            with contextlib.suppress(OSError):
                process = Path("/proc", pid)
                if marker.encode() in (process / "cmdline").read_bytes() and (process / "comm").read_text().startswith(name):
                    found.append(int(pid))
    return found


def wait_for_end(pidfds: list[int]) -> None:
    """Wait until every one of these processes has ended."""
    for fd in pidfds:
        assert select.select([fd], [], [], 30)[0], "a process outlived its jar"
        os.close(fd)
