"""Blobs: large values as immutable files, shared by worlds. Records hold `Blob` values, never bytes beyond a few KiB.

A file's name is its id, unique for ever, so a fork shares files with its parent without copying or counting, and
nobody has to hash a gigabyte to store it. `sweep` removes files that no record holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from cloudjar.kernel.ids import secret_bytes

INLINE_BYTES = 4096
"""Values up to this size live in the record itself: one read, no file."""


class Blob(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that may be large. Either `inline` holds it, or the file named `id` does."""

    size: int
    id: str = ""
    inline: bytes = b""


EMPTY = Blob(0)


class BlobWriter:
    """Writes one new blob. `finish` makes it; `abort` (or never finishing) leaves nothing behind."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._id = ""
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends; goes to a file once past INLINE_BYTES."""
        self.size += len(data)
        if self._file is None:
            if self.size <= INLINE_BYTES:
                self._buffer += data
                return
            self._id = secret_bytes(16).hex()
            self._path = self._store.incoming / self._id
            self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115 - closed by finish or abort
            if self._buffer:
                self._file.write(self._buffer)
                self._buffer.clear()
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> Blob:
        """Closes the file, gives it its final name, and says what to keep in a record."""
        if self._file is None:
            return Blob(self.size, inline=bytes(self._buffer))
        self._file.close()
        assert self._path is not None
        self._store.adopt(self._path, self._id)
        self._file = None
        return Blob(self.size, self._id)

    def abort(self) -> None:
        """Throws away what was written."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = None


class BlobStore:
    """The blob files of one jar, under one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.incoming = directory / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True)
        self._made: set[str] = {entry.name for entry in os.scandir(directory) if len(entry.name) == 2}

    def writer(self) -> BlobWriter:
        """A writer for one new blob."""
        return BlobWriter(self)

    def put(self, data: bytes) -> Blob:
        """Stores bytes that are already here."""
        if len(data) <= INLINE_BYTES:
            return Blob(len(data), inline=data)
        writer = self.writer()
        writer.write(data)
        return writer.finish()

    def path(self, blob: Blob) -> Path:
        """The file of a blob that is not inline."""
        if not blob.id:
            raise ValueError("an inline blob has no file")
        return self.directory / blob.id[:2] / blob.id

    def read(self, blob: Blob, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes [start, stop) of a blob."""
        if not blob.id:
            return blob.inline[start:stop]
        with open(self.path(blob), "rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else max(0, stop - start))

    def adopt(self, path: Path, blob_id: str) -> None:
        """Moves a finished file of the same disk into its place."""
        folder = blob_id[:2]
        if folder not in self._made:
            (self.directory / folder).mkdir(exist_ok=True)
            self._made.add(folder)
        os.rename(path, self.directory / folder / blob_id)

    def sweep(self, held: Iterable[str], older_than: float) -> int:
        """Removes files that are not in `held` and were last changed before `older_than` (wall seconds); says how many."""
        keep = set(held)
        removed = 0
        for folder in os.scandir(self.directory):
            if not folder.is_dir():
                continue
            for entry in os.scandir(folder.path):
                if (folder.name == "incoming" or entry.name not in keep) and entry.stat().st_mtime < older_than:
                    os.unlink(entry.path)
                    removed += 1
        return removed
