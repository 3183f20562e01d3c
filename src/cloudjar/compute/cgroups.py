"""Control groups, versions 1 and 2: limits on a whole tree of processes, and what it has used."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from cloudjar.compute.owner import is_orphan, owner_name
from cloudjar.compute.spec import Limits

CPU_PERIOD_US = 100_000
_CHUNK = 1 << 16
_CONTROLLERS = ("memory", "pids", "cpu")


def mounted(mountinfo: str, membership: str) -> tuple[dict[str, Path], Path | None]:
    """Where this process's own groups are: by controller for version 1, and the one of version 2.

    Takes the texts of /proc/self/mountinfo and /proc/self/cgroup; see proc(5) and cgroups(7).
    """
    own: dict[str, str] = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            own[controller] = path
    first: dict[str, Path] = {}
    second: Path | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        root, point = fields[3], fields[4]
        if kind == "cgroup":
            for controller in set(options.split(",")) & {*_CONTROLLERS, "freezer"} & set(own):
                first[controller] = _below(point, root, own[controller])
        elif kind == "cgroup2" and "" in own:
            second = _below(point, root, own[""])
    return first, second


def _below(point: str, root: str, path: str) -> Path:
    """The directory of group `path` when the mount at `point` shows the hierarchy from `root` on."""
    if root != "/" and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    return Path(point, path.lstrip("/"))


class Cgroups:
    """This jar's own place among the groups of the machine."""

    def __init__(self) -> None:
        self.version = 0
        """0: nothing can be written here, and there are no limits on whole trees."""
        self.homes: dict[str, Path] = {}
        """By controller; all the same one in version 2."""
        self._freezer: Path | None = None
        self._numbers = count(1)
        self._leftovers: list[Path] = []
        try:
            first, second = mounted(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
        except (OSError, ValueError):
            return
        if "memory" in first and "pids" in first:
            self._claim_first(first)
        elif second is not None:
            self._claim_second(second)

    def _claim_first(self, own: Mapping[str, Path]) -> None:
        """Below our own groups, so that limits on the jar hold for what it runs."""
        homes = {}
        for controller, parent in own.items():
            sweep(parent)
            try:
                homes[controller] = _claim(parent)
            except OSError:
                if controller in ("memory", "pids"):
                    for home in homes.values():
                        home.rmdir()
                    return
        self._freezer = homes.pop("freezer", None)
        self.version, self.homes = 1, homes

    def _claim_second(self, own: Path) -> None:
        """In the nearest group above us that hands the controllers on: one with processes in it (ours) cannot."""
        for parent in (own, *own.parents):
            if not (parent / "cgroup.controllers").exists():
                return
            try:
                if not _hand_on(parent):
                    continue
                sweep(parent)
                home = _claim(parent)
            except OSError:
                continue
            if _hand_on(home):
                self.version = 2
                self.homes = {c: home for c in _CONTROLLERS if c in (home / "cgroup.subtree_control").read_text().split()}
                return
            home.rmdir()

    def create(self) -> Group:
        """A new, empty group. Raises OSError."""
        self._clean()
        name = str(next(self._numbers))
        paths = {controller: home / name for controller, home in self.homes.items()}
        for path in set(paths.values()):
            path.mkdir()
        # Entering a group is slow (see guard.py): the freezer's is made and entered when something is to be frozen.
        return Group(self.version, paths, self._freezer / name if self._freezer else None)

    def remove(self, group: Group) -> None:
        """Take a group away once its processes are gone; the kernel may need a moment more, so it is tried again later."""
        self._leftovers += {*group.paths.values(), *([group.freezer] if group.freezer else [])}
        self._clean()

    def _clean(self) -> None:
        self._leftovers = [path for path in self._leftovers if not _rmdir(path)]

    def close(self) -> None:
        """Remove everything that is ours."""
        for home in {*self.homes.values(), *([self._freezer] if self._freezer else [])}:
            _remove_tree(home)
        self.homes, self._freezer, self.version = {}, None, 0


class Group:
    """One group: the processes of one spec."""

    def __init__(self, version: int, paths: dict[str, Path], freezer: Path | None) -> None:
        self.version = version
        self.paths = paths
        self.freezer = freezer

    @property
    def procs_files(self) -> list[str]:
        """The files that a process writes itself into."""
        return sorted({str(path / "cgroup.procs") for path in self.paths.values()})

    def members(self) -> list[int]:
        """The processes in it now, by the host's numbers. Raises OSError."""
        with open(self.procs_files[0]) as file:
            return [int(line) for line in file]

    def limit(self, limits: Limits, extra_processes: int) -> None:
        """Set the limits; `extra_processes` is the launcher's own share. Raises OSError."""
        memory, pids, cpu = self.paths["memory"], self.paths["pids"], self.paths.get("cpu")
        if limits.processes is not None:
            (pids / "pids.max").write_text(str(limits.processes + extra_processes))
        if limits.memory_bytes is not None:
            if self.version == 1:
                (memory / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
                _try_write(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
            else:
                (memory / "memory.max").write_text(str(limits.memory_bytes))
                _try_write(memory / "memory.swap.max", "0")
                _try_write(memory / "memory.oom.group", "1")
        if limits.cpu is not None and cpu is not None:
            quota = max(1000, int(limits.cpu * CPU_PERIOD_US))
            if self.version == 1:
                (cpu / "cpu.cfs_period_us").write_text(str(CPU_PERIOD_US))
                (cpu / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (cpu / "cpu.max").write_text(f"{quota} {CPU_PERIOD_US}")
        if self.version == 1:
            # What the waiting child used before it became the program is not the program's.
            _try_write(memory / "memory.max_usage_in_bytes", "0")

    def oom_kills(self) -> int:
        """How often the kernel killed here for want of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        for line in _read(self.paths["memory"] / name).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
        return 0

    def memory(self) -> int | None:
        """Bytes in use, the page cache of its files included."""
        return _number(self.paths["memory"] / ("memory.usage_in_bytes" if self.version == 1 else "memory.current"))

    def peak_memory(self) -> int | None:
        """The most bytes that were ever in use; None where the kernel does not say (version 2 before Linux 5.19)."""
        return _number(self.paths["memory"] / ("memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"))

    def pids(self) -> list[int]:
        """The processes in it."""
        return [int(pid) for pid in _read(self.paths["pids"] / "cgroup.procs").split()]

    def freeze(self) -> None:
        """Halt all of it. Raises OSError where the kernel has no freezer for us."""
        if self.version == 2:
            (self.paths["memory"] / "cgroup.freeze").write_text("1")
            return
        if self.freezer is None:
            raise FileNotFoundError("no freezer hierarchy")
        self.freezer.mkdir(exist_ok=True)
        for pid in self.pids():
            _try_write(self.freezer / "cgroup.procs", str(pid))
        (self.freezer / "freezer.state").write_text("FROZEN")

    def thaw(self) -> None:
        """Let it go on."""
        if self.version == 2:
            _try_write(self.paths["memory"] / "cgroup.freeze", "0")
        elif self.freezer is not None:
            _try_write(self.freezer / "freezer.state", "THAWED")


def sweep(parent: Path) -> None:
    """Kill and remove what dead jars have left in `parent`."""
    try:
        names = os.listdir(parent)
    except OSError:
        return
    for name in names:
        if is_orphan(name):
            _remove_tree(parent / name)


def _claim(parent: Path) -> Path:
    for number in count(1):
        home = parent / owner_name(number)
        try:
            home.mkdir()
        except FileExistsError:
            continue
        return home
    raise AssertionError


def _hand_on(group: Path) -> bool:
    """Make a group of version 2 give its controllers to its children; whether memory and pids now are."""
    control = group / "cgroup.subtree_control"
    for controller in _CONTROLLERS:
        _try_write(control, f"+{controller}")
    return {"memory", "pids"} <= set(_read(control).split())


def _remove_tree(home: Path) -> None:
    try:
        children = [entry.path for entry in os.scandir(home) if entry.is_dir()]
    except OSError:
        return
    for path in (*map(Path, children), home):
        for pid in _read(path / "cgroup.procs").split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        _rmdir(path)


def _rmdir(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _read(path: Path) -> str:
    # Not Path.read_text: it costs ten times as much, and one is read for each call of a function.
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        data = b""
        while piece := os.read(file, _CHUNK):
            data += piece
        return data.decode()
    except OSError:
        return ""
    finally:
        os.close(file)


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _try_write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError:
        pass
