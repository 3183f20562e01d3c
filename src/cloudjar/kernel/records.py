"""Records: the frozen values that state is made of, and the tables that they live in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform

import msgspec

from cloudjar.kernel import keys
from cloudjar.kernel.keys import Part

Scope = Literal["region", "account", "world"]

PLACES_KEPT = 512
"""Prefixes that a table keeps encoded; who touches more accounts and Regions than that has them encoded again."""


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _FrozenStruct(msgspec.StructMeta):
    """Tells type checkers that every record is frozen, as msgspec inherits it."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True, metaclass=_FrozenStruct):
    """Base of every record. A new field needs a default, so that older worlds still open."""

    __table__: ClassVar[Table]


class Table:
    """How one record type is stored: its key, its indexes, and how wide its names are unique."""

    __slots__ = ("_places", "blobs", "decode", "family", "indexes", "key", "name", "primary", "scope", "type")

    def __init__(
        self,
        type_: type[Record],
        name: str,
        key: tuple[str, ...],
        scope: Scope,
        indexes: dict[str, tuple[str, ...]],
        blobs: Callable[[Any], Iterable[str]] | None,
    ) -> None:
        self.type = type_
        self.name = name
        self.family = name.partition(".")[0]
        self.key = key
        self.scope = scope
        self.indexes = indexes
        self.blobs = blobs
        self._places: dict[tuple[str, str, str], bytes] = {}
        self.decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(type_).decode

    def prefix(self, account: str, region: str, index: str = "") -> bytes:
        """The bytes that all keys of this table (or of one of its indexes) in one place start with."""
        place = (account, region, index)
        found = self._places.get(place)
        if found is None:
            if self.scope == "world":
                account = region = ""
            elif self.scope == "account":
                region = ""
            if len(self._places) >= PLACES_KEPT:
                self._places.clear()
            found = self._places[place] = keys.encode((account, region, f"{self.name}#{index}" if index else self.name))
        return found

    def key_of(self, record: Record) -> bytes:
        """The record's key, without the table's prefix."""
        return keys.encode([getattr(record, field) for field in self.key])

    def index_for(self, fields: Iterable[str]) -> tuple[str, tuple[str, ...]]:
        """The index (or "" for the primary key) whose first fields are `fields`, and all its fields."""
        wanted = set(fields)
        if set(self.key[: len(wanted)]) == wanted:
            return "", self.key
        for name, columns in self.indexes.items():
            if set(columns[: len(wanted)]) == wanted:
                return name, columns
        raise LookupError(f"{self.type.__name__} declares no index that starts with {sorted(wanted)}")


R = TypeVar("R", bound=Record)


def record(
    name: str,
    *,
    key: str | tuple[str, ...],
    scope: Scope = "region",
    indexes: dict[str, str | tuple[str, ...]] | None = None,
    blobs: Callable[[Any], Iterable[str]] | None = None,
) -> Callable[[type[R]], type[R]]:
    """Declares a record type's table.

    `name` is the table's for ever ("kms.alias"). `key` names the fields that identify a record within its scope:
    "region" (one account and Region), "account" (all Regions), or "world" (all accounts). `indexes` maps an index's
    name to the fields that it orders by; a record whose first index field is None is left out of that index. `blobs`
    gives the ids of the blob files that a record holds, so that the sweep spares them.
    """

    def declare(type_: type[R]) -> type[R]:
        type_.__table__ = Table(type_, name, _fields(key), scope, {n: _fields(f) for n, f in (indexes or {}).items()}, blobs)
        return type_

    return declare


def index_keys(table: Table, account: str, region: str, value: Record, primary: bytes) -> list[bytes]:
    """The index entries of one record."""
    entries = []
    for name, fields in table.indexes.items():
        parts: list[Part] = [getattr(value, field) for field in fields]
        if parts[0] is not None:
            entries.append(table.prefix(account, region, name) + keys.encode(parts) + primary)
    if table.blobs:
        entries.extend(BLOBS_PREFIX + keys.encode((blob,)) + table.prefix(account, region) + primary for blob in table.blobs(value))
    return entries


BLOBS_PREFIX = keys.encode(("", "", "#blobs"))
"""Under it, one entry for each (blob, record that holds it)."""


def _fields(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


ENCODE = msgspec.msgpack.Encoder().encode
replace = msgspec.structs.replace
"""`ctx.put(replace(key, enabled=False))`: records are replaced, never edited."""
