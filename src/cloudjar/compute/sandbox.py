"""The `sandbox` driver: Linux namespaces by bubblewrap, limits by control groups."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudjar.compute.cgroups import Cgroups
from cloudjar.compute.disks import Disk, Disks
from cloudjar.compute.disks import why_not as disks_missing
from cloudjar.compute.driver import Completed, Probe, StartFailed, Unsupported
from cloudjar.compute.networks import Network, Networks
from cloudjar.compute.networks import why_not as networks_missing
from cloudjar.compute.output import LineSplitter, Reader
from cloudjar.compute.rootfs import HostView, env_prefix, file_limit, launch, read_host, setpriv, unsafe
from cloudjar.compute.runs import Run, Runs, first_of, memory_file
from cloudjar.compute.spawn import Ended, Program, Spawner
from cloudjar.compute.spec import HOST, BadSpec, Spec, check
from cloudjar.compute.uplink import INSTALL as INSTALL_UPLINK
from cloudjar.compute.uplink import why_not as uplink_missing

_BWRAP_PROCESSES = 2
"""bwrap itself and its init: they count among a group's processes."""


class Sandbox(Runs):
    """Runs a spec in namespaces of its own. Nothing of the host is there but what the spec names."""

    name = "sandbox"

    def __init__(self, spawner: Spawner | None = None, cgroups: Cgroups | None = None, *, directory: Path | None = None) -> None:
        """`directory` is where disks may be made; without one there are none."""
        super().__init__(spawner or Spawner(), cgroups or Cgroups())
        self._bwrap = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin")
        self._nsenter = shutil.which("nsenter", path="/usr/bin:/bin:/usr/local/bin")
        self._as_root = os.geteuid() == 0
        self._host: HostView | None = None
        self._networks = Networks(self.spawner)
        self._disks = Disks(self.spawner, directory)

    def probe(self) -> Probe:
        """Whether bubblewrap is there and the kernel lets us use it."""
        if self._bwrap is None:
            return Probe(self.name, False, "bubblewrap (bwrap) is not installed", "apt-get install bubblewrap, or dnf install bubblewrap")
        if self._as_root and not os.path.exists("/usr/bin/setpriv"):
            return Probe(self.name, False, "setpriv is not installed", "apt-get install util-linux")
        if not self._as_root and not _user_namespaces():
            fix = "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000, or run as root"
            return Probe(self.name, False, "this kernel gives ordinary users no user namespaces", fix)
        held = {"isolation", "open_files", "file_bytes"}
        no_network = networks_missing()
        no_internet = no_network or uplink_missing()
        if not no_network:
            held.add("network")
        if not disks_missing():
            held.add("disk")
        internet = f"not at all: {no_internet}" if no_internet else "as the machine does, by slirp4netns"
        network_fix = INSTALL_UPLINK if no_internet and not no_network else ""
        if no_network:
            internet = f"as the machine does, and all else that the machine reaches: {no_network}"
        if self.cgroups.version:
            held |= {"memory", "processes", *({"cpu"} & set(self.cgroups.homes))}
            why = f"bubblewrap with control groups version {self.cgroups.version}"
            return Probe(self.name, True, why, network_fix, frozenset(held), internet)
        why = "bubblewrap without control groups: memory is limited for each process (address space) and not for the whole tree"
        fix = "run as root, or give the user a delegated cgroup: systemd-run --user --scope -p Delegate=yes cloudjar up"
        return Probe(self.name, True, why, fix, frozenset(held), internet)

    def prepare(self) -> None:
        """Also read what all sandboxes show of the host's /etc."""
        super().prepare()
        if self._host is None:
            self._host = read_host()
        self._networks.prepare()

    async def network(self) -> Network | None:
        """A network of its own for one spec; see Driver.network. Raises Unsupported."""
        return await self._networks.take()

    async def disk(self, size_bytes: int) -> Disk | None:
        """A disk for one spec; see Driver.disk."""
        return await self._disks.take(size_bytes)

    def _dress(self, spec: Spec) -> tuple[Spec, list[int]]:
        """The spec with what its network brings, and descriptors of what its programs have to enter. Raises BadSpec."""
        if spec.network in ("host", "none"):
            return spec, []
        try:
            return self._networks.find(spec.network).dress(spec), self._networks.descriptors(spec.network)
        except KeyError:
            raise BadSpec(f"no such network: {spec.network!r}") from None

    async def _launch(self, run: Run) -> None:
        check(run.spec)
        spec, namespaces = self._dress(run.spec)
        if self._bwrap is None:
            raise Unsupported(self.probe().why)
        for source in ([spec.rootfs] if spec.rootfs != HOST else []) + [mount.source for mount in spec.mounts]:
            if not self._disks.holds(source) and not os.path.exists(source):
                raise StartFailed(f"no such file or directory: {source}")
        if self._host is None:
            self._host = read_host()
        # Descriptors: 0 /dev/null, 1 and 2 output, 3 arguments, 4 status, then the contents of files.
        plan = launch(spec, self._host, as_root=self._as_root, first_descriptor=5)
        arguments = ["--json-status-fd", "4", *plan.arguments]
        split = arguments.index("--")
        data = b"\0".join(os.fsencode(text) for text in arguments[:split]) + b"\0"
        # Through a descriptor, so that no other user of the machine reads the environment with ps.
        files = [memory_file(content) for content in (data, *plan.contents)]
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        splitter = LineSplitter()
        status = Reader(lambda data: _on_status(run, splitter.feed(data), ready))
        run.status = status
        program = Program(
            argv=[self._bwrap, "--args", "3", *arguments[split:]],
            env={},
            rlimits=self._rlimits(spec),
            join=run.group.procs_files if run.group else (),
            namespaces=len(namespaces),
            seat=run.seat,
        )
        try:
            await self._spawn(run, program, [files[0], status.writer, *files[1:], *namespaces], _BWRAP_PROCESSES)
        finally:
            status.close_writer()
            for fd in files:
                os.close(fd)
        await first_of(ready, run.ended)

    def _rlimits(self, spec: Spec) -> list[tuple[int, int]]:
        limits = [(resource.RLIMIT_CORE, 0)]
        if spec.limits.open_files is not None:
            limits.append((resource.RLIMIT_NOFILE, spec.limits.open_files))
        if spec.limits.file_bytes is not None and spec.rootfs != HOST:
            limits.append((resource.RLIMIT_FSIZE, spec.limits.file_bytes))
        if not self.cgroups.version and spec.limits.memory_bytes is not None:
            limits.append((resource.RLIMIT_AS, spec.limits.memory_bytes))
        return limits

    def _failed(self, run: Run, code: int | None) -> bool:
        """bwrap's own failures exit with 1, and it tells an exit code only of a program that it ran."""
        return code == 1 and not run.ran

    def _children(self, run: Run) -> list[int]:
        """The children of the sandbox's init; the first one is the program."""
        try:
            return [int(pid) for pid in Path(f"/proc/{run.init_pid}/task/{run.init_pid}/children").read_text().split()]
        except OSError:
            return []

    async def _wait_for_program(self, run: Run) -> None:
        """bwrap's init has a child once all is mounted; nothing else tells us so."""
        while not run.ended.done() and not self._children(run):
            await asyncio.sleep(0.001)

    def _signal_program(self, run: Run, number: int) -> None:
        """To the program alone, as `docker stop` does. From outside, a namespace's init gets no signal but SIGKILL."""
        for pid in self._children(run)[:1]:
            try:
                fd = os.pidfd_open(pid)
            except OSError:
                return
            try:
                signal.pidfd_send_signal(fd, number)
            except ProcessLookupError:
                pass
            finally:
                os.close(fd)

    def _kill(self, run: Run) -> None:
        """The end of a namespace's init is the end of all in it."""
        if run.group is not None:
            run.group.thaw()
        self._kill_init(run)
        if run.init_fd < 0:
            self.spawner.signal(run.pid, signal.SIGKILL)

    def _kill_init(self, run: Run) -> None:
        if run.init_fd >= 0:
            try:
                signal.pidfd_send_signal(run.init_fd, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _on_end(self, run: Run, ended: Ended) -> None:
        """bwrap itself ends when the program does; what the program has left behind may be there a moment longer."""
        if run.status is not None:
            run.status.finish()
        if run.init_fd < 0:
            super()._on_end(run, ended)
            return
        self._kill_init(run)
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(run.init_fd)
            os.close(run.init_fd)
            run.init_fd = -1
            super(Sandbox, self)._on_end(run, ended)

        loop.add_reader(run.init_fd, gone)

    async def close(self) -> None:
        """Kill all, and let the networks go."""
        self._networks.close()
        self._disks.close()
        await super().close()
        self._disks.sweep()

    def real_path(self, id: str, target: str) -> str:
        """The name on the host of a path inside one of its mounts."""
        for mount in reversed(self._find(id).spec.mounts):
            if target == mount.target or target.startswith(mount.target.rstrip("/") + "/"):
                return mount.source + target[len(mount.target) :]
        raise KeyError(target)

    async def exec(self, id: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, limit: int = 1 << 20) -> Completed:
        """Run one more program in the namespaces and the group of a running one."""
        run = self._find(id)
        if self._nsenter is None:
            raise Unsupported("nsenter (util-linux) is not installed")
        await self._wait_for_program(run)
        spec = run.spec
        both = {**spec.env, **(env or {})}
        command = [self._nsenter, f"--target={run.init_pid}", "--mount", "--uts", "--ipc", "--pid", "--root"]
        if spec.network == "none":
            command.append("--net")
        # An ordinary user must be in it before nsenter: it belongs to an outer user namespace, which cannot be entered afterwards.
        _, namespaces = self._dress(spec)
        if self._as_root and spec.rootfs == HOST and spec.user[0] != 0:
            command += ["--", *setpriv(spec.user)]
        else:
            command += ["--user", "--preserve-credentials", "--"]
        prefix = env_prefix(both) or ["/usr/bin/env"]
        command += [prefix[0], f"--chdir={spec.cwd}", *prefix[1:], *file_limit(spec), *argv]
        safe = {name: value for name, value in both.items() if not unsafe(name)}
        program = Program(
            argv=command,
            env=safe,
            rlimits=self._rlimits(spec),
            join=run.group.procs_files if run.group else (),
            namespaces=len(namespaces),
            keep=True,
        )
        return await self._complete(run, program, limit, namespaces)


def _on_status(run: Run, lines: list[bytes], ready: asyncio.Future[None]) -> None:
    """bwrap writes one JSON object a line: first the init's pid, later the exit code."""
    for line in lines:
        try:
            status: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if "child-pid" in status:
            run.init_pid = status["child-pid"]
            run.init_fd = _open_init(run.init_pid)
            ready.set_result(None)
        if "exit-code" in status:
            run.ran = True


def _open_init(pid: int) -> int:
    """A descriptor of the sandbox's init; -1 if it has ended already, whoever may have its number now."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return -1
    try:
        if Path(f"/proc/{pid}/comm").read_text() == "bwrap\n":
            return fd
    except OSError:
        pass
    os.close(fd)
    return -1


def _user_namespaces() -> bool:
    """Whether an ordinary user may make user namespaces, by the kernel's own switches."""
    for switch in ("/proc/sys/kernel/unprivileged_userns_clone", "/proc/sys/user/max_user_namespaces"):
        try:
            if Path(switch).read_text().strip() == "0":
                return False
        except OSError:
            continue
    try:
        return Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").read_text().strip() != "1" or os.path.exists(
            "/etc/apparmor.d/bwrap-userns-restrict"
        )
    except OSError:
        return os.path.exists("/proc/self/ns/user")
