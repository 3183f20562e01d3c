"""Global tables of the first version, 2017.11.29: tables of several Regions that were made one by one."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors, storage
from cloudjar.services.dynamodb.replicas import copy_items
from cloudjar.services.dynamodb.schema import Table, table_arn


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


def _candidate(there: Context, name: str) -> Table:
    """A table that can become a replica."""
    table = there.get(Table, name)
    if table is None:
        raise AwsError("TableNotFoundException", f"Table not found: {table_arn(there, name)}")
    if table.replicas:
        raise AwsError("GlobalTableAlreadyExistsException", f"Global table with name: '{name}' already exists.")
    if table.stream_view != "NEW_AND_OLD_IMAGES":
        raise errors.invalid(f"Table '{name}' in Region '{there.region}' must have a stream with NEW_AND_OLD_IMAGES enabled")
    if storage.totals(there, table.number)[0]:
        raise errors.invalid(f"Table '{name}' in Region '{there.region}' must be empty")
    return table


@operation(on=on_global)
def create_global_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["GlobalTableName"]
    regions = [replica["RegionName"] for replica in req["ReplicationGroup"]]
    members = {region: _candidate(ctx.at(region=region), name) for region in regions}
    if ctx.region not in regions:
        raise errors.invalid("The replication group must hold the Region of the request")
    for region, table in members.items():
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


@operation(on=on_global)
def update_global_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["GlobalTableName"]
    table = _found(ctx, name)
    regions = [ctx.region, *table.replicas]
    if sum(len(update) for update in req["ReplicaUpdates"]) != 1:
        raise errors.invalid("Exactly one replica can be created or deleted in an UpdateGlobalTable operation")
    ((kind, wanted),) = req["ReplicaUpdates"][0].items()
    region = wanted["RegionName"]
    there = ctx.at(region=region)
    if kind == "Create":
        if region in regions:
            raise AwsError("ReplicaAlreadyExistsException", f"Failed to create replica because one already exists: {region}")
        added = _candidate(there, name)
        if (added.hash, added.range, added.types) != (table.hash, table.range, table.types):
            raise errors.invalid(f"Table '{name}' in Region '{region}' must have the key schema of the global table")
        regions.append(region)
        ctx.after(copy_items, name, table.number, region, b"")
    else:
        if region not in regions:
            raise AwsError("ReplicaNotFoundException", f"Replica not found: {region}")
        regions.remove(region)
        left = there.get(Table, name)
        if left is not None:
            # The table stays, by itself.
            there.put(replace(left, replicas=[], legacy_global=False, global_since=None))
    for member in regions:
        held = ctx.at(region=member).get(Table, name)
        if held is not None:
            others = [other for other in regions if other != member]
            ctx.at(region=member).put(replace(held, replicas=others, global_since=table.global_since, legacy_global=True))
    return {"GlobalTableDescription": _global_to_wire(ctx, replace(table, replicas=[other for other in regions if other != ctx.region]))}


@operation(on=on_global)
def describe_global_table_settings(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    table = _found(ctx, req["GlobalTableName"])
    return {"GlobalTableName": table.name, "ReplicaSettings": _settings(ctx, table)}


def _settings(ctx: Context, table: Table) -> list[dict[str, Any]]:
    found = []
    for region in [ctx.region, *table.replicas]:
        replica = ctx.at(region=region).get(Table, table.name)
        if replica is not None:
            found.append(_settings_to_wire(region, replica))
    return found


def _settings_to_wire(region: str, replica: Table) -> dict[str, Any]:
    """A ReplicaSettingsDescription."""
    wire: dict[str, Any] = {
        "RegionName": region,
        "ReplicaStatus": replica.status,
        "ReplicaProvisionedReadCapacityUnits": replica.read_units,
        "ReplicaProvisionedWriteCapacityUnits": replica.write_units,
    }
    if replica.billing == "PAY_PER_REQUEST" or replica.on_demand_since is not None:
        wire["ReplicaBillingModeSummary"] = {
            "BillingMode": replica.billing,
            "LastUpdateToPayPerRequestDateTime": replica.on_demand_since,
        }
    indexes = [
        {
            "IndexName": index.name,
            "IndexStatus": index.status,
            "ProvisionedReadCapacityUnits": index.read_units,
            "ProvisionedWriteCapacityUnits": index.write_units,
        }
        for index in replica.indexes
        if not index.local
    ]
    if indexes:
        wire["ReplicaGlobalSecondaryIndexSettings"] = indexes
    if replica.table_class != "STANDARD" or replica.class_changed is not None:
        wire["ReplicaTableClassSummary"] = {"TableClass": replica.table_class, "LastUpdateDateTime": replica.class_changed}
    return wire


@operation(on=on_global)
def update_global_table_settings(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _refuse_scaling(req)
    table = _found(ctx, req["GlobalTableName"])
    regions = [ctx.region, *table.replicas]
    own = {update["RegionName"]: update for update in req.get("ReplicaSettingsUpdate") or ()}
    for region in own:
        if region not in regions:
            raise AwsError("ReplicaNotFoundException", f"Replica not found: {region}")
    writes = {one["IndexName"]: one for one in req.get("GlobalTableGlobalSecondaryIndexSettingsUpdate") or ()}
    for region in regions:
        there = ctx.at(region=region)
        replica = there.get(Table, table.name)
        if replica is not None:
            there.put(_with_settings(there, replica, req, writes, own.get(region) or {}))
    return {"GlobalTableName": table.name, "ReplicaSettings": _settings(ctx, table)}


def _refuse_scaling(given: Any) -> None:
    """Nothing scales by itself here, wherever it is asked for."""
    if isinstance(given, dict):
        for member, value in given.items():
            if member.endswith("AutoScalingSettingsUpdate"):
                raise not_implemented("dynamodb", "UpdateGlobalTableSettings", member)
            _refuse_scaling(value)
    elif isinstance(given, list):
        for value in given:
            _refuse_scaling(value)


def _with_settings(there: Context, replica: Table, req: dict[str, Any], writes: dict[str, dict[str, Any]], own: dict[str, Any]) -> Table:
    """A replica with the settings of all, and its own."""
    billing = req.get("GlobalTableBillingMode") or replica.billing
    reads = {one["IndexName"]: one for one in own.get("ReplicaGlobalSecondaryIndexSettingsUpdate") or ()}
    for name in [*writes, *reads]:
        if not any(index.name == name and not index.local for index in replica.indexes):
            raise AwsError("IndexNotFoundException", f"Index not found: {name}")
    if billing == "PAY_PER_REQUEST":
        if replica.billing != billing:
            indexes = [replace(index, read_units=0, write_units=0) for index in replica.indexes]
            replica = replace(replica, billing=billing, on_demand_since=there.now, read_units=0, write_units=0, indexes=indexes)
        return _classed(there, replica, own)
    indexes = [
        replace(
            index,
            read_units=reads.get(index.name, {}).get("ProvisionedReadCapacityUnits", index.read_units),
            write_units=writes.get(index.name, {}).get("ProvisionedWriteCapacityUnits", index.write_units),
        )
        for index in replica.indexes
    ]
    # A table that was on demand begins with what AWS's console begins with.
    read = own.get("ReplicaProvisionedReadCapacityUnits") or replica.read_units or 5
    write = req.get("GlobalTableProvisionedWriteCapacityUnits") or replica.write_units or 5
    return _classed(there, replace(replica, billing=billing, read_units=read, write_units=write, indexes=indexes), own)


def _classed(there: Context, replica: Table, own: dict[str, Any]) -> Table:
    wanted = own.get("ReplicaTableClass")
    if not wanted or wanted == replica.table_class:
        return replica
    return replace(replica, table_class=wanted, class_changed=there.now)
