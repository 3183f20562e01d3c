"""The one place that starts processes: the jar's side of the guard."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from cloudjar.compute import guard


class Program(Struct, frozen=True):
    """What to execute, in the kernel's terms."""

    argv: Sequence[str]
    env: dict[str, str]
    cwd: str = "/"
    rlimits: Sequence[tuple[int, int]] = ()
    join: Sequence[str] = ()
    """`cgroup.procs` files to enter first."""
    keep: bool = False
    """Under a keeper, which ends every descendant when the program ends. A launcher that does so itself needs none."""
    namespaces: int = 0
    """How many of the descriptors, the last ones, are namespaces to enter first, in their order."""
    seat: int = 0
    """A seat taken with `Spawner.seat`; 0 for none."""


class Ended(Struct, frozen=True):
    """The end of a process, as wait4(2) tells it."""

    status: int
    cpu_seconds: float
    peak_bytes: int


OnEnd = Callable[[Ended], None]


def ask(argv: Sequence[str], seconds: float = 60.0) -> tuple[int, str, str]:
    """The exit code, output and complaints of a tool of this machine: a version, a compiler. Never of a user's code. Raises OSError."""
    import subprocess

    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{argv[0]} took longer than {seconds:.0f} seconds") from None
    return done.returncode, done.stdout, done.stderr


class Spawner:
    """Starts processes through a guard, which is itself started on first use, and starts again should it be killed."""

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._sock: socket.socket | None = None
        self._process: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = 0
        self._starting: dict[int, tuple[asyncio.Future[int], OnEnd, bool]] = {}
        self._running: dict[int, OnEnd] = {}
        self._outgoing: deque[tuple[bytes, list[int]]] = deque()
        self._incoming = b""
        self._over: asyncio.Event = asyncio.Event()
        self.generation = 0
        """Counts guards: a seat is only good with the guard that made it."""

    def prepare(self) -> None:
        """Start the guard now, if none runs."""
        self._ensure()

    async def start(self, program: Program, descriptors: Sequence[int], on_end: OnEnd) -> int:
        """Run a program with `descriptors` as its 0, 1, 2 and so on; the caller still owns and closes them. Returns the pid."""
        self._ensure()
        assert self._loop is not None
        self._numbers += 1
        future: asyncio.Future[int] = self._loop.create_future()
        self._starting[self._numbers] = (future, on_end, program.keep)
        message = {
            "argv": list(program.argv),
            "env": program.env,
            "cwd": program.cwd,
            "rlimits": [tuple(r) for r in program.rlimits],
            "join": list(program.join),
            "keep": program.keep,
            "namespaces": program.namespaces,
            "seat": program.seat,
        }
        # Duplicates, so that the caller may close its own before a full socket has taken them.
        self._send(("start", self._numbers, message, len(descriptors)), [os.dup(fd) for fd in descriptors])
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                # Cancelled between the guard's answer and our hearing it.
                self._abandon(future.result(), program.keep)
            raise

    def _abandon(self, pid: int, kept: bool) -> None:
        """End what nobody waits for, and so nobody else would ever end."""
        self.signal(pid, guard.KILL_TREE if kept else signal.SIGKILL)

    def seat(self, key: int, files: Sequence[str]) -> None:
        """Have a child enter cgroups now, so that a later `start` with `Program.seat=key` need not wait for it."""
        self._ensure()
        self._send(("seat", key, list(files)))

    def unseat(self, key: int) -> None:
        """Let a seat that was never used go."""
        if self._sock is not None:
            self._send(("unseat", key))

    def signal(self, pid: int, number: int) -> None:
        """Send a signal, if the process still is one that was started here: the guard knows, and a pid is never mistaken."""
        if self._sock is not None:
            self._send(("signal", pid, int(number)))

    async def close(self) -> None:
        """End the guard and with it everything that was started; returns when all is gone."""
        if self._sock is None:
            return
        self._flush()
        self._sock.shutdown(socket.SHUT_WR)
        await self._over.wait()

    def _ensure(self) -> None:
        if self._sock is not None:
            return
        import subprocess

        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                # No environment: what the guard holds, its children could read in /proc.
                [self._python, "-I", "-S", guard.__file__, str(number)],
                env={},
                cwd="/",
                pass_fds=[number],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._sock, self._loop, self._over = ours, asyncio.get_running_loop(), asyncio.Event()
        self.generation += 1
        self._loop.add_reader(ours, self._receive)

    def _send(self, message: Any, descriptors: list[int] | None = None) -> None:
        self._outgoing.append((guard.pack(message), descriptors or []))
        self._flush()

    def _flush(self) -> None:
        assert self._sock is not None and self._loop is not None
        while self._outgoing:
            data, descriptors = self._outgoing[0]
            try:
                sent = socket.send_fds(self._sock, [data], descriptors) if descriptors else self._sock.send(data)
            except BlockingIOError:
                self._loop.add_writer(self._sock, self._flush)
                return
            except OSError:
                # The guard has died; the reader will see it and tell everybody.
                sent = len(data)
            for fd in descriptors:
                os.close(fd)
            if sent < len(data):
                self._outgoing[0] = (data[sent:], [])
            else:
                self._outgoing.popleft()
        self._loop.remove_writer(self._sock)

    def _receive(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        messages, self._incoming = guard.unpack(self._incoming + data)
        for verb, *rest in messages:
            if verb == "started":
                number, pid = rest
                future, on_end, kept = self._starting.pop(number)
                self._running[pid] = on_end
                if future.cancelled():
                    self._abandon(pid, kept)
                else:
                    future.set_result(pid)
            elif verb == "exit":
                pid, status, cpu_seconds, peak = rest
                on_end = self._running.pop(pid)
                on_end(Ended(status, cpu_seconds, peak))

    def _end(self) -> None:
        """The guard is gone, and all that it kept with it."""
        assert self._sock is not None and self._loop is not None
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        self._process.wait()
        self._sock, self._process, self._incoming = None, None, b""
        for _, descriptors in self._outgoing:
            for fd in descriptors:
                os.close(fd)
        self._outgoing.clear()
        starting, self._starting = self._starting, {}
        running, self._running = self._running, {}
        for future, _, _ in starting.values():
            if not future.done():
                future.set_exception(ChildProcessError("the guard of all started processes was killed"))
        for on_end in running.values():
            on_end(Ended(9, 0.0, 0))
        self._over.set()
