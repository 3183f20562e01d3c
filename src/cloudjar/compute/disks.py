"""Disks of a limited size, ready before they are wanted: what a sandbox may fill, and no more, outside its memory."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import deque
from pathlib import Path

from cloudjar.compute import loopdisk
from cloudjar.compute.maker import Maker
from cloudjar.compute.spawn import Ended, Program, Spawner

READY = 4
"""How many of the size that was wanted last wait for a sandbox."""
REFILL_SECONDS = 0.1
"""They are made again when no other was wanted for so long: not while what they were wanted for starts."""
_FORMAT = "mkfs.ext4"
_PATH = "/usr/sbin:/sbin:/usr/bin"
# No journal: nobody mounts it twice. Nothing is set aside for root.
_OPTIONS = ("-q", "-F", "-O", "^has_journal,^resize_inode", "-m", "0", "-E", "lazy_itable_init=1,nodiscard")
_OVERHEAD = 24 << 20
"""What a file system needs for itself, at least; it needs a fiftieth of a large disk too."""


def why_not() -> str:
    """Why there are none on this machine; "" if there are."""
    if os.geteuid() != 0:
        return "only root mounts disks"
    if not os.path.exists("/dev/loop-control"):
        return "there are no loop devices"
    return "" if shutil.which(_FORMAT, path=_PATH) else f"{_FORMAT} is not installed"


class Disk:
    """One sandbox's disk: an empty directory that holds so much. Whoever asked for it closes it, when the sandbox is gone."""

    def __init__(self, number: int, size: int, path: str, maker: Maker) -> None:
        self.number = number
        self.size = size
        self.path = path
        """Where it is for programs that the driver starts, and for nobody else."""
        self._maker = maker

    async def close(self) -> None:
        """Takes it away, with all that is on it."""
        try:
            await self._maker.ask_descriptors({"unmount": self.number})
        except OSError:
            # The maker is gone, and with it every mount of its.
            return


class Disks:
    """The disks of one driver, in a directory of the jar's."""

    def __init__(self, spawner: Spawner, directory: Path | None) -> None:
        self.directory = directory
        self._spawner = spawner
        self._maker: Maker | None = None
        self._ready: deque[Disk] = deque()
        self._templates: dict[int, asyncio.Future[str]] = {}
        self._size = 0
        self._number = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._filling: asyncio.Task[None] | None = None
        self._problem = "" if directory is not None else "the jar gives no directory for them"
        self._closed = False

    async def take(self, size: int) -> Disk | None:
        """A disk of so many bytes; None where this machine gives none."""
        if self._problem or (self._maker is None and not self._found()):
            return None
        if size != self._size:
            self._size = size
            while self._ready:
                await self._ready.popleft().close()
        try:
            disk = self._ready.popleft() if self._ready else await self._make()
        except (OSError, ChildProcessError) as problem:
            self._problem = str(problem)
            return None
        if not self._closed:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = asyncio.get_running_loop().call_later(REFILL_SECONDS, self._refill)
        return disk

    def holds(self, path: str) -> bool:
        """Whether a path is one of a disk: the jar itself does not see it."""
        return self.directory is not None and path.startswith(f"{self.directory}/")

    def sweep(self) -> None:
        """Removes the empty directories that disks were mounted on, once the guard is gone."""
        if self._maker is not None and self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)

    def close(self) -> None:
        """Ends all: the mounts go with the guard."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._filling is not None:
            self._filling.cancel()
        if self._maker is not None:
            self._maker.close()
        self._ready.clear()

    def _found(self) -> bool:
        """The first time: a directory without what an earlier jar left, empty mount points and at most a file."""
        assert self.directory is not None
        self._problem = why_not()
        if self._problem:
            return False
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o711, parents=True)
        own = str(os.stat("/proc/self/ns/mnt").st_ino)
        self._maker = Maker(self._spawner, loopdisk.__file__, "of disks", (str(self.directory), own))
        return True

    def _refill(self) -> None:
        self._alarm = None
        if self._filling is None and not self._closed:
            self._filling = asyncio.get_running_loop().create_task(self._fill())
            self._filling.add_done_callback(self._filled)

    async def _fill(self) -> None:
        while len(self._ready) < READY and not self._closed:
            self._ready.append(await self._make())

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled():
            # Whoever takes one will learn of it.
            task.exception()

    async def _make(self) -> Disk:
        assert self._maker is not None
        self._number += 1
        number, size = self._number, self._size
        if size not in self._templates:
            self._templates[size] = asyncio.ensure_future(self._format(size))
        template = await asyncio.shield(self._templates[size])
        await self._maker.ask_descriptors({"mount": [number, template]})
        return Disk(number, size, f"{self.directory}/{number}", self._maker)

    async def _format(self, size: int) -> str:
        """The file of an empty file system, for copies. Raises OSError."""
        image = f"{self.directory}/{size}.empty"
        with open(image, "wb") as file:
            file.truncate(size + max(_OVERHEAD, size // 50))
        over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            tool = shutil.which(_FORMAT, path=_PATH) or _FORMAT
            await self._spawner.start(Program(argv=[tool, *_OPTIONS, image], env={}), [null, null, null], over.set_result)
        finally:
            os.close(null)
        if (await over).status:
            raise OSError(f"{_FORMAT} failed")
        return image
