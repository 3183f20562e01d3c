"""The `process` driver: plain processes, for machines without bubblewrap. It isolates nothing, and says so."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloudjar.compute.cgroups import Cgroups
from cloudjar.compute.driver import Completed, Probe, StartFailed, Unsupported
from cloudjar.compute.guard import KILL_TREE
from cloudjar.compute.owner import is_orphan, owner_name
from cloudjar.compute.runs import Run, Runs
from cloudjar.compute.spawn import Program, Spawner
from cloudjar.compute.spec import HOST, BadSpec, Spec, check

_KEEPER_PROCESSES = 1


class Process(Runs):
    """Runs a spec as ordinary processes of the jar's own user, on the host's file system.

    Nothing can be mounted here. A path of the spec that lies in one of its mounts, tmpfs or files is written as the
    real one instead, in argv, in cwd and in the elements of the environment's path lists; a program that has such a
    path built in, or that reads it from a file, does not find it. Mounts are as writable as the host's files are.
    """

    name = "process"

    def __init__(self, directory: Path | None = None, spawner: Spawner | None = None, cgroups: Cgroups | None = None) -> None:
        """`directory` is where the specs' private directories go; by default below the machine's own temporary one."""
        super().__init__(spawner or Spawner(), cgroups or Cgroups())
        self._parent = directory or Path(tempfile.gettempdir())
        self._home: Path | None = None

    def probe(self) -> Probe:
        """It works wherever Python does; what it can hold to depends on control groups."""
        held = {"open_files", "file_bytes"}
        why = "plain processes without isolation"
        if self.cgroups.version:
            held |= {"memory", "processes", *({"cpu"} & set(self.cgroups.homes))}
            why += f", with control groups version {self.cgroups.version}"
        else:
            why += "; memory is limited for each process (address space) and not for the whole tree"
        fix = "install bubblewrap (bwrap)" if sys.platform == "linux" else "run the jar on Linux"
        return Probe(self.name, True, why, fix, frozenset(held), internet="as the machine does, and all else that the machine reaches")

    async def _launch(self, run: Run) -> None:
        spec = run.spec
        check(spec)
        if spec.rootfs != HOST:
            raise Unsupported("the process driver has no root file system but the host's")
        if spec.network == "none":
            raise Unsupported("the process driver has no network but the host's")
        if spec.network != "host":
            raise BadSpec(f"no such network: {spec.network!r}")
        for mount in spec.mounts:
            if not os.path.exists(mount.source):
                raise StartFailed(f"no such file or directory: {mount.source}")
        run.directory = self._make_directory(spec)
        await self._spawn(run, self._program(run, spec.argv, spec.env), (), _KEEPER_PROCESSES)

    def _program(self, run: Run, argv: Sequence[str], env: Mapping[str, str]) -> Program:
        spec = run.spec
        real = {name: self._real_text(run, value) for name, value in env.items()}
        if any(tmpfs.target == "/tmp" for tmpfs in spec.tmpfs):
            real.setdefault("TMPDIR", self._real_text(run, "/tmp"))
        limits = [(resource.RLIMIT_CORE, 0)]
        if spec.limits.open_files is not None:
            limits.append((resource.RLIMIT_NOFILE, spec.limits.open_files))
        if spec.limits.file_bytes is not None:
            limits.append((resource.RLIMIT_FSIZE, spec.limits.file_bytes))
        if not self.cgroups.version and spec.limits.memory_bytes is not None:
            limits.append((resource.RLIMIT_AS, spec.limits.memory_bytes))
        return Program(
            argv=[self._real_text(run, text) for text in argv],
            env=real,
            cwd=self._real_text(run, spec.cwd),
            rlimits=limits,
            join=run.group.procs_files if run.group else (),
            keep=True,
            seat=run.seat,
        )

    def _make_directory(self, spec: Spec) -> str:
        """A directory for what the spec's tmpfs and files stand for."""
        if self._home is None:
            self._parent.mkdir(parents=True, exist_ok=True)
            for name in os.listdir(self._parent):
                if is_orphan(name):
                    shutil.rmtree(self._parent / name, ignore_errors=True)
            number = 1
            while self._home is None:
                try:
                    home = self._parent / owner_name(number)
                    home.mkdir(mode=0o700)
                    self._home = home
                except FileExistsError:
                    number += 1
        directory = tempfile.mkdtemp(dir=self._home)
        for tmpfs in spec.tmpfs:
            os.makedirs(directory + tmpfs.target, exist_ok=True)
        for target, content in spec.files.items():
            path = Path(directory + target)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o444)
        return directory

    def _real(self, run: Run, target: str) -> str | None:
        """The host's name of a path of the spec; None for one that is the host's already."""
        for mount in reversed(run.spec.mounts):
            if _within(target, mount.target):
                return mount.source + target[len(mount.target.rstrip("/")) :]
        for tmpfs in run.spec.tmpfs:
            if _within(target, tmpfs.target):
                return f"{run.directory}{target}"
        return f"{run.directory}{target}" if target in run.spec.files else None

    def _real_text(self, run: Run, text: str) -> str:
        """An argument or a list of paths, with every path of the spec made real."""
        return ":".join(self._real(run, part) or part for part in text.split(":"))

    def real_path(self, id: str, target: str) -> str:
        """The name on the host of a path inside one of its mounts, tmpfs or files."""
        real = self._real(self._find(id), target)
        if real is None:
            raise KeyError(target)
        return real

    def _signal_program(self, run: Run, number: int) -> None:
        self.spawner.signal(run.pid, number)

    def _kill(self, run: Run) -> None:
        if run.group is not None:
            run.group.thaw()
        self.spawner.signal(run.pid, KILL_TREE)

    async def exec(self, id: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, limit: int = 1 << 20) -> Completed:
        """Run one more program with the same environment, directory and limits."""
        run = self._find(id)
        program = self._program(run, argv, {**run.spec.env, **(env or {})})
        return await self._complete(run, program, limit)

    async def close(self) -> None:
        """Kill all, and remove the private directories."""
        await super().close()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
