"""Where items lie: one ordered key space a table and one an index, so that queries and scans are ranges.

A key is (space, hash of the partition, partition, sort, and in an index the item's own key); a value is the item's size and its
attributes. Partitions stand in the order of their hash, as on AWS, which is what divides a parallel scan.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from cloudjar.kernel import keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import Part
from cloudjar.services.dynamodb import numbers
from cloudjar.services.dynamodb.values import Item, Value

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(dict[str, Any]).decode
_SIZE = struct.Struct(">I")
_TOTALS = struct.Struct(">qq")
HASHES = 1 << 32


@lru_cache(maxsize=4096)
def space(number: int) -> bytes:
    """What all keys of a table's or index's items start with."""
    return keys.encode(("", "", "dynamodb.item", number))


@lru_cache(maxsize=4096)
def _totals(number: int) -> bytes:
    return keys.encode(("", "", "dynamodb.totals", number))


def part(value: Value) -> Part:
    """A key attribute's value as a sortable part of a key."""
    ((type_, held),) = value.items()
    return numbers.sortable(held) if type_ == "N" else held


def partition_key(partition: list[Value]) -> bytes:
    """The hash of a partition's values, and the values: what the keys of its items start with, after the space."""
    coded = keys.encode([part(value) for value in partition])
    # The product spreads what CRC leaves close together. Source: Knuth, TAOCP 3, 6.4, Fibonacci hashing.
    return (zlib.crc32(coded) * 0x9E3779B1 % HASHES).to_bytes(4, "big") + coded


def hash_bound(segment: int, total: int) -> bytes:
    """The lowest hash of a segment; b"" past the last."""
    return b"" if segment == total else (HASHES * segment // total).to_bytes(4, "big")


class Stored:
    """An item as it is stored. Its attributes are decoded when they are first wanted: a put often wants only the size."""

    __slots__ = ("_attributes", "_raw", "size")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._attributes: Item | None = None
        self.size: int = _SIZE.unpack_from(raw)[0]

    @property
    def attributes(self) -> Item:
        """The item."""
        if self._attributes is None:
            self._attributes = _DECODE(self._raw[4:])
        return self._attributes


def unpack(raw: bytes) -> Stored:
    """The item in a stored value."""
    return Stored(raw)


def size_in(raw: bytes) -> int:
    """The size of the item in a stored value."""
    return int.from_bytes(raw[:4], "big")


def read(ctx: Context, number: int, key: bytes) -> Stored | None:
    """The item at a key of a space."""
    raw = ctx._open().get(space(number) + key)
    return None if raw is None else unpack(raw)


def write(ctx: Context, number: int, key: bytes, attributes: Item, size: int) -> None:
    """Puts an item at a key of a space."""
    ctx._open().put(space(number) + key, _SIZE.pack(size) + _ENCODE(attributes))


def erase(ctx: Context, number: int, key: bytes) -> None:
    """Removes the item at a key of a space."""
    ctx._open().delete(space(number) + key)


def walk(ctx: Context, number: int, start: bytes = b"", stop: bytes = b"", *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """(key, stored value) of start <= key < stop within a space; b"" as `stop` means its end."""
    prefix = space(number)
    skip = len(prefix)
    last = prefix + stop if stop else keys.after_prefix(prefix)
    for key, raw in ctx._open().range(prefix + start, last, reverse=reverse):
        yield key[skip:], raw


def totals(ctx: Context, number: int) -> tuple[int, int]:
    """How many items a space holds, and their bytes."""
    raw = ctx._open().get(_totals(number))
    return _TOTALS.unpack(raw) if raw else (0, 0)


def count(ctx: Context, number: int, items: int, size: int) -> None:
    """Adds to a space's totals."""
    if not items and not size:
        return
    old_items, old_size = totals(ctx, number)
    ctx._open().put(_totals(number), _TOTALS.pack(old_items + items, old_size + size))


def forget_totals(ctx: Context, number: int) -> None:
    """Removes a space's totals."""
    ctx._open().delete(_totals(number))


def clear(ctx: Context, number: int, most: int) -> bool:
    """Removes up to `most` items of a space; says whether there may be more."""
    doomed = []
    for key, _ in walk(ctx, number):
        doomed.append(key)
        if len(doomed) == most:
            break
    for key in doomed:
        erase(ctx, number, key)
    return len(doomed) == most


def copy(ctx: Context, source: int, target: int) -> None:
    """Copies all items of a space into another."""
    txn, prefix = ctx._open(), space(target)
    for key, raw in walk(ctx, source):
        txn.put(prefix + key, raw)


def begin(ctx: Context, what: str, number: int) -> bool:
    """Notes that a space has such work before it ("trim"); says whether that is new."""
    key = keys.encode(("", "", "dynamodb.work", what, number))
    if ctx._open().get(key) is not None:
        return False
    ctx._open().put(key, b"")
    return True


def end(ctx: Context, what: str, number: int) -> None:
    """Notes that such work is done."""
    ctx._open().delete(keys.encode(("", "", "dynamodb.work", what, number)))
