"""The contract of a driver: one way of running real things. One test file holds every driver to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from cloudjar.compute.spec import Spec

if TYPE_CHECKING:
    from cloudjar.compute.disks import Disk
    from cloudjar.compute.networks import Network


class ComputeError(Exception):
    """The driver could not do what it was asked to."""


class AlreadyRunning(ComputeError):
    """A spec with this id runs already."""


class NotRunning(ComputeError):
    """Nothing with this id runs, or ever ran here."""


class StartFailed(ComputeError):
    """The machine would not start it. The message is the kernel's own."""


class Unsupported(ComputeError):
    """This driver cannot do this on this machine; `probe` says why."""


class ExitStatus(Struct, frozen=True):
    """How a program ended: exactly one of `code` and `signal` is set."""

    code: int | None = None
    signal: int | None = None
    oom: bool = False
    """The kernel killed a process of it because the memory limit was reached."""
    peak_memory_bytes: int | None = None
    """Of the whole tree, where cgroups are at hand; else of its largest process."""
    cpu_seconds: float | None = None
    failure: str = ""
    """The launcher's own words when the machine would not set the sandbox up and the program never ran."""


class Line(Struct, frozen=True):
    """One line of output, without its newline. Lines past 256 KiB come in pieces."""

    number: int
    """Counts from 1 over both streams; what `Driver.logs` takes as `after`."""
    stream: str
    """"stdout" or "stderr"."""
    text: bytes


class Handle(Struct, frozen=True):
    """Something that runs."""

    id: str
    pid: int
    """The host's number for the process that stands for it: of use in messages only."""


class Completed(Struct, frozen=True):
    """What an `exec` gave."""

    exit: ExitStatus
    stdout: bytes
    stderr: bytes


class Usage(Struct, frozen=True):
    """What something that runs has used so far."""

    memory_bytes: int | None
    peak_memory_bytes: int | None


class Probe(Struct, frozen=True):
    """What a driver can do on this machine, in words for `cloudjar doctor`."""

    driver: str
    available: bool
    why: str
    fix: str = ""
    """What to install or allow for more; "" when there is nothing to mend."""
    enforces: frozenset[str] = frozenset()
    """Of "memory", "processes", "cpu", "open_files", "file_bytes", "isolation", "network", "disk": what holds here for the whole tree."""
    internet: str = ""
    """How what runs reaches the Internet, or why it does not."""


OnExit = Callable[[str, ExitStatus], None]
"""Called once, on the event loop, after the last line of output, when no process of the spec is left."""
OnOutput = Callable[[str, Line], None]


class Driver(Protocol):
    """One way of running real things. All methods are called on one event loop; callbacks come on the same."""

    name: str

    def probe(self) -> Probe:
        """Whether this machine lets the driver work, and what it can hold to."""
        ...

    def prepare(self) -> None:
        """Do what the first start would otherwise wait for, some 30 ms, in the background. Not needed, and harmless."""
        ...

    async def start(self, spec: Spec, on_exit: OnExit, on_output: OnOutput | None = None) -> Handle:
        """Run it. Raises BadSpec, AlreadyRunning, StartFailed, Unsupported; otherwise `on_exit` comes once, for certain.

        A program that is missing or cannot be executed is no StartFailed: it exits with 127 or 126, as in a shell.
        """
        ...

    async def stop(self, id: str, grace_seconds: float) -> ExitStatus:
        """SIGTERM to the program, and `kill` after the grace; returns when it is over. Raises NotRunning."""
        ...

    async def kill(self, id: str) -> ExitStatus:
        """End every process of it at once; returns when it is over. Raises NotRunning."""
        ...

    def list(self) -> list[Handle]:
        """What runs now, in the order of its start."""
        ...

    async def exec(self, id: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, limit: int = 1 << 20) -> Completed:
        """Run one more program inside, to its end; `limit` bytes of each stream are kept. Raises NotRunning."""
        ...

    def logs(self, id: str, after: int = 0) -> Sequence[Line]:
        """Its lines with a number above `after` that are still kept, until it has exited. Raises NotRunning."""
        ...

    def address(self, id: str) -> str:
        """The IP address where what it listens on can be reached from the host. Raises NotRunning, Unsupported."""
        ...

    def take_output(self, id: str) -> None:
        """Hands on at once what it has written already, also a line that has no end yet. Raises NotRunning."""
        ...

    def usage(self, id: str) -> Usage:
        """What it has used so far. Raises NotRunning."""
        ...

    def peak_memory(self, id: str) -> int | None:
        """The most bytes that it has used at once, for less than `usage` costs. Raises NotRunning."""
        ...

    async def network(self) -> Network | None:
        """A network for one spec to come, by its id; the caller closes it. None where there are none but the host's."""
        ...

    async def disk(self, size_bytes: int) -> Disk | None:
        """A disk for a spec to come, to mount from its `path`; the caller closes it. None where this machine gives none."""
        ...

    def is_peer(self, id: str, peer_port: int, own_port: int) -> bool:
        """Whether a connection from `peer_port` to `own_port` of the loopback interface comes from inside it.

        True also where this machine gives no means to tell, as without control groups.
        """
        ...

    def real_path(self, id: str, target: str) -> str:
        """The name on the host of a path inside one of its mounts. Raises NotRunning, KeyError."""
        ...

    async def freeze(self, id: str) -> None:
        """Halt every process of it until `thaw`. Raises NotRunning, Unsupported."""
        ...

    async def thaw(self, id: str) -> None:
        """Let it go on. Raises NotRunning, Unsupported."""
        ...

    async def close(self) -> None:
        """Kill all, wait for it, and leave nothing behind."""
        ...


def choose(drivers: Iterable[Driver], wanted: str | None = None) -> Driver:
    """The first driver that works here, or the one that was asked for by name. Raises Unsupported with each one's reason."""
    reasons = []
    for driver in drivers:
        if wanted is not None and driver.name != wanted:
            continue
        probe = driver.probe()
        if probe.available:
            return driver
        reasons.append(f"{driver.name}: {probe.why}")
    raise Unsupported("; ".join(reasons) or f"there is no driver named {wanted!r}")
