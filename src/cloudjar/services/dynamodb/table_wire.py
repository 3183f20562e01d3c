"""A table as the API describes it."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb import encryption, storage
from cloudjar.services.dynamodb import table_checks as checks
from cloudjar.services.dynamodb.replica_settings import replica_to_wire
from cloudjar.services.dynamodb.schema import Index, Table, table_arn


def table_to_wire(ctx: Context, table: Table) -> dict[str, Any]:
    """A TableDescription."""
    arn = table_arn(ctx, table.name)
    items, size = storage.totals(ctx, table.number)
    wire: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": type_} for name, type_ in table.types.items()],
        "TableName": table.name,
        "KeySchema": key_schema([table.hash], [table.range] if table.range else []),
        "TableStatus": table.status,
        "CreationDateTime": table.created,
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": table.read_units,
            "WriteCapacityUnits": table.write_units,
        },
        "TableSizeBytes": size,
        "ItemCount": items,
        "TableArn": arn,
        "TableId": table.id,
        "DeletionProtectionEnabled": table.protected,
        "WarmThroughput": warm_to_wire(table.warm, table.billing, table.read_units, table.write_units),
    }
    if table.billing == "PAY_PER_REQUEST" or table.on_demand_since is not None:
        wire["BillingModeSummary"] = {"BillingMode": table.billing, "LastUpdateToPayPerRequestDateTime": table.on_demand_since}
    if table.on_demand:
        wire["OnDemandThroughput"] = table.on_demand
    local = [index_to_wire(ctx, arn, index, table.billing) for index in table.indexes if index.local]
    if local:
        wire["LocalSecondaryIndexes"] = local
    global_ = [index_to_wire(ctx, arn, index, table.billing) for index in table.indexes if not index.local]
    if global_:
        wire["GlobalSecondaryIndexes"] = global_
    if table.stream_number is not None:
        wire["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream_view}
    if table.latest_stream_label:
        wire["LatestStreamLabel"] = table.latest_stream_label
        wire["LatestStreamArn"] = f"{arn}/stream/{table.latest_stream_label}"
    if table.table_class != "STANDARD" or table.class_changed is not None:
        wire["TableClassSummary"] = {"TableClass": table.table_class, "LastUpdateDateTime": table.class_changed}
    if table.encryption:
        wire["SSEDescription"] = encryption.to_wire(table.encryption)
        if table.status == "ACTIVE" and encryption.problem(ctx, table) is not None:
            wire["TableStatus"] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    if table.restored:
        wire["RestoreSummary"] = table.restored
    if table.replicas:
        wire["GlobalTableVersion"] = "2017.11.29" if table.legacy_global else "2019.11.21"
        wire["Replicas"] = [replica_to_wire(ctx.at(region=region), table.name) for region in table.replicas]
    if table.strong:
        wire["MultiRegionConsistency"] = "STRONG"
    if table.witness:
        wire["GlobalTableWitnesses"] = [{"RegionName": table.witness, "WitnessStatus": "ACTIVE"}]
    return wire


def index_to_wire(ctx: Context, arn: str, index: Index, billing: str) -> dict[str, Any]:
    """An index's description."""
    items, size = storage.totals(ctx, index.number)
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.included:
        projection["NonKeyAttributes"] = index.included
    wire: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.hashes, index.ranges),
        "Projection": projection,
        "IndexSizeBytes": size,
        "ItemCount": items,
        "IndexArn": f"{arn}/index/{index.name}",
    }
    if index.local:
        return wire
    wire["IndexStatus"] = index.status
    if index.backfilling:
        wire["Backfilling"] = True
    wire["ProvisionedThroughput"] = {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": index.read_units,
        "WriteCapacityUnits": index.write_units,
    }
    if index.on_demand:
        wire["OnDemandThroughput"] = index.on_demand
    wire["WarmThroughput"] = warm_to_wire(index.warm, billing, index.read_units, index.write_units)
    return wire


def warm_to_wire(warm: dict[str, int], billing: str, read: int, write: int) -> dict[str, Any]:
    """What a table or index could take at once."""
    return {**checks.warm_of(billing, (read, write), warm), "Status": "ACTIVE"}


def key_schema(hashes: list[str], ranges: list[str]) -> list[dict[str, str]]:
    """A KeySchema."""
    return [
        *[{"AttributeName": name, "KeyType": "HASH"} for name in hashes],
        *[{"AttributeName": name, "KeyType": "RANGE"} for name in ranges],
    ]
