"""What Query and Scan share: projections and Select, pages of at most 1 MB, start keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb import capacity, errors, legacy, storage, values
from cloudjar.services.dynamodb.capacity import Consumed
from cloudjar.services.dynamodb.expressions.evaluate import matches
from cloudjar.services.dynamodb.expressions.project import project, wanted
from cloudjar.services.dynamodb.expressions.request import Expressions
from cloudjar.services.dynamodb.expressions.tree import Between, Call, Compare, In, Not, Path
from cloudjar.services.dynamodb.schema import Index, Table, check_key_value, index_key
from cloudjar.services.dynamodb.values import Item

LARGEST_PAGE = 1 << 20
"""Bytes of items that one call looks at."""


class Reading:
    """One Query or Scan: what of which table or index is wanted."""

    __slots__ = ("consistent", "count_only", "ctx", "fetches", "filter", "give", "index", "limit", "paths", "req", "start_key", "table")

    def __init__(self, ctx: Context, table: Table, req: dict[str, Any], paths: tuple[Path, ...] | None, filter_: Any) -> None:
        """Raises ValidationException for what contradicts itself."""
        self.ctx = ctx
        self.table = table
        self.req = req
        self.index: Index | None = table.index(req["IndexName"]) if req.get("IndexName") else None
        self.paths = paths
        self.filter = filter_
        self.limit: int | None = req.get("Limit")
        self.consistent = bool(req.get("ConsistentRead"))
        self.start_key: Item | None = req.get("ExclusiveStartKey")
        self.count_only = False
        self.give: Callable[[Item], Item] | None = None if paths is None else partial(project, tree=wanted(paths))
        """What is given of an item; None for all of it."""
        self.fetches = False
        """Whether attributes that the index lacks are fetched from the table, as local indexes do."""
        if self.index is not None and not self.index.local:
            if self.consistent:
                raise errors.inconsistent_index_read()
            if self.index.backfilling:
                raise errors.index_backfilling(self.index.name)
        self._select()

    def _select(self) -> None:
        select, index = self.req.get("Select"), self.index
        if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
            raise errors.invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
        if self.paths is not None:
            if select not in (None, "SPECIFIC_ATTRIBUTES"):
                member = "AttributesToGet" if "AttributesToGet" in self.req else "ProjectionExpression"
                raise errors.invalid(
                    f"Cannot specify the {member} when choosing to get {select if select != 'COUNT' else 'only the Count'}"
                )
        elif select == "SPECIFIC_ATTRIBUTES":
            raise errors.invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
        self.count_only = select == "COUNT"
        if index is None or index.projection == "ALL":
            return
        if select == "ALL_ATTRIBUTES":
            if not index.local:
                raise errors.invalid_parameters(
                    f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} "
                    "because its projection type is not ALL"
                )
            self.fetches = True
        elif self.paths is not None:
            held = {*self.table.key_names, *index.key_names, *index.included}
            missing = [str(path.steps[0]) for path in self.paths if path.steps[0] not in held]
            if missing and not index.local:
                raise errors.invalid_parameters(
                    f"Global secondary index {index.name} does not project [{', '.join(dict.fromkeys(missing))}]"
                )
            self.fetches = bool(missing)

    def check_filter(self) -> None:
        """A query's filter must keep to what its index holds. Raises ValidationException."""
        index = self.index
        if index is not None and index.projection != "ALL":
            held = {*self.table.key_names, *index.key_names, *index.included}
            missing = dict.fromkeys(name for name in attributes_of(self.filter) if name not in held)
            if missing:
                raise errors.filter_not_projected(index.name, list(missing))

    @property
    def space(self) -> int:
        """Where the rows lie."""
        return self.index.number if self.index else self.table.number

    @property
    def key_names(self) -> list[str]:
        """The attributes that say where a row lies: the table's keys, and an index's own."""
        own = self.index.key_names if self.index else []
        return list(dict.fromkeys([*self.table.key_names, *own]))

    def start_position(self) -> bytes | None:
        """Where the page starts; None for the beginning. Raises ValidationException for a key that is none."""
        key = self.start_key
        if key is None:
            return None
        values.settle_item(key)
        names = self.key_names
        if len(key) != len(names):
            raise errors.bad_start_key() if self.index else errors.bad_start_key("The provided key element does not match the schema")
        for name in names:
            value = key.get(name)
            if value is None or self.table.types[name] not in value:
                raise errors.bad_start_key() if self.index else errors.bad_start_key("The provided key element does not match the schema")
            if name in self.table.key_names:
                check_key_value(self.table, name, value)
        own = self.table.key_of(key)
        if self.index is None:
            return own
        return index_key(self.index, key, own)

    def page(self, rows: Iterator[tuple[bytes, bytes]]) -> dict[str, Any]:
        """The answer: the rows that pass the filter, until the limit or 1 MB is reached."""
        items: list[Item] = []
        size = scanned = count = fetched_size = fetched = 0
        filter_, limit, count_only = self.filter, self.limit, self.count_only
        give = self.give
        last = b""
        cut = False
        looks = filter_ is not None or not count_only
        for _, raw in rows:
            if scanned == limit:
                cut = True
                break
            row_size = storage.size_in(raw)
            if size + row_size > LARGEST_PAGE and scanned:
                cut = True
                break
            size += row_size
            scanned += 1
            last = raw
            if not looks:
                count += 1
                continue
            attributes = storage.unpack(raw).attributes
            if self.fetches:
                whole = storage.read(self.ctx, self.table.number, self.table.key_of(attributes))
                assert whole is not None
                attributes = whole.attributes
                fetched += 1
                fetched_size += whole.size
            if filter_ is not None and not matches(filter_, attributes):
                continue
            count += 1
            if not count_only:
                items.append(attributes if give is None else give(attributes))
        answer: dict[str, Any] = {"Count": count, "ScannedCount": scanned}
        if not count_only:
            answer["Items"] = items
        # A page that is full says where it ended, though nothing may follow.
        if last and (cut or scanned == limit):
            ended = storage.unpack(last).attributes
            answer["LastEvaluatedKey"] = {name: ended[name] for name in self.key_names}
        capacity.count_read(self.ctx, self.table, size, consistent=self.consistent, index=self.index.name if self.index else "")
        detail = capacity.wanted(self.req)
        if detail:
            consumed = Consumed(self.table)
            consumed.read(size, consistent=self.consistent, index=self.index.name if self.index else "")
            if fetched:
                consumed.read(-(-fetched_size // fetched), consistent=self.consistent, times=fetched)
            answer["ConsumedCapacity"] = consumed.to_wire(detail)
        return answer


def attributes_of(node: Any) -> list[str]:
    """The top-level attributes that a condition speaks of."""
    if isinstance(node, Path):
        return [str(node.steps[0])]
    if isinstance(node, Compare):
        return attributes_of(node.left) + attributes_of(node.right)
    if isinstance(node, Between):
        return attributes_of(node.operand) + attributes_of(node.low) + attributes_of(node.high)
    if isinstance(node, Not):
        return attributes_of(node.term)
    inner: tuple[Any, ...] = ()
    if isinstance(node, In):
        inner = (node.operand, *node.choices)
    elif isinstance(node, Call):
        inner = node.arguments
    else:
        inner = getattr(node, "terms", ())
    return [name for part in inner for name in attributes_of(part)]


def projected(req: dict[str, Any], expressions: Expressions) -> tuple[Path, ...] | None:
    """ProjectionExpression or AttributesToGet as paths; None for everything."""
    paths = expressions.projection()
    return paths if paths is not None else legacy.paths(req.get("AttributesToGet"))
