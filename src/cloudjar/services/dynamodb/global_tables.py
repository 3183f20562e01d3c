"""Global tables: replicas in other Regions, kept alike by events. The last to write an item wins."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.events import Event
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors, storage, streams, writes
from cloudjar.services.dynamodb.schema import Table, table_arn

COPIED_AT_ONCE = 500


def replicated(ctx: Context, table: Table, updates: list[dict[str, Any]]) -> Table:
    """The table with replicas made and removed as ReplicaUpdates says."""
    for update in updates:
        if len(update) != 1:
            raise errors.invalid_parameters("Exactly one of Create, Update and Delete must be given in a ReplicaUpdate")
        ((kind, wanted),) = update.items()
        region = wanted["RegionName"]
        if kind == "Create":
            if len(wanted) > 1:
                raise not_implemented("dynamodb", "UpdateTable", "replicas with settings of their own")
            table = _with_replica(ctx, table, region)
        elif kind == "Delete":
            if region not in table.replicas:
                raise errors.no_replica(region)
            _remove(ctx, table, region)
            table = replace(table, replicas=[other for other in table.replicas if other != region])
        else:
            raise not_implemented("dynamodb", "UpdateTable", f"ReplicaUpdates: {kind}")
    return table


def _with_replica(ctx: Context, table: Table, region: str) -> Table:
    if region == ctx.region or region in table.replicas:
        raise errors.replica_exists(table.name, region)
    if table.stream_view != "NEW_AND_OLD_IMAGES":
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
        policy="",
        policy_revision="",
        recovery_since=None,
        replicas=[member for member in members if member != region],
    )
    there.put(streams.switched(there, copy, {"StreamEnabled": True, "StreamViewType": table.stream_view}))
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
    for region in event.detail["replicas"]:
        there = ctx.at(region=region)
        replica = there.get(Table, table.name)
        if replica is not None and replica.status != "DELETING":
            bring(ctx, table, bytes.fromhex(event.detail["key"]), there, replica)


# The first version of global tables, 2017.11.29


def on_global(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return f"arn:{ctx.partition}:dynamodb::{ctx.account}:global-table/{req['GlobalTableName']}"


def _global_to_wire(ctx: Context, table: Table) -> dict[str, Any]:
    regions = [ctx.region, *table.replicas]
    return {
        "ReplicationGroup": [
            {
                "RegionName": region,
                "ReplicaStatus": "ACTIVE",
                "ReplicaArn": table_arn(ctx.at(region=region), table.name),
            }
            for region in regions
        ],
        "GlobalTableArn": on_global(ctx, {"GlobalTableName": table.name}),
        "CreationDateTime": table.global_since,
        "GlobalTableStatus": "ACTIVE",
        "GlobalTableName": table.name,
    }


def _found(ctx: Context, name: str) -> Table:
    table = ctx.get(Table, name)
    if table is None or not table.legacy_global:
        raise AwsError("GlobalTableNotFoundException", f"Global table not found: Global table with name: '{name}' does not exist.")
    return table


@operation(on=on_global)
def create_global_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["GlobalTableName"]
    regions = [replica["RegionName"] for replica in req["ReplicationGroup"]]
    members = {region: ctx.at(region=region).get(Table, name) for region in regions}
    for region, table in members.items():
        if table is None:
            raise AwsError("TableNotFoundException", f"Table not found: {table_arn(ctx.at(region=region), name)}")
        if table.replicas:
            raise AwsError("GlobalTableAlreadyExistsException", f"Global table with name: '{name}' already exists.")
        if table.stream_view != "NEW_AND_OLD_IMAGES":
            raise errors.invalid(f"Table '{name}' in Region '{region}' must have a stream with NEW_AND_OLD_IMAGES enabled")
        if storage.totals(ctx.at(region=region), table.number)[0]:
            raise errors.invalid(f"Table '{name}' in Region '{region}' must be empty")
    if ctx.region not in regions:
        raise errors.invalid("The replication group must hold the Region of the request")
    for region, table in members.items():
        assert table is not None
        others = [other for other in regions if other != region]
        ctx.at(region=region).put(replace(table, replicas=others, global_since=ctx.now, legacy_global=True))
    return {"GlobalTableDescription": _global_to_wire(ctx, _found(ctx, name))}


@operation(on=on_global)
def describe_global_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"GlobalTableDescription": _global_to_wire(ctx, _found(ctx, req["GlobalTableName"]))}


@operation()
def list_global_tables(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    after, limit = req.get("ExclusiveStartGlobalTableName") or "", req.get("Limit") or 100
    region = req.get("RegionName")
    found: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"GlobalTables": found}
    for table in ctx.where(Table).starting(after).filtered(lambda table: table.legacy_global and table.name != after):
        regions = [ctx.region, *table.replicas]
        if region and region not in regions:
            continue
        if len(found) == limit:
            answer["LastEvaluatedGlobalTableName"] = found[-1]["GlobalTableName"]
            break
        found.append({"GlobalTableName": table.name, "ReplicationGroup": [{"RegionName": name} for name in regions]})
    return answer
