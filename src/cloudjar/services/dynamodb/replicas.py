"""Replicas of global tables, kept alike by events, or, where consistency is strong, by each write. The last to write an item wins.

Source: "Global tables - multi-Region replication for DynamoDB" in the developer guide.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.events import Event
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors, replica_settings, storage, streams, writes
from cloudjar.services.dynamodb.schema import Table

COPIED_AT_ONCE = 500
STRONG_TOGETHER = (
    frozenset(("us-east-1", "us-east-2", "us-west-2")),
    frozenset(("ap-northeast-1", "ap-northeast-2", "ap-northeast-3")),
    frozenset(("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1")),
)
"""The Regions that a strongly consistent table may lie in."""


def replicated(ctx: Context, table: Table, req: dict[str, Any]) -> Table:
    """The table with replicas and a witness made, changed and removed as UpdateTable's members say."""
    updates, witnesses = req.get("ReplicaUpdates") or [], req.get("GlobalTableWitnessUpdates") or []
    for update in [*updates, *witnesses]:
        if len(update) != 1:
            raise errors.invalid_parameters("Exactly one of Create, Update and Delete must be given in a ReplicaUpdate")
    if req.get("MultiRegionConsistency"):
        if table.replicas or not any("Create" in update for update in updates):
            raise errors.invalid(
                "MultiRegionConsistency can only be specified with a Create action in ReplicaUpdates, for a new global table"
            )
        if req["MultiRegionConsistency"] == "STRONG":
            _check_strong(ctx, table)
            table = replace(table, strong=True)
    if witnesses:
        table = _witnessed(ctx, table, witnesses)
    for update in updates:
        ((kind, wanted),) = update.items()
        if kind == "Create":
            table = _with_replica(ctx, table, wanted)
        elif kind == "Delete":
            region = wanted["RegionName"]
            if region not in table.replicas:
                raise errors.no_replica(region)
            _remove(ctx, table, region)
            table = replace(table, replicas=[other for other in table.replicas if other != region])
        elif kind == "Update":
            table = replica_settings.changed(ctx, table, wanted)
        else:
            raise not_implemented("dynamodb", "UpdateTable", f"ReplicaUpdates: {kind}")
    if table.strong:
        table = _strong_together(ctx, table)
    return table


def _check_strong(ctx: Context, table: Table) -> None:
    if storage.totals(ctx, table.number)[0]:
        raise errors.invalid("A table must be empty to become a global table with multi-Region strong consistency")
    if table.ttl:
        raise errors.invalid("Time to live is not supported on global tables with multi-Region strong consistency")
    if any(index.local for index in table.indexes):
        raise errors.invalid("Local secondary indexes are not supported on global tables with multi-Region strong consistency")


def _witnessed(ctx: Context, table: Table, updates: list[dict[str, Any]]) -> Table:
    if len(updates) > 1:
        raise errors.invalid("Only one witness can be created or deleted in an UpdateTable operation")
    ((kind, wanted),) = updates[0].items()
    region = wanted["RegionName"]
    if not table.strong:
        raise errors.invalid("A witness can only be part of a global table with multi-Region strong consistency")
    if kind == "Delete":
        if table.witness != region:
            raise errors.invalid(f"The global table does not have a witness in Region: '{region}'")
        return replace(table, witness="")
    if table.witness or region == ctx.region or region in table.replicas:
        raise errors.invalid(f"A witness cannot be created in Region: '{region}'")
    return replace(table, witness=region)


def _strong_together(ctx: Context, table: Table) -> Table:
    """A strongly consistent table has three members, or has become a table of one Region again."""
    members = [ctx.region, *table.replicas, *([table.witness] if table.witness else [])]
    if len(members) == 1:
        return replace(table, strong=False)
    if len(members) != 3:
        raise errors.invalid(
            "A global table with multi-Region strong consistency must have exactly three replicas, or two replicas and a witness"
        )
    if not any(set(members) <= together for together in STRONG_TOGETHER):
        raise errors.invalid(f"Multi-Region strong consistency is not supported between the Regions: {', '.join(sorted(members))}")
    for region in table.replicas:
        there = ctx.at(region=region)
        peer = there.get(Table, table.name)
        if peer is not None:
            there.put(replace(peer, witness=table.witness, strong=True))
    return table


def _with_replica(ctx: Context, table: Table, wanted: dict[str, Any]) -> Table:
    region = wanted["RegionName"]
    if region == ctx.region or region in table.replicas:
        raise errors.replica_exists(table.name, region)
    if table.stream_view != "NEW_AND_OLD_IMAGES" and not table.strong:
        raise errors.invalid("Table needs to have a stream with NEW_AND_OLD_IMAGES enabled to become a global table")
    there = ctx.at(region=region)
    if there.get(Table, table.name) is not None:
        raise errors.replica_exists(table.name, region)
    members = sorted({*table.replicas, ctx.region, region})
    for other in table.replicas:
        peer = ctx.at(region=other).get(Table, table.name)
        if peer is not None:
            ctx.at(region=other).put(replace(peer, replicas=[member for member in members if member != other]))

    def number() -> int:
        return ctx.world.step(ctx._open(), "dynamodb.space")

    copy = replace(
        table,
        number=number(),
        id=ctx.ids.uuid(),
        created=ctx.now,
        status="ACTIVE",
        indexes=[replace(index, number=number()) for index in table.indexes],
        stream_number=None,
        stream_view="",
        latest_stream_label="",
        policy="",
        policy_revision="",
        protected=False,
        recovery_since=None,
        restored={},
        overrides={},
        # A key belongs to its Region: a replica has DynamoDB's own until it is told of one.
        encryption={},
        replicas=[member for member in members if member != region],
        global_since=table.global_since or ctx.now,
    )
    copy = replica_settings.overridden(there, copy, wanted, {})
    if table.stream_view:
        copy = streams.switched(there, copy, {"StreamEnabled": True, "StreamViewType": table.stream_view})
    there.put(copy)
    ctx.after(copy_items, table.name, table.number, region, b"")
    return replace(table, replicas=[member for member in members if member != ctx.region], global_since=table.global_since or ctx.now)


def _remove(ctx: Context, table: Table, region: str) -> None:
    there = ctx.at(region=region)
    if there.get(Table, table.name) is not None:
        from cloudjar.services.dynamodb.tables import finish_deletion

        gone = there.get(Table, table.name)
        assert gone is not None
        there.put(replace(streams.switched(there, gone, {"StreamEnabled": False}), status="DELETING"))
        there.after(finish_deletion, table.name, gone.number)
    leave(ctx, table.name, region, [other for other in table.replicas if other != region])


def leave(ctx: Context, name: str, region: str, others: list[str]) -> None:
    """The replicas in other Regions forget the one in `region`."""
    for other in others:
        peer = ctx.at(region=other).get(Table, name)
        if peer is not None:
            ctx.at(region=other).put(replace(peer, replicas=[member for member in peer.replicas if member != region]))


@timer
def copy_items(ctx: Context, name: str, number: int, region: str, start: bytes) -> None:
    """Fills a new replica, some items at a time."""
    table, there = ctx.get(Table, name), ctx.at(region=region)
    replica = there.get(Table, name)
    if table is None or table.number != number or replica is None:
        return
    for copied, (key, _) in enumerate(storage.walk(ctx, number, start)):
        if copied == COPIED_AT_ONCE:
            ctx.after(copy_items, name, number, region, key)
            return
        bring(ctx, table, key, there, replica)


def bring(ctx: Context, table: Table, key: bytes, there: Context, replica: Table) -> None:
    """Makes the item at a key of a replica what it is here."""
    here, old = storage.read(ctx, table.number, key), storage.read(there, replica.number, key)
    before, after = old.attributes if old else None, here.attributes if here else None
    if before != after:
        writes.change(there, replica, key, old, after, here.size if here else 0, replicated=True)


def propagate(ctx: Context, event: Event) -> None:
    """A change of an item goes to the replicas."""
    table = ctx.get(Table, event.detail["table"])
    if table is None:
        return
    spread(ctx, table, bytes.fromhex(event.detail["key"]), event.detail["replicas"])


def spread(ctx: Context, table: Table, key: bytes, regions: list[str]) -> None:
    """Makes the item at a key what it is here in other Regions too."""
    for region in regions:
        there = ctx.at(region=region)
        replica = there.get(Table, table.name)
        if replica is not None and replica.status != "DELETING":
            bring(ctx, table, key, there, replica)
