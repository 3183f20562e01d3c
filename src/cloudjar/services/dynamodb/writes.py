"""What one change of an item entails: its index entries, totals, stream, expiry and history, in the same transaction."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb import expiry, history, storage, stream_records
from cloudjar.services.dynamodb.schema import Index, Table, entry, index_key
from cloudjar.services.dynamodb.storage import Stored
from cloudjar.services.dynamodb.values import Item, item_size


class Change:
    """What a write cost: sizes in bytes; of each index that was written, the sizes of its writes."""

    __slots__ = ("index_sizes", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.index_sizes: dict[str, tuple[int, ...]] = {}


def change(
    ctx: Context,
    table: Table,
    key: bytes,
    old: Stored | None,
    new: Item | None,
    size: int = 0,
    *,
    expired: bool = False,
    replicated: bool = False,
) -> Change:
    """Replaces the item at a key by another (None: by nothing); `size` is the new one's."""
    old_size = old.size if old else 0
    cost = Change(max(old_size, size))
    if new is None:
        if old is None:
            return cost
        storage.erase(ctx, table.number, key)
    else:
        storage.write(ctx, table.number, key, new, size)
    storage.count(ctx, table.number, (new is not None) - (old is not None), size - old_size)
    if table.indexes or table.ttl or table.stream_number is not None:
        before = old.attributes if old else None
        for index in table.indexes:
            _index(ctx, table, index, key, before, new, cost)
        if table.ttl:
            expiry.note(ctx, table, key, before, new)
        if table.stream_number is not None:
            stream_records.append(ctx, table, before, new, expired=expired)
    if table.recovery_since is not None:
        history.note(ctx, table, key, old)
    if table.replicas and not replicated:
        if table.strong:
            from cloudjar.services.dynamodb import replicas

            replicas.spread(ctx, table, key, table.replicas)
            return cost
        ctx.emit("cloudjar.dynamodb", "Item Written", {"table": table.name, "key": key.hex(), "replicas": table.replicas})
    return cost


def _index(ctx: Context, table: Table, index: Index, key: bytes, before: Item | None, new: Item | None, cost: Change) -> None:
    old_key = index_key(index, before, key) if before is not None else None
    new_key = index_key(index, new, key) if new is not None else None
    if old_key is None and new_key is None:
        return
    old_entry = entry(table, index, before) if old_key is not None and before is not None else None
    new_entry = entry(table, index, new) if new_key is not None and new is not None else None
    if old_key == new_key and old_entry == new_entry:
        return
    old_size = item_size(old_entry) if old_entry is not None else 0
    new_size = item_size(new_entry) if new_entry is not None else 0
    if old_key is not None and old_key != new_key:
        storage.erase(ctx, index.number, old_key)
    if new_key is not None and new_entry is not None:
        storage.write(ctx, index.number, new_key, new_entry, new_size)
    storage.count(ctx, index.number, (new_key is not None) - (old_key is not None), new_size - old_size)
    if old_key is not None and new_key is not None and old_key != new_key:
        cost.index_sizes[index.name] = (old_size, new_size)  # an entry that moves is deleted and put
    else:
        cost.index_sizes[index.name] = (max(old_size, new_size),)


def add_entry(ctx: Context, table: Table, index_name: str, key: bytes, item: Item) -> None:
    """Puts an item that is there already into a new index, unless a write has done so meanwhile."""
    index = table.index(index_name)
    place = index_key(index, item, key)
    if place is not None and storage.read(ctx, index.number, place) is None:
        _index(ctx, table, index, key, None, item, Change(0))
