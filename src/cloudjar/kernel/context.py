"""The context: what an operation, timer, listener or effect may touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cloudjar.kernel import events, keys, paging, timers
from cloudjar.kernel.blobs import BlobStore
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import Ids
from cloudjar.kernel.meter import Dimensions, Resource
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.principal import service as service_principal
from cloudjar.kernel.records import ENCODE, R, index_keys
from cloudjar.kernel.rows import Rows
from cloudjar.kernel.store import Transaction
from cloudjar.kernel.tags import Tags

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

T = TypeVar("T")

SEEN_KEPT = 64
"""Records that a transaction remembers having read."""


class Call(msgspec.Struct, kw_only=True):
    """What is known of the request behind a context; timers and listeners have an empty one."""

    request_id: str = ""
    service: str = ""
    operation: str = ""
    url: str = ""
    """Scheme, host and port that the client used, "http://localhost:4566": what URLs in answers start with."""
    source_ip: str = ""
    user_agent: str = ""
    secure: bool = False
    tls: str = ""
    """The version of TLS, "1.3"; empty for plain HTTP."""
    query: str = ""
    """The request's query string, raw."""
    headers: Mapping[str, str] = MappingProxyType({})
    """The request's headers, names in lower case; in calls between services, none but the trace header."""
    via: tuple[str, ...] = ()
    """The services through which a call came, in order: "cloudformation.amazonaws.com"; empty for the client's own."""


class Unit(msgspec.Struct):
    """The transaction that is open and its instant, shared by all views of one piece of work: `at`, `assume` and the rest
    follow when it opens and when it ends."""

    txn: Transaction | None = None
    now: datetime | None = None


class Context(msgspec.Struct, eq=False):
    """State, time and the rest of the cloud, as one principal sees them in one account and Region.

    In a `def` operation, a timer or a listener, everything happens in the one transaction that is open. In an
    `async def`, state is touched inside `with ctx.transaction():`, where nothing may be awaited.
    """

    world: World
    account: str
    region: str
    principal: Principal
    call_info: Call
    unit: Unit

    # State

    def get(self, type_: type[R], *key: keys.Part) -> R | None:
        """The record with this key in this account and Region, or None."""
        table, txn = type_.__table__, self.unit.txn
        if txn is None:
            txn = self._open()
        full = table.prefix(self.account, self.region) + keys.encode(key)
        # The judge, the operation and its helpers read the same few records: each is decoded once in a transaction.
        found: R | None = txn.seen.get(full)
        if found is None:
            raw = txn.get(full)
            if raw is None:
                return None
            found = table.decode(raw)
            if len(txn.seen) < SEEN_KEPT:
                txn.seen[full] = found
        return found

    def put(self, value: R) -> R:
        """Stores a record in place of the one with the same key; gives it back."""
        txn, table = self._open(), value.__table__
        self.world.versions[table.family] += 1
        primary = table.key_of(value)
        key = table.prefix(self.account, self.region) + primary
        if table.indexes or table.blobs:
            fresh = index_keys(table, self.account, self.region, value, primary)
            old = txn.seen.get(key)
            if old is None and (raw := txn.get(key)) is not None:
                old = table.decode(raw)
            if old is not None and (stale := index_keys(table, self.account, self.region, old, primary)) != fresh:
                for entry in set(stale).difference(fresh):
                    txn.delete(entry)
                fresh = list(set(fresh).difference(stale))
            elif old is not None:
                fresh = []
            for entry in fresh:
                txn.put(entry, primary)
        txn.put(key, ENCODE(value))
        return value

    def delete(self, value: R) -> None:
        """Removes a record and its index entries; no error if it is gone already."""
        txn, table = self._open(), value.__table__
        primary = table.key_of(value)
        key = table.prefix(self.account, self.region) + primary
        old = txn.get(key)
        if old is None:
            return
        self.world.versions[table.family] += 1
        if table.indexes or table.blobs:
            for entry in index_keys(table, self.account, self.region, table.decode(old), primary):
                txn.delete(entry)
        txn.delete(key)

    def where(self, type_: type[R], **equals: keys.Part) -> Rows[R]:
        """The records whose fields equal these, through the primary key or an index that starts with them; in its order."""
        table = type_.__table__
        name, columns = table.index_for(equals) if equals else ("", table.key)
        prefix = table.prefix(self.account, self.region, name) + keys.encode([equals[c] for c in columns[: len(equals)]])
        return Rows(self._open(), table, table.prefix(self.account, self.region), prefix, index=bool(name))

    def ordered_by(self, type_: type[R], index: str, *first: keys.Part) -> Rows[R]:
        """The records that an index holds, in its order; `first` fixes its first fields."""
        table = type_.__table__
        prefix = table.prefix(self.account, self.region, index) + keys.encode(first)
        return Rows(self._open(), table, table.prefix(self.account, self.region), prefix, index=True)

    def transaction(self) -> ContextTransaction:
        """One transaction in an `async def`. Inside an open one, a mark: an exception rolls back to here."""
        return ContextTransaction(self)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Calls back once the transaction has committed, for in-memory wake-ups only: what must last is a record."""
        self._open().on_commit(callback)

    @property
    def has_written(self) -> bool:
        """Whether the open transaction has changed anything so far: if not, what it reads is committed, and may be remembered."""
        return self._open().bytes_written > 0

    def _open(self) -> Transaction:
        txn = self.unit.txn
        if txn is None:
            raise RuntimeError("no transaction is open: use `with ctx.transaction():`")
        return txn

    # Time

    @property
    def now(self) -> datetime:
        """The one instant of this transaction, in world time."""
        unit = self.unit
        if unit.txn is None or unit.now is None:
            unit.now = self.world.clock.now()
        return unit.now

    def after(
        self, handler: Callable[..., Any], *args: Any, seconds: float = 0, at: datetime | None = None, housekeeping: bool = False
    ) -> str:
        """Calls a `@timer` handler, `handler(ctx, *args)`, later by the world's clock; gives the timer's id.

        Args are plain values (text, numbers, lists, dicts). The handler runs in this account and Region, as the service.
        Autojump does not go to `housekeeping`, which nobody waits for.
        """
        return timers.add(self, handler, args, at or self.now + timedelta(seconds=seconds), housekeeping=housekeeping)

    def cancel(self, timer_id: str) -> None:
        """Forgets a timer; no error if it has fired."""
        timers.remove(self, timer_id)

    # The rest of the cloud

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
        """Publishes a fact; listeners run after this transaction has committed, each in its own."""
        events.publish(self, source, detail_type, detail, resources or [])

    def metric(self, namespace: str, name: str, dimensions: Dimensions, value: float = 1.0, unit: str = "Count") -> None:
        """Adds a point to a metric of a service's own, in this account and Region: `(("QueueName", name),)` are dimensions.

        A microsecond: points are added up in memory. In a transaction, once it has committed.
        """
        series = (self.account, self.region, namespace, name, dimensions, unit)
        txn = self.unit.txn
        if txn is None:
            self.world.meter.add(series, value)
        else:
            txn.on_commit(partial(self.world.meter.add, series, value))

    def used(self, namespace: str, dimensions: Dimensions) -> None:
        """What the gauges of a resource tell may have changed: they are read a moment later. See `marks.gauges`."""
        self.world.meter.use(Resource(self.account, self.region, namespace, dimensions))

    def effect(self, handler: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Has an `@effect` handler run after this transaction has committed; again after a crash, until it returned."""
        from cloudjar.kernel import effects

        effects.add(self, handler, args)

    def call(self, service: str, operation: str, req: dict[str, Any] | None = None) -> dict[str, Any]:
        """Calls a `def` operation of any service as this principal, in this transaction; judged like any call.

        An AwsError rolls back what the call did, and goes on up.
        """
        with self._open().mark():
            return self.world.host.call(self, service, operation, req or {})

    async def call_async(self, service: str, operation: str, req: dict[str, Any] | None = None) -> dict[str, Any]:
        """Calls any operation, `def` or `async def`, from outside a transaction."""
        return await self.world.host.call_async(self, service, operation, req or {})

    def assume(self, role_arn: str, service: str, source_arn: str = "") -> Context:
        """This context under a role, if the role's trust policy lets the service ("events.amazonaws.com") assume it for that resource."""
        return self.world.host.assume(self, role_arn, service, source_arn)

    def as_service(self, service: str, source_arn: str = "") -> Context:
        """This context as a service principal ("events.amazonaws.com"), acting for a resource of this account."""
        return self.at(principal=service_principal(service, self.account, source_arn))

    def at(self, *, account: str | None = None, region: str | None = None, principal: Principal | None = None) -> Context:
        """The same transaction, seen from another account or Region, or as another principal."""
        return Context(self.world, account or self.account, region or self.region, principal or self.principal, self.call_info, self.unit)

    # Names

    @property
    def ids(self) -> Ids:
        """Ids that repeat with the world's seed: `ctx.ids.hex(17)`."""
        return self.world.ids(self._open())

    @property
    def partition(self) -> str:
        """ "aws", "aws-cn" or "aws-us-gov", by Region."""
        return partition_of(self.region)

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        """An ARN here; pass region="" or account="" for services whose ARNs leave them out."""
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"

    def page(
        self,
        req: dict[str, Any],
        rows: Rows[R],
        to_wire: Callable[[R], Any],
        *,
        default: int = 100,
        maximum: int = 1000,
        error: AwsError | None = None,
    ) -> dict[str, Any]:
        """One page as the operation's answer: members, limit and token come from the paginator data of this operation."""
        members = self.world.host.page_members(self.call_info.service, self.call_info.operation)
        error = error or AwsError("ValidationException", "The pagination token is not valid.")
        return paging.page(members, req, rows, to_wire, default=default, maximum=maximum, error=error)

    # Tags

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a resource."""
        found = self.get(Tags, arn)
        return dict(found.tags) if found else {}

    def set_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Replaces all tags of a resource; an empty dict removes them."""
        if tags:
            self.put(Tags(arn, tags))
        else:
            self.delete(Tags(arn, {}))

    def add_tags(self, arn: str, tags: dict[str, str]) -> dict[str, str]:
        """Adds to a resource's tags; gives them all."""
        merged = {**self.tags(arn), **tags}
        self.set_tags(arn, merged)
        return merged

    def remove_tags(self, arn: str, names: list[str]) -> None:
        """Removes tags by key; no error for those that are not there."""
        self.set_tags(arn, {k: v for k, v in self.tags(arn).items() if k not in names})

    # Work

    @property
    def blobs(self) -> BlobStore:
        """Large values."""
        return self.world.blobs

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        """Runs slow pure work on another thread, outside any transaction."""
        return await self.world.host.offload(function, *args)


class ContextTransaction:
    """What `Context.transaction` gives."""

    __slots__ = ("_ctx", "_inner")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def __enter__(self) -> None:
        ctx = self._ctx
        unit = ctx.unit
        if unit.txn is None:
            # The store's own steps, without the object that stands for them: every call is here.
            self._inner: Any = None
            unit.txn = ctx.world.store.begin()
            unit.now = None
        else:
            self._inner = unit.txn.mark()
            self._inner.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._inner is not None:
            self._inner.__exit__(kind, error, trace)
            return
        self._ctx.unit.txn = None
        if error is None:
            self._ctx.world.store.commit()
        else:
            self._ctx.world.store.abort(error)


def partition_of(region: str) -> str:
    """The partition that a Region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"
