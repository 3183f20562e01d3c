"""An ordered, transactional key-value store in one LMDB file. Nothing above this file knows LMDB.

One process and one thread use a store; a write transaction runs to its end without waiting. Keys longer than LMDB's
limit share an entry with their neighbours of the same first bytes, in order, so that callers see no limit.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import msgspec

# LMDB's pages are mapped, not loaded: a large map costs address space only.
FIRST_MAP_BYTES = 64 << 20
HEADROOM_BYTES = 32 << 20
_LONGEST_KEY = 500  # LMDB's own limit is 511
# Rows fetched at a time, so that callers may change what they walk over: few at first, because many walks end at their first rows.
_FIRST_BATCH = 4
_LARGEST_BATCH = 64
_LONG_ENTRY = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])


class StoreFull(Exception):
    """The transaction wrote more than the map had room for. It was aborted, the map has grown: run it again."""


class StoreUnreadable(Exception):
    """The file is not a store, or is broken."""


class Transaction:
    """One write transaction: sees its own writes; all or nothing. Obtained from `Store.transaction`."""

    __slots__ = ("_env", "_on_commit", "_txn", "bytes_written", "seen")

    def __init__(self, env: lmdb.Environment, txn: Any) -> None:
        self._env = env
        # The binding's annotations allow for memoryviews, which only come where buffers are asked for.
        self._txn = txn
        self._on_commit: list[Callable[[], None]] = []
        self.bytes_written = 0
        self.seen: dict[bytes, Any] = {}
        """What readers made of the values of keys, for `Context` to keep; a key that changes is forgotten."""

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        if len(key) > _LONGEST_KEY:
            return self._long_get(key)
        found: bytes | None = self._txn.get(key)
        return found

    def put(self, key: bytes, value: bytes) -> None:
        """Sets `key` to `value`, replacing what was there."""
        if self.seen:
            self.seen.pop(key, None)
        if len(key) > _LONGEST_KEY:
            self._long_put(key, value)
            return
        self.bytes_written += len(key) + len(value)
        self._txn.put(key, value)

    def delete(self, key: bytes) -> bool:
        """Removes `key`; says whether it was there."""
        if self.seen:
            self.seen.pop(key, None)
        if len(key) > _LONGEST_KEY:
            return self._long_put(key, None)
        self.bytes_written += len(key)
        return bool(self._txn.delete(key))

    def range(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of start <= key < stop, in order or backwards. b"" as `stop` means the end of the store."""
        seen: bytes | None = None
        size = _FIRST_BATCH
        while True:
            batch = self._batch_down(start, stop, seen, size) if reverse else self._batch_up(start, stop, seen, size)
            for row in batch:
                yield row
                seen = row[0]
            if len(batch) < size:
                return
            size = min(2 * size, _LARGEST_BATCH)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Calls back after the outermost commit; forgotten if the surrounding mark or transaction aborts."""
        self._on_commit.append(callback)

    def expects(self, callback: Callable[[], None]) -> bool:
        """Whether `on_commit` was called with it, and nothing has rolled that back."""
        return callback in self._on_commit

    @contextmanager
    def mark(self) -> Iterator[None]:
        """A nested transaction: an exception inside rolls back to here, and goes on up."""
        parent, callbacks = self._txn, len(self._on_commit)
        child = self._txn = self._env.begin(write=True, parent=parent)
        try:
            yield
        except BaseException:
            child.abort()
            self.seen.clear()
            del self._on_commit[callbacks:]
            raise
        else:
            child.commit()
        finally:
            self._txn = parent

    def _batch_up(self, start: bytes, stop: bytes, seen: bytes | None, size: int) -> list[tuple[bytes, bytes]]:
        rows: list[tuple[bytes, bytes]] = []
        low = start if seen is None else seen
        with self._txn.cursor() as cursor:
            found = cursor.set_range(_physical(low))
            while found and len(rows) < size:
                for key, value in _logical(cursor.key(), cursor.value()):
                    if stop and key >= stop:
                        return rows
                    if key >= start and (seen is None or key > seen):
                        rows.append((key, value))
                found = cursor.next()
        return rows

    def _batch_down(self, start: bytes, stop: bytes, seen: bytes | None, size: int) -> list[tuple[bytes, bytes]]:
        rows: list[tuple[bytes, bytes]] = []
        high = stop if seen is None else seen
        with self._txn.cursor() as cursor:
            if not high or not cursor.set_range(_physical(high)):
                found = cursor.last()
            else:
                # The entry itself may hold long keys below `high`; anything not below is filtered.
                found = True
            while found and len(rows) < size:
                entry = cursor.key()
                for key, value in reversed(_logical(entry, cursor.value())):
                    if (stop and key >= stop) or (seen is not None and key >= seen):
                        continue
                    if key < start:
                        return rows
                    rows.append((key, value))
                found = cursor.prev()
        return rows

    def _long_get(self, key: bytes) -> bytes | None:
        raw = self._txn.get(_physical(key))
        if raw is None:
            return None
        entries = _LONG_ENTRY.decode(raw)
        at = bisect.bisect_left(entries, (key[_LONGEST_KEY:],))
        return entries[at][1] if at < len(entries) and entries[at][0] == key[_LONGEST_KEY:] else None

    def _long_put(self, key: bytes, value: bytes | None) -> bool:
        physical, rest = _physical(key), key[_LONGEST_KEY:]
        raw = self._txn.get(physical)
        entries = _LONG_ENTRY.decode(raw) if raw else []
        at = bisect.bisect_left(entries, (rest,))
        found = at < len(entries) and entries[at][0] == rest
        if value is not None:
            entries[at : at + found] = [(rest, value)]
        elif found:
            del entries[at]
        if entries:
            packed = msgspec.msgpack.encode(entries)
            self.bytes_written += len(packed)
            self._txn.put(physical, packed)
        elif found:
            self.bytes_written += len(physical)
            self._txn.delete(physical)
        return found


def _physical(key: bytes) -> bytes:
    return key if len(key) <= _LONGEST_KEY else key[:_LONGEST_KEY] + b"\0"


def _logical(key: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    if len(key) <= _LONGEST_KEY:
        return [(key, value)]
    return [(key[:_LONGEST_KEY] + rest, part) for rest, part in _LONG_ENTRY.decode(value)]


class Store:
    """One LMDB environment. `transaction()` is the only way in."""

    def __init__(self, directory: Path, *, flush_each_commit: bool = False) -> None:
        """Opens or creates the store in `directory` (data.mdb, lock.mdb). Raises StoreUnreadable."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        file = directory / "data.mdb"
        used = file.stat().st_size if file.exists() else 0
        self._map_bytes = FIRST_MAP_BYTES
        while self._map_bytes < 2 * used + HEADROOM_BYTES:
            self._map_bytes *= 2
        # Commits go through the page cache, so they survive the process; `flush` makes them survive the machine.
        sync = flush_each_commit
        try:
            self._env = lmdb.open(str(directory), map_size=self._map_bytes, sync=sync, metasync=sync, max_readers=16, max_spare_txns=4)
        except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError) as problem:
            raise StoreUnreadable(f"{file.name} is not a store: {problem}") from problem
        self._page_bytes: int = self._env.stat()["psize"]
        self._written = 0
        self._open: Transaction | None = None
        self._closing = threading.Lock()
        self._closed = False
        self.dirty = False

    def transaction(self) -> OpenTransaction:
        """`with store.transaction() as txn`: everything inside commits together at the end, or, on an exception, never happened.

        Raises StoreFull when the transaction outgrew the map: the map has then grown, and the caller may run it again.
        """
        return OpenTransaction(self)

    def begin(self) -> Transaction:
        """Opens a transaction; `commit` or `abort` must follow. `transaction()` sees to that by itself."""
        if self._open is not None:
            raise RuntimeError("a transaction is already open: use its mark()")
        self._open = Transaction(self._env, self._env.begin(write=True))
        return self._open

    def commit(self) -> None:
        """Ends the open transaction: everything is there. Raises StoreFull."""
        mine, self._open = self._open, None
        assert mine is not None
        try:
            mine._txn.commit()
        except lmdb.MapFullError as full:
            self._grow(mine.bytes_written)
            raise StoreFull from full
        if mine.bytes_written:
            self.dirty = True
            self._written += mine.bytes_written
            # Growing ahead of need, between transactions, keeps StoreFull for a single huge transaction.
            if self._written > HEADROOM_BYTES // 8:
                self._written = 0
                if (self._env.info()["last_pgno"] + 1) * self._page_bytes + HEADROOM_BYTES > self._map_bytes:
                    self._grow(0)
        for callback in mine._on_commit:
            callback()

    def abort(self, error: BaseException) -> None:
        """Ends the open transaction after an error: nothing happened. Raises StoreFull if that was the error."""
        mine, self._open = self._open, None
        assert mine is not None
        mine._txn.abort()
        if isinstance(error, lmdb.MapFullError):
            self._grow(mine.bytes_written)
            raise StoreFull from error

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open now."""
        return self._open is not None

    @property
    def used_bytes(self) -> int:
        """Bytes of the file that hold data or have held some."""
        return (self._env.info()["last_pgno"] + 1) * self._page_bytes

    def copy(self, directory: Path, *, compact: bool = False) -> None:
        """Writes a consistent copy of the whole store into an empty directory."""
        directory.mkdir(parents=True, exist_ok=True)
        self._env.copy(str(directory), compact=compact)

    def flush(self) -> None:
        """Forces what was committed onto the disk. May be called from another thread, and after `close`, which has done it."""
        with self._closing:
            if not self._closed:
                self.dirty = False
                self._env.sync(True)

    def close(self) -> None:
        """Flushes and closes. The store must not be used afterwards."""
        if self.dirty:
            self.flush()
        with self._closing:
            self._closed = True
            self._env.close()

    def _grow(self, wanted: int) -> None:
        self._map_bytes = max(self._map_bytes * 2, self._map_bytes + 2 * wanted + HEADROOM_BYTES)
        self._env.set_mapsize(self._map_bytes)


class OpenTransaction:
    """What `Store.transaction` gives: a plain class, because a generator's context manager costs as much as an empty commit."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Transaction:
        return self._store.begin()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._store.commit()
        else:
            self._store.abort(error)
