"""What replicas of a global table have in common, and what each may have for itself.

Source: "Settings synchronization" on the page about global tables in the developer guide.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import encryption, errors
from cloudjar.services.dynamodb.schema import Index, Table, named_table, on_table

_OWN = ("ProvisionedThroughputOverride", "OnDemandThroughputOverride")


def changed(ctx: Context, table: Table, wanted: dict[str, Any]) -> Table:
    """Gives a replica settings of its own; returns the table, which the replica may be."""
    region = wanted["RegionName"]
    if region == ctx.region and table.replicas:
        return overridden(ctx, table, wanted, table.overrides)
    there = ctx.at(region=region)
    peer = there.get(Table, table.name) if region in table.replicas else None
    if peer is None:
        raise errors.no_replica(region)
    there.put(overridden(there, peer, wanted, peer.overrides))
    return table


def overridden(there: Context, replica: Table, wanted: dict[str, Any], before: dict[str, Any]) -> Table:
    """A replica with settings of its own, beside those that it had."""
    overrides = {**before, **{member: wanted[member] for member in _OWN if wanted.get(member)}}
    indexes = {one["IndexName"]: one for one in before.get("GlobalSecondaryIndexes") or ()}
    for one in wanted.get("GlobalSecondaryIndexes") or ():
        if not any(index.name == one["IndexName"] and not index.local for index in replica.indexes):
            raise errors.no_such_index(one["IndexName"])
        indexes[one["IndexName"]] = {**indexes.get(one["IndexName"], {}), **one}
    if indexes:
        overrides["GlobalSecondaryIndexes"] = list(indexes.values())
    for override in [overrides, *indexes.values()]:
        if override.get("ProvisionedThroughputOverride") and replica.billing == "PAY_PER_REQUEST":
            raise errors.invalid_parameters("ProvisionedThroughputOverride cannot be specified when BillingMode is PAY_PER_REQUEST")
        if override.get("OnDemandThroughputOverride") and replica.billing != "PAY_PER_REQUEST":
            raise errors.invalid_parameters("OnDemandThroughputOverride can only be specified when BillingMode is PAY_PER_REQUEST")
    replica = replace(replica, overrides=overrides)
    if wanted.get("TableClassOverride") and wanted["TableClassOverride"] != replica.table_class:
        replica = replace(replica, table_class=wanted["TableClassOverride"], class_changed=there.now)
    if wanted.get("KMSMasterKeyId"):
        key = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": wanted["KMSMasterKeyId"]}
        encryption.release(there, replica)
        replica = replace(replica, encryption=encryption.specified(there, replica.name, key))
    return _with_overrides(replica)


def _with_overrides(replica: Table) -> Table:
    """A replica whose throughput is what it has for itself."""
    own = replica.overrides
    by_name = {one["IndexName"]: one for one in own.get("GlobalSecondaryIndexes") or ()}
    indexes = []
    for index in replica.indexes:
        one = by_name.get(index.name, {})
        read = (one.get("ProvisionedThroughputOverride") or {}).get("ReadCapacityUnits", index.read_units)
        on_demand = {**index.on_demand, **(one.get("OnDemandThroughputOverride") or {})}
        indexes.append(replace(index, read_units=read, on_demand=on_demand))
    return replace(
        replica,
        read_units=(own.get("ProvisionedThroughputOverride") or {}).get("ReadCapacityUnits", replica.read_units),
        on_demand={**replica.on_demand, **(own.get("OnDemandThroughputOverride") or {})},
        indexes=indexes,
    )


def synchronise(ctx: Context, table: Table) -> None:
    """Gives the other replicas what all have in common: capacity, global indexes, time to live, warm throughput."""
    if table.legacy_global:
        return
    for region in table.replicas:
        there = ctx.at(region=region)
        replica = there.get(Table, table.name)
        if replica is None or replica.status == "DELETING":
            continue
        alike = replace(
            replica,
            billing=table.billing,
            on_demand_since=table.on_demand_since,
            read_units=table.read_units,
            write_units=table.write_units,
            on_demand=table.on_demand,
            warm=table.warm,
            types=table.types,
            indexes=_alike(there, table, replica),
        )
        if alike.billing != replica.billing:
            # What was set for the other mode means nothing in this one.
            alike = replace(alike, overrides={})
        alike = _with_overrides(alike)
        if alike != replica:
            there.put(alike)


def _alike(there: Context, table: Table, replica: Table) -> list[Index]:
    from cloudjar.services.dynamodb.table_updates import backfill, drop_index

    held = {index.name: index for index in replica.indexes}
    indexes = []
    for index in table.indexes:
        mine = held.get(index.name)
        if mine is None:
            mine = replace(index, number=there.world.step(there._open(), "dynamodb.space"))
            there.after(backfill, replica.name, replica.number, index.name, b"")
        elif index.status == "DELETING" and mine.status != "DELETING":
            mine = replace(mine, status="DELETING")
            there.after(drop_index, replica.name, replica.number, index.name)
        units = {"read_units": index.read_units, "write_units": index.write_units}
        indexes.append(replace(mine, **units, on_demand=index.on_demand, warm=index.warm))
    return indexes


def replica_to_wire(there: Context, name: str) -> dict[str, Any]:
    """A ReplicaDescription."""
    wire: dict[str, Any] = {"RegionName": there.region, "ReplicaStatus": "ACTIVE"}
    replica = there.get(Table, name)
    if replica is None:
        return wire
    if replica.status == "DELETING":
        wire["ReplicaStatus"] = "DELETING"
    wire |= replica.overrides
    if replica.encryption.get("KMSMasterKeyArn"):
        wire["KMSMasterKeyId"] = replica.encryption["KMSMasterKeyArn"]
    if replica.table_class != "STANDARD" or replica.class_changed is not None:
        wire["ReplicaTableClassSummary"] = {"TableClass": replica.table_class, "LastUpdateDateTime": replica.class_changed}
    return wire


@operation(on=on_table)
def describe_table_replica_auto_scaling(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = named_table(ctx, req["TableName"])
    replicas = []
    for region in sorted([there.region, *table.replicas]) if table.replicas else ():
        wire = replica_to_wire(there.at(region=region), table.name)
        replica = there.at(region=region).get(Table, table.name)
        indexes = [index for index in replica.indexes if not index.local] if replica else []
        told = [{"IndexName": index.name, "IndexStatus": index.status} for index in indexes]
        # No replica scales by itself: UpdateTableReplicaAutoScaling is refused.
        replicas.append({"RegionName": region, "ReplicaStatus": wire["ReplicaStatus"], "GlobalSecondaryIndexes": told})
    return {"TableAutoScalingDescription": {"TableName": table.name, "TableStatus": table.status, "Replicas": replicas}}
