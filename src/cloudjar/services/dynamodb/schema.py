"""A table's record, its indexes, and the keys that its items lie under."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from cloudjar.kernel import keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.dynamodb import errors, storage
from cloudjar.services.dynamodb.values import Item, Value, text_size

LONGEST_HASH = 2048
LONGEST_RANGE = 1024
_NAME = re.compile(r"[a-zA-Z0-9_.-]+", re.ASCII)
SHORTEST_NAME, LONGEST_NAME = 3, 255
EMPTY_NAMES = {"S": "string", "B": "binary"}


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """A secondary index. `number` names the space of its entries."""

    name: str
    number: int
    hashes: list[str]
    ranges: list[str]
    projection: str = "ALL"
    included: list[str] = []
    """What an INCLUDE projection adds to the keys."""
    local: bool = False
    status: str = "ACTIVE"
    backfilling: bool = False
    read_units: int = 0
    write_units: int = 0
    on_demand: dict[str, int] = {}
    warm: dict[str, int] = {}

    @property
    def key_names(self) -> list[str]:
        """The index's own key attributes."""
        return self.hashes + self.ranges


@record("dynamodb.table", key="name", indexes={"number": "number", "stream": "stream_number"})
class Table(Record):
    """A table. `number` names the space of its items, and tells it from an earlier one of the same name."""

    name: str
    number: int
    id: str
    created: datetime
    hash: str
    range: str
    """ "" where there is no sort key."""
    types: dict[str, str]
    status: str = "CREATING"
    billing: str = "PROVISIONED"
    on_demand_since: datetime | None = None
    read_units: int = 0
    write_units: int = 0
    on_demand: dict[str, int] = {}
    warm: dict[str, int] = {}
    indexes: list[Index] = []
    stream_number: int | None = None
    """The stream that is written now."""
    stream_view: str = ""
    latest_stream_label: str = ""
    ttl: str = ""
    """The attribute that says when an item expires; "" where none does."""
    table_class: str = "STANDARD"
    class_changed: datetime | None = None
    protected: bool = False
    encryption: dict[str, str] = {}
    policy: str = ""
    policy_revision: str = ""
    recovery_since: datetime | None = None
    """Since when point-in-time recovery is on."""
    recovery_days: int = 35
    restored: dict[str, Any] = {}
    """The RestoreSummary of a table that was restored."""
    replicas: list[str] = []
    """The other Regions of a global table."""
    strong: bool = False
    """Whether each write reaches every replica before it is acknowledged."""
    witness: str = ""
    """The Region of a strongly consistent table's witness."""
    overrides: dict[str, Any] = {}
    """What this replica has for itself, in the API's spelling."""
    global_since: datetime | None = None
    legacy_global: bool = False

    @property
    def key_names(self) -> list[str]:
        """The table's key attributes."""
        return [self.hash, self.range] if self.range else [self.hash]

    @property
    def hashes(self) -> list[str]:
        """The table's hash attribute, as an index has several."""
        return [self.hash]

    def index(self, name: str) -> Index:
        """The index of that name; ValidationException if there is none."""
        for index in self.indexes:
            if index.name == name:
                return index
        raise errors.no_such_index(name)

    def key_of(self, item: Item) -> bytes:
        """Where an item lies, by its key attributes, which must be valid."""
        key = storage.partition_key([item[self.hash]])
        return key + keys.encode((storage.part(item[self.range]),)) if self.range else key

    def checked_key(self, key: Item) -> bytes:
        """Where the item with this key lies. Raises ValidationException where the key does not fit the schema."""
        names = self.key_names
        if len(key) != len(names):
            raise errors.key_mismatch()
        for name in names:
            value = key.get(name)
            if value is None or self.types[name] not in value:
                raise errors.key_mismatch()
            check_key_value(self, name, value)
        return self.key_of(key)

    def checked_item_key(self, item: Item) -> bytes:
        """Where a whole item lies. Raises ValidationException where its keys, for the table or an index, do not fit."""
        types = self.types
        for name in self.key_names:
            value = item.get(name)
            if value is None:
                raise errors.missing_key(name)
            if types[name] not in value:
                raise errors.key_type_mismatch(name, types[name], next(iter(value)))
            check_key_value(self, name, value)
        for index in self.indexes:
            check_index_keys(self, index, item)
        return self.key_of(item)


def check_key_value(table: Table, name: str, value: Value) -> None:
    """A key must not be empty, nor too long."""
    ((type_, held),) = value.items()
    if type_ == "N":
        return
    if not held:
        raise errors.empty_key(name, EMPTY_NAMES[type_])
    size = text_size(held) if type_ == "S" else len(held)
    if name == table.hash:
        if size > LONGEST_HASH:
            raise errors.hash_key_too_large()
    elif size > LONGEST_RANGE:
        raise errors.range_key_too_large()


def check_index_keys(table: Table, index: Index, item: Item) -> None:
    """An item's values for an index's keys must be of their types; the item may lack them."""
    for name in index.key_names:
        value = item.get(name)
        if value is None:
            continue
        expected = table.types[name]
        if expected not in value:
            raise errors.index_key_type_mismatch(name, expected, next(iter(value)), first_index(table, name))
        if expected != "N":
            if not value[expected]:
                raise errors.empty_index_key(name, EMPTY_NAMES[expected], first_index(table, name))
            size = text_size(value["S"]) if expected == "S" else len(value["B"])
            if size > (LONGEST_HASH if name in index.hashes else LONGEST_RANGE):
                raise errors.hash_key_too_large() if name in index.hashes else errors.range_key_too_large()


def first_index(table: Table, key: str) -> str:
    """The index that errors about a key attribute name: of several, the first by its name."""
    return min(index.name for index in table.indexes if key in index.key_names)


def index_key(index: Index, item: Item, key: bytes) -> bytes | None:
    """Where an item's entry in an index lies; None where it has none. `key` is the item's own."""
    for name in index.key_names:
        if name not in item:
            return None
    place = storage.partition_key([item[name] for name in index.hashes])
    return place + keys.encode([*[storage.part(item[name]) for name in index.ranges], key])


def entry(table: Table, index: Index, item: Item) -> Item:
    """What of an item an index holds."""
    if index.projection == "ALL":
        return item
    names = dict.fromkeys([*table.key_names, *index.key_names, *index.included])
    return {name: item[name] for name in names if name in item}


def table_arn(ctx: Context, name: str) -> str:
    """A table's ARN."""
    return ctx.arn("dynamodb", f"table/{name}")


def check_name(name: str) -> None:
    """Whether a name could be a table's. Raises ValidationException."""
    if len(name) > LONGEST_NAME:
        raise errors.invalid_table_name(name, f"have length less than or equal to {LONGEST_NAME}")
    if not _NAME.fullmatch(name):
        raise errors.invalid_table_name(name, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")


def check_new_name(name: str) -> None:
    """Whether a table can be given a name. Raises ValidationException."""
    if len(name) < SHORTEST_NAME:
        raise errors.invalid_table_name(name, f"have length greater than or equal to {SHORTEST_NAME}")
    check_name(name)


def place_of(ctx: Context, name_or_arn: str) -> tuple[Context, str]:
    """The account and Region that a table's name or ARN means, and the name."""
    if not name_or_arn.startswith("arn:"):
        return ctx, name_or_arn
    parts = name_or_arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("table/"):
        raise errors.invalid(f"Invalid table ARN: {name_or_arn}")
    name = parts[5].split("/")[1]
    if (parts[4], parts[3]) == (ctx.account, ctx.region):
        return ctx, name
    if parts[3] != ctx.region:
        raise errors.table_not_found()
    return ctx.at(account=parts[4]), name


def find_table(ctx: Context, name_or_arn: str) -> tuple[Context, Table]:
    """The table that a data operation is for, with the context of its account. Raises ResourceNotFoundException."""
    there, name = place_of(ctx, name_or_arn)
    table = there.get(Table, name)
    if table is None or table.status == "CREATING" or table.status == "DELETING":
        check_name(name)
        raise errors.table_not_found()
    if table.encryption:
        from cloudjar.services.dynamodb import encryption

        encryption.check(there, table)
    return there, table


def named_table(ctx: Context, name_or_arn: str) -> tuple[Context, Table]:
    """The table that a control operation is for. Raises ResourceNotFoundException, which names it."""
    there, name = place_of(ctx, name_or_arn)
    table = there.get(Table, name)
    if table is None:
        check_name(name)
        raise errors.named_table_not_found(name)
    return there, table


def on_table(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the table, or the index that is read."""
    given = req.get("TableName") or "*"
    arn = given if given.startswith("arn:") else table_arn(ctx, given)
    index = req.get("IndexName")
    return f"{arn}/index/{index}" if index else arn
