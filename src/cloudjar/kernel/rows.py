"""Rows: a lazy walk over one table or index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic

from cloudjar.kernel import keys
from cloudjar.kernel.keys import Part
from cloudjar.kernel.records import R, Table
from cloudjar.kernel.store import Transaction


class Rows(Generic[R]):
    """The records of a table within one scope, in key order. Each method narrows and returns a new walk.

    Walk it inside the transaction that made it; changing the table meanwhile is allowed.
    """

    __slots__ = ("_index", "_prefix", "_primary", "_reverse", "_start", "_stop", "_table", "_tests", "_txn")

    def __init__(self, txn: Transaction, table: Table, primary: bytes, prefix: bytes, *, index: bool) -> None:
        self._txn = txn
        self._table = table
        self._primary = primary
        self._index = index
        self._prefix = self._start = prefix
        self._stop = keys.after_prefix(prefix)
        self._reverse = False
        self._tests: tuple[Callable[[R], bool], ...] = ()

    def starting(self, *parts: Part) -> Rows[R]:
        """Only from this key (or index value) on, inclusive. `parts` follow those given to `where`."""
        return self._copy(_start=max(self._start, self._prefix + keys.encode(parts)))

    def ending(self, *parts: Part) -> Rows[R]:
        """Only below this key (or index value), exclusive."""
        return self._copy(_stop=min(self._stop, self._prefix + keys.encode(parts)))

    def resuming(self, position: bytes) -> Rows[R]:
        """Only past a position that `positions` gave; when walking backwards, only before it."""
        if self._reverse:
            return self._copy(_stop=position)
        return self._copy(_start=max(self._start, position + b"\0"))

    def backwards(self) -> Rows[R]:
        """In descending order."""
        return self._copy(_reverse=True)

    def filtered(self, test: Callable[[R], bool]) -> Rows[R]:
        """Only records that pass a test."""
        return self._copy(_tests=(*self._tests, test))

    def positions(self) -> Iterator[tuple[bytes, R]]:
        """(position, record): the position can be kept and resumed from in a later call."""
        decode, tests = self._table.decode, self._tests
        for key, value in self._txn.range(self._start, self._stop, reverse=self._reverse):
            if self._index:
                raw = self._txn.get(self._primary + value)
                if raw is None:
                    raise RuntimeError(f"index of {self._table.name} points at nothing: {key!r}")
                value = raw
            found = decode(value)
            if all(test(found) for test in tests):
                yield key, found

    def __iter__(self) -> Iterator[R]:
        for _, found in self.positions():
            yield found

    def first(self) -> R | None:
        """The first record, or None."""
        return next(iter(self), None)

    def count(self) -> int:
        """How many records; walks the keys alone where nothing filters."""
        if self._tests:
            return sum(1 for _ in self)
        return sum(1 for _ in self._txn.range(self._start, self._stop))

    def _copy(self, **changes: object) -> Rows[R]:
        copy: Rows[R] = Rows.__new__(Rows)
        for slot in self.__slots__:
            setattr(copy, slot, changes.get(slot, getattr(self, slot)))
        return copy
