"""The worlds of one jar: their folders, forks, snapshots and exports."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cloudjar.kernel import keys
from cloudjar.kernel.blobs import BlobStore
from cloudjar.kernel.host import Host
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.records import BLOBS_PREFIX
from cloudjar.kernel.store import Store, StoreUnreadable
from cloudjar.kernel.world import World

if TYPE_CHECKING:
    import tarfile

DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class WorldProblem(Exception):
    """A world, snapshot or file that cannot be used as asked; the text says what to do."""


class WorldInfo(msgspec.Struct, frozen=True):
    """What is known of a world without opening it."""

    name: str
    parent: str = ""
    port: int = 0
    """The port of its endpoint when it last had one; 0 if it never had."""


class Worlds:
    """Opens, forks and keeps worlds under one directory: worlds/NAME/, snapshots/NAME/."""

    def __init__(
        self, directory: Path, blobs: BlobStore, host: Host, *, flush_each_commit: bool = False, seed: bytes | None = None
    ) -> None:
        self.directory = directory
        self.blobs = blobs
        self._host = host
        self._flush_each_commit = flush_each_commit
        self._seed = seed
        self.open_worlds: dict[str, World] = {}
        self.changing: dict[str, asyncio.Event] = {}
        """Worlds that are being closed, to be replaced or dropped."""
        self.flushing = asyncio.Lock()
        """Held while another thread flushes a store, and while one is closed."""
        shutil.rmtree(directory / "scratch", ignore_errors=True)
        (directory / "worlds").mkdir(parents=True, exist_ok=True)
        (directory / "snapshots").mkdir(exist_ok=True)

    def names(self) -> list[str]:
        """All worlds, open or not, by name."""
        return sorted(entry.name for entry in (self.directory / "worlds").iterdir() if (entry / "data.mdb").exists())

    def info(self, name: str) -> WorldInfo:
        """What is known of a world."""
        file = self._folder(name) / "world.json"
        return msgspec.json.decode(file.read_bytes(), type=WorldInfo) if file.exists() else WorldInfo(name)

    def keep_info(self, info: WorldInfo) -> None:
        """Stores what is known of a world."""
        _write(self._folder(info.name) / "world.json", msgspec.json.encode(info))

    def remember_port(self, name: str, port: int) -> None:
        """Keeps the port of a world's endpoint for the next start."""
        self.keep_info(msgspec.structs.replace(self.info(name), port=port))

    def open(self, name: str) -> World:
        """The world of that name, opened or made if need be; its background work started."""
        found = self.open_worlds.get(name)
        if found is None:
            if name in self.changing:
                raise WorldProblem(f"The world {name!r} is just being replaced. Try again.")
            folder = self._folder(name)
            try:
                found = World(name, folder, self.blobs, self._host, flush_each_commit=self._flush_each_commit, seed=self._seed)
            except StoreUnreadable as problem:
                raise WorldProblem(f"The world {name!r} cannot be read: {problem}. Move {folder} away, or drop the world.") from problem
            self.open_worlds[name] = found
            found.start()
        return found

    async def changed(self, name: str) -> None:
        """Returns when nobody is replacing a world."""
        while name in self.changing:
            await self.changing[name].wait()

    @asynccontextmanager
    async def _replacing(self, name: str) -> AsyncIterator[None]:
        """Closes a world, and keeps it closed while its folder is worked on."""
        await self.changed(name)
        over = self.changing[name] = asyncio.Event()
        try:
            if name in self.open_worlds:
                await self._close(self.open_worlds[name])
            yield
        finally:
            del self.changing[name]
            over.set()

    def require(self, name: str) -> None:
        """WorldProblem if there is no world of that name, readable or not."""
        if name not in self.open_worlds and name not in self.names():
            raise WorldProblem(f"There is no world named {name!r}. `cloudjar world list` shows them.")

    def existing(self, name: str) -> World:
        """The world of that name; WorldProblem if there is none."""
        self.require(name)
        return self.open(name)

    def fork(self, source: str, name: str) -> World:
        """An independent copy of a world, under a new name."""
        target = self._new_folder(name)
        self._copy(self.existing(source), target)
        self.keep_info(WorldInfo(name, parent=source))
        return self.open(name)

    async def drop(self, name: str) -> None:
        """Closes a world and removes its folder. Its blobs go with the next sweep."""
        self.require(name)
        async with self._replacing(name):
            shutil.rmtree(self._folder(name))

    def save(self, name: str, snapshot: str) -> None:
        """Keeps a world's present state under a snapshot's name, replacing an earlier one."""
        world = self.existing(name)
        target = self._snapshot(snapshot)
        fresh = target.with_name(target.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._copy(world, fresh)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)

    async def restore(self, name: str, snapshot: str) -> World:
        """Puts a world back to a snapshot; its own present state is lost."""
        source = self._snapshot(snapshot)
        if not source.exists():
            raise WorldProblem(f"There is no snapshot named {snapshot!r}. `cloudjar world list` shows them.")
        async with self._replacing(name):
            folder = self._folder(name)
            info = self.info(name)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shutil.copyfile(source / "data.mdb", folder / "data.mdb")
            self.keep_info(info)
        return self.open(name)

    async def reset(self, name: str) -> World:
        """Empties a world."""
        async with self._replacing(name):
            info = self.info(name)
            shutil.rmtree(self._folder(name), ignore_errors=True)
            self._folder(name).mkdir(parents=True)
            self.keep_info(info)
        return self.open(name)

    def snapshots(self) -> list[str]:
        """The names of all snapshots."""
        return sorted(entry.name for entry in (self.directory / "snapshots").iterdir() if (entry / "data.mdb").exists())

    def drop_snapshot(self, snapshot: str) -> None:
        """Removes a snapshot."""
        target = self._snapshot(snapshot)
        if not target.exists():
            raise WorldProblem(f"There is no snapshot named {snapshot!r}.")
        shutil.rmtree(target)

    def export(self, name: str, file: Path) -> None:
        """Writes a world, with its blobs, into one tar file."""
        self.pack(self.copy_out(name), file)

    def copy_out(self, name: str) -> Path:
        """A copy of a world's present state, for `pack`, in the scratch folder."""
        world = self.existing(name)
        copy = self.scratch() / secret_bytes(8).hex()
        self._copy(world, copy)
        return copy

    def _copy(self, world: World, directory: Path) -> None:
        world.meter.flush()  # A copy has what was counted so far.
        world.store.copy(directory)

    def pack(self, copy: Path, file: Path) -> None:
        """Writes a copy, with its blobs, into one tar file, and removes the copy. May run in another thread."""
        import tarfile

        partial = file.with_name(file.name + ".part")
        try:
            held = self._held_in("", copy)
            with tarfile.open(partial, "w") as tar:
                tar.add(copy / "data.mdb", "data.mdb")
                for blob_id in sorted(held):
                    tar.add(self.blobs.directory / blob_id[:2] / blob_id, f"blobs/{blob_id}")
            partial.rename(file)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
            partial.unlink(missing_ok=True)

    def import_(self, file: Path, name: str) -> World:
        """Makes a world from an exported file, under a new name."""
        self.check_new(name)
        return self.adopt(self.unpack(file), name)

    def unpack(self, file: Path) -> Path:
        """The state in an exported file, in the scratch folder, for `adopt`; its blobs are stored. May run in another thread."""
        import tarfile

        folder = self.scratch() / secret_bytes(8).hex()
        folder.mkdir()
        try:
            with tarfile.open(file) as tar:
                for member in tar:
                    self._unpack_member(tar, member, folder)
            if not (folder / "data.mdb").exists():
                raise WorldProblem("This is not an exported world: it holds no data.mdb.")
        except (tarfile.TarError, EOFError) as problem:
            shutil.rmtree(folder, ignore_errors=True)
            raise WorldProblem(f"This is not an exported world: {problem}.") from problem
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def adopt(self, folder: Path, name: str) -> World:
        """Makes an unpacked state a world."""
        try:
            target = self._new_folder(name)
            # A file that is no store is refused while it is nobody's yet.
            Store(folder).close()
            folder.rename(target)
        except StoreUnreadable as problem:
            raise WorldProblem(f"This is not an exported world: {problem}.") from problem
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.keep_info(WorldInfo(name))
        return self.open(name)

    def _unpack_member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
        stream = tar.extractfile(member) if member.isreg() else None
        if stream is None or not re.fullmatch(r"data\.mdb|blobs/[0-9a-f]{32}", member.name):
            raise WorldProblem(f"This is not an exported world: it holds {member.name!r}.")
        if member.name == "data.mdb":
            with open(folder / "data.mdb", "wb") as out:
                shutil.copyfileobj(stream, out)
            return
        blob_id = member.name.removeprefix("blobs/")
        known = self.blobs.directory / blob_id[:2] / blob_id
        if known.exists():
            known.touch()  # Its last holder may have gone; the sweep spares what is young.
        else:
            incoming = self.blobs.incoming / blob_id
            with open(incoming, "wb") as out:
                shutil.copyfileobj(stream, out)
            self.blobs.adopt(incoming, blob_id)

    def scratch(self) -> Path:
        """A folder for files that only last as long as one piece of work; it is emptied at the next start."""
        folder = self.directory / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def check_new(self, name: str) -> None:
        """WorldProblem unless a world of that name can be made."""
        self._new_folder(name)

    def sweep_blobs(self, older_than: float) -> int:
        """Removes blob files that no world and no snapshot holds; says how many."""
        return self.blobs.sweep(self.held_blobs(), older_than)

    def held_blobs(self) -> set[str]:
        """The ids of the blobs that some world or snapshot holds."""
        held: set[str] = set()
        for name in self.names():
            held.update(self._held_in(name, self._folder(name)))
        for snapshot in self.snapshots():
            held.update(self._held_in("", self._snapshot(snapshot)))
        return held

    async def flush(self) -> None:
        """Forces onto the disk, in another thread, what was committed."""
        for name in list(self.open_worlds):
            # A store must not be closed while another thread flushes it.
            async with self.flushing:
                world = self.open_worlds.get(name)
                if world is not None and world.store.dirty:
                    await self._host.offload(world.store.flush)

    async def close(self) -> None:
        """Closes all worlds."""
        for world in list(self.open_worlds.values()):
            await self._close(world)

    async def _close(self, world: World) -> None:
        del self.open_worlds[world.name]
        async with self.flushing:
            await world.close()

    def _held_in(self, name: str, folder: Path) -> set[str]:
        if name in self.open_worlds:
            return set(_held(self.open_worlds[name].store))
        store = Store(folder)
        try:
            return set(_held(store))
        finally:
            store.close()

    def _folder(self, name: str) -> Path:
        return self.directory / "worlds" / _checked(name)

    def _snapshot(self, name: str) -> Path:
        return self.directory / "snapshots" / _checked(name)

    def _new_folder(self, name: str) -> Path:
        folder = self._folder(name)
        if folder.exists():
            raise WorldProblem(f"A world named {name!r} exists. Drop it first, or choose another name.")
        return folder


def _held(store: Store) -> Iterator[str]:
    with store.transaction() as txn:
        for key, _ in txn.range(BLOBS_PREFIX, keys.after_prefix(BLOBS_PREFIX)):
            blob_id = keys.decode(key)[3]
            assert isinstance(blob_id, str)
            yield blob_id


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise WorldProblem(f"{name!r} cannot be a name: use up to 64 letters, digits, '.', '_' and '-', starting with a letter or digit.")
    return name


def _write(file: Path, data: bytes) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.write_bytes(data)
    fresh.rename(file)
