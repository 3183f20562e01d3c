"""What the drivers for real processes share: the table of what runs, its output, its end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from cloudjar.compute.cgroups import Cgroups, Group
from cloudjar.compute.driver import (
    AlreadyRunning,
    Completed,
    ExitStatus,
    Handle,
    Line,
    NotRunning,
    OnExit,
    OnOutput,
    StartFailed,
    Unsupported,
    Usage,
)
from cloudjar.compute.output import LineSplitter, Log, Reader
from cloudjar.compute.peers import holds, inode_of_peer
from cloudjar.compute.spawn import Ended, Program, Spawner
from cloudjar.compute.spec import Spec

if TYPE_CHECKING:
    from cloudjar.compute.disks import Disk
    from cloudjar.compute.networks import Network


class Run:
    """One spec that runs, and all that must be undone when it ends."""

    def __init__(self, spec: Spec, on_exit: OnExit, on_output: OnOutput | None) -> None:
        self.spec = spec
        self.on_exit = on_exit
        self.on_output = on_output
        self.log = Log(spec.log_bytes)
        self.group: Group | None = None
        self.seat = 0
        self.pid = 0
        self.init_pid = 0
        """The sandbox's init, by the host's number; 0 until it is known."""
        self.init_fd = -1
        self.ran = False
        self.status: Reader | None = None
        self.directory: str | None = None
        self.readers: list[tuple[str, Reader, LineSplitter]] = []
        self.killed_by: int | None = None
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    def take(self, stream: str, lines: Sequence[bytes]) -> None:
        """Number, keep and hand on lines of output."""
        for text in lines:
            line = self.log.append(stream, text)
            if self.on_output is not None:
                self.on_output(self.spec.id, line)


class Runs:
    """A driver's table of runs. A subclass says how one is launched, signalled and killed."""

    def __init__(self, spawner: Spawner, cgroups: Cgroups) -> None:
        self.spawner = spawner
        self.cgroups = cgroups
        self._runs: dict[str, Run] = {}
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._keys = count(1)
        self._spare: tuple[int, int, Group] | None = None

    async def _launch(self, run: Run) -> None:
        raise NotImplementedError

    def _failed(self, run: Run, code: int | None) -> bool:
        """Whether it ended before the program ran."""
        return False

    async def _wait_for_program(self, run: Run) -> None:
        """Until the launcher has made way for the program, or all is over."""

    def _signal_program(self, run: Run, number: int) -> None:
        raise NotImplementedError

    def _kill(self, run: Run) -> None:
        raise NotImplementedError

    def prepare(self) -> None:
        """Have the guard and a seat ready before the first start; see Driver.prepare."""
        self.spawner.prepare()
        self._prepare_seat()

    async def start(self, spec: Spec, on_exit: OnExit, on_output: OnOutput | None = None) -> Handle:
        """Run it; see Driver.start."""
        if spec.id in self._runs:
            raise AlreadyRunning(spec.id)
        run = Run(spec, on_exit, on_output)
        self._runs[spec.id] = run
        try:
            self._take_seat(run)
            await self._launch(run)
        except (OSError, ChildProcessError) as error:
            self._forget(run)
            raise StartFailed(str(error)) from error
        except BaseException:
            if run.pid and not run.ended.done():
                # Cancelled half-way: what has been started must not stay.
                self._kill(run)
            else:
                self._forget(run)
            raise
        self._prepare_seat()
        return Handle(spec.id, run.pid)

    async def stop(self, id: str, grace_seconds: float) -> ExitStatus:
        """SIGTERM, and SIGKILL after the grace; see Driver.stop."""
        run = self._find(id)
        await self._wait_for_program(run)
        self._signal_program(run, signal.SIGTERM)
        done, _ = await asyncio.wait([run.ended], timeout=grace_seconds)
        return run.ended.result() if done else await self.kill_run(run)

    async def kill(self, id: str) -> ExitStatus:
        """End it at once; see Driver.kill."""
        return await self.kill_run(self._find(id))

    async def kill_run(self, run: Run) -> ExitStatus:
        """Kill this very run, whatever may have its id by now, and wait."""
        if not run.ended.done():
            run.killed_by = signal.SIGKILL
            self._kill(run)
        return await asyncio.shield(run.ended)

    def list(self) -> list[Handle]:
        """What runs now."""
        return [Handle(run.spec.id, run.pid) for run in self._runs.values() if run.pid]

    def logs(self, id: str, after: int = 0) -> Sequence[Line]:
        """Lines that are still kept; see Driver.logs."""
        return self._find(id).log.after(after)

    def address(self, id: str) -> str:
        """The host's own loopback, for a spec on the host's network."""
        if self._find(id).spec.network != "host":
            raise Unsupported("it has no network")
        return "127.0.0.1"

    def take_output(self, id: str) -> None:
        """Read its pipes; see Driver.take_output."""
        run = self._find(id)
        for stream, reader, splitter in run.readers:
            reader.read_now()
            run.take(stream, splitter.finish())

    def peak_memory(self, id: str) -> int | None:
        """By the control group."""
        group = self._find(id).group
        return group.peak_memory() if group else None

    def usage(self, id: str) -> Usage:
        """Memory in use and at most, by the control group."""
        group = self._find(id).group
        return Usage(group.memory(), group.peak_memory()) if group else Usage(None, None)

    async def network(self) -> Network | None:
        """None but the host's; see Driver.network."""
        return None

    async def disk(self, size_bytes: int) -> Disk | None:
        """None: directories of the host are all that there is; see Driver.disk."""
        return None

    def is_peer(self, id: str, peer_port: int, own_port: int) -> bool:
        """By the socket's number, among the descriptors of the control group's processes; see Driver.is_peer."""
        run = self._runs.get(id)
        if run is None:
            return False
        inode = inode_of_peer(peer_port, own_port) if run.group else ""
        if run.group is None or not inode:
            return True
        try:
            return holds(run.group.members(), inode) is not False
        except OSError:
            return True

    async def freeze(self, id: str) -> None:
        """Halt all of it."""
        group = self._find(id).group
        try:
            if group is None:
                raise FileNotFoundError("no control groups")
            group.freeze()
        except OSError as error:
            raise Unsupported(f"this machine cannot freeze: {error}") from error

    async def thaw(self, id: str) -> None:
        """Let it go on."""
        group = self._find(id).group
        if group is None:
            raise Unsupported("this machine cannot freeze: no control groups")
        group.thaw()

    async def close(self) -> None:
        """Kill all, and leave nothing behind."""
        runs = list(self._runs.values())
        await asyncio.gather(*(self.kill_run(run) for run in runs if run.pid))
        await self.spawner.close()
        self.cgroups.close()
        if self._null >= 0:
            os.close(self._null)
            self._null = -1

    def _find(self, id: str) -> Run:
        run = self._runs.get(id)
        if run is None or not run.pid:
            raise NotRunning(id)
        return run

    def _take_seat(self, run: Run) -> None:
        """A control group, and the child that sits in it already if there is one."""
        if not self.cgroups.version:
            return
        spare, self._spare = self._spare, None
        if spare is None:
            run.group = self.cgroups.create()
            return
        generation, key, run.group = spare
        if generation == self.spawner.generation:
            run.seat = key

    def _prepare_seat(self) -> None:
        """Have the next start's control group entered while nobody waits."""
        if self.cgroups.version and self._spare is None:
            try:
                group = self.cgroups.create()
            except OSError:
                return
            key = next(self._keys)
            self.spawner.seat(key, group.procs_files)
            self._spare = (self.spawner.generation, key, group)

    async def _spawn(self, run: Run, program: Program, extra: Sequence[int], extra_processes: int) -> None:
        """Start the program with its output on our pipes and `extra` from descriptor 3 on."""
        if run.group is not None:
            run.group.limit(run.spec.limits, extra_processes)
        run.readers = [_reader(run, stream) for stream in ("stdout", "stderr")]
        out, err = (reader for _, reader, _ in run.readers)
        try:
            descriptors = [self._null, out.writer, err.writer, *extra]
            run.pid = await self.spawner.start(program, descriptors, lambda ended: self._on_end(run, ended))
        finally:
            out.close_writer()
            err.close_writer()

    def _on_end(self, run: Run, ended: Ended) -> None:
        if run.status is not None:
            run.status.finish()
        for stream, reader, splitter in run.readers:
            reader.finish()
            run.take(stream, splitter.finish())
        peak = run.group.peak_memory() if run.group else None
        oom = bool(run.group and run.group.oom_kills())
        code, number = exit_of(ended.status)
        failure = ""
        if self._failed(run, code):
            failure = b"\n".join(line.text for line in run.log.after(0)).decode(errors="replace")
        exit = ExitStatus(code, number, oom, peak or ended.peak_bytes or None, ended.cpu_seconds, failure)
        self._forget(run)
        run.ended.set_result(exit)
        run.on_exit(run.spec.id, exit)

    def _forget(self, run: Run) -> None:
        if run.seat and not run.pid:
            self.spawner.unseat(run.seat)
        if self._runs.get(run.spec.id) is run:
            del self._runs[run.spec.id]
        for _, reader, _ in run.readers:
            reader.finish()
        if run.status is not None:
            run.status.finish()
        if run.group is not None:
            self.cgroups.remove(run.group)
        if run.directory is not None:
            import shutil

            shutil.rmtree(run.directory, ignore_errors=True)
            run.directory = None

    async def _complete(self, run: Run, program: Program, limit: int, extra: Sequence[int] = ()) -> Completed:
        """Run a further program beside `run` to its end, keeping its output; `extra` are its descriptors from 3 on."""
        kept: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}

        def keeper(stream: str) -> Reader:
            return Reader(lambda data: kept[stream].extend(data[: max(0, limit - len(kept[stream]))]))

        over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        readers = [keeper("stdout"), keeper("stderr")]
        pid = 0
        try:
            descriptors = [self._null, *(reader.writer for reader in readers), *extra]
            pid = await self.spawner.start(program, descriptors, lambda ended: None if over.done() else over.set_result(ended))
            for reader in readers:
                reader.close_writer()
            await first_of(over, run.ended)
            if not over.done():
                # What it ran beside is gone, and takes it along.
                self._end_beside(pid)
            ended = await asyncio.shield(over)
        except asyncio.CancelledError:
            if pid:
                self._end_beside(pid)
            raise
        finally:
            for reader in readers:
                reader.finish()
        code, number = exit_of(ended.status)
        exit = ExitStatus(code, number, False, ended.peak_bytes or None, ended.cpu_seconds)
        return Completed(exit, bytes(kept["stdout"]), bytes(kept["stderr"]))

    def _end_beside(self, pid: int) -> None:
        from cloudjar.compute.guard import KILL_TREE

        self.spawner.signal(pid, KILL_TREE)


def _reader(run: Run, stream: str) -> tuple[str, Reader, LineSplitter]:
    splitter = LineSplitter()
    return stream, Reader(lambda data: run.take(stream, splitter.feed(data))), splitter


async def first_of(*futures: asyncio.Future[Any]) -> None:
    """Wait for one of them; unlike awaiting them, being cancelled cancels none."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def exit_of(status: int) -> tuple[int | None, int | None]:
    """A wait status as (code, signal). Launchers and shells report a signal as 128 and its number; it is read back so."""
    if os.WIFSIGNALED(status):
        return None, os.WTERMSIG(status)
    code = os.WEXITSTATUS(status)
    if 128 < code <= 128 + signal.NSIG - 1:
        return None, code - 128
    return code, None


def memory_file(content: bytes) -> int:
    """A descriptor that reads `content` from its start."""
    fd = os.memfd_create("cloudjar")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
