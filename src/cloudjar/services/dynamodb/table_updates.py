"""UpdateTable: throughput, billing, streams, protection, class, encryption, global indexes, replicas."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import encryption, errors, replica_settings, replicas, storage, streams, tables, writes
from cloudjar.services.dynamodb import table_checks as checks
from cloudjar.services.dynamodb.schema import Index, Table, check_index_keys, named_table, on_table
from cloudjar.services.dynamodb.table_wire import table_to_wire

BACKFILLED_AT_ONCE = 500

_REFUSED = (
    "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
    "VectorIndexUpdates",
)


@operation(on=on_table)
def update_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for member in _REFUSED:
        if req.get(member):
            raise not_implemented("dynamodb", "UpdateTable", member)
    ctx, table = named_table(ctx, req["TableName"])
    if not {member for member, value in req.items() if value != []} - {"TableName", "AttributeDefinitions"}:
        raise errors.invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or "
            "ReplicaUpdates is required"
        )
    if table.status != "ACTIVE":
        raise errors.table_in_use(table.name, table.status)
    table = _billed(ctx, table, req)
    table = streams.switched(ctx, table, req.get("StreamSpecification"))
    if "DeletionProtectionEnabled" in req:
        table = replace(table, protected=req["DeletionProtectionEnabled"])
    if req.get("TableClass") and req["TableClass"] != table.table_class:
        table = replace(table, table_class=req["TableClass"], class_changed=ctx.now)
    if req.get("SSESpecification"):
        encryption.release(ctx, table)
        table = replace(table, encryption=encryption.specified(ctx, table.name, req["SSESpecification"]))
    table = replace(
        table,
        on_demand=checks.on_demand(table.billing, req.get("OnDemandThroughput"), table.on_demand),
        warm=checks.warm("table", table.billing, (table.read_units, table.write_units), req.get("WarmThroughput"), table.warm),
    )
    if req.get("GlobalSecondaryIndexUpdates"):
        table = _indexed(ctx, table, req)
    if any(req.get(member) for member in ("ReplicaUpdates", "GlobalTableWitnessUpdates", "MultiRegionConsistency")):
        table = replicas.replicated(ctx, table, req)
    replica_settings.synchronise(ctx, table)
    ctx.put(replace(table, status="UPDATING"))
    ctx.after(finish_update, table.name, table.number)
    return {"TableDescription": table_to_wire(ctx, replace(table, status="UPDATING"))}


@timer
def finish_update(ctx: Context, name: str, number: int) -> None:
    """An update ends; index backfills may go on."""
    table = ctx.get(Table, name)
    if table is not None and table.number == number and table.status == "UPDATING":
        ctx.put(replace(table, status="ACTIVE"))


def _billed(ctx: Context, table: Table, req: dict[str, Any]) -> Table:
    billing = req.get("BillingMode") or table.billing
    wanted = req.get("ProvisionedThroughput")
    if billing == "PAY_PER_REQUEST":
        checks.check_throughput(billing, wanted, "table")
        if table.billing == billing:
            return table
        indexes = [replace(index, read_units=0, write_units=0) for index in table.indexes]
        return replace(table, billing=billing, on_demand_since=ctx.now, read_units=0, write_units=0, indexes=indexes)
    if wanted is None:
        if table.billing != billing:
            raise errors.invalid_parameters("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
        return table
    read, write = checks.check_throughput(billing, wanted, "table")
    if table.billing != billing:
        _check_indexes_provisioned(table, req)
    if table.billing == billing and (read, write) == (table.read_units, table.write_units):
        raise errors.invalid(
            "The provisioned throughput for the table will not change. The requested value equals the current value. "
            f"Current ReadCapacityUnits provisioned for the table: {table.read_units}. Requested ReadCapacityUnits: {read}. "
            f"Current WriteCapacityUnits provisioned for the table: {table.write_units}. Requested WriteCapacityUnits: {write}. "
            "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
        )
    return replace(
        table, billing=billing, read_units=read, write_units=write, on_demand={} if table.billing != billing else table.on_demand
    )


def _check_indexes_provisioned(table: Table, req: dict[str, Any]) -> None:
    """A table that is no longer on demand says what each of its global indexes is provisioned for."""
    updates = [update["Update"] for update in req.get("GlobalSecondaryIndexUpdates") or () if "Update" in update]
    given = {update["IndexName"] for update in updates if update.get("ProvisionedThroughput")}
    for index in table.indexes:
        if not index.local and index.name not in given:
            raise errors.invalid_parameters(f"ProvisionedThroughput must be specified for index: {index.name}")


def _indexed(ctx: Context, table: Table, req: dict[str, Any]) -> Table:
    defined = checks.attribute_types(req.get("AttributeDefinitions"))
    for name, type_ in defined.items():
        if table.types.get(name, type_) != type_:
            raise errors.key_type_changed(name, table.types[name], type_)
    types = table.types | defined
    updates = req["GlobalSecondaryIndexUpdates"]
    if sum("Update" not in update for update in updates) > 1 or (
        any("Update" not in update for update in updates) and any(index.status != "ACTIVE" for index in table.indexes)
    ):
        raise errors.limit_exceeded("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
    for update in updates:
        if len(update) != 1:
            raise errors.invalid_parameters("Only one global secondary index update per index is allowed simultaneously")
        ((kind, wanted),) = update.items()
        name = wanted["IndexName"]
        if kind == "Create":
            index = checks.global_index(wanted, table.billing, types, lambda: tables.next_number(ctx), "CREATING")
            index = replace(index, backfilling=True)
            table = replace(table, indexes=[*table.indexes, index])
            checks.check_indexes(table.indexes)
            ctx.after(backfill, table.name, table.number, index.name, b"")
            continue
        found = next((index for index in table.indexes if index.name == name and not index.local), None)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
        if kind == "Delete":
            table = _with(table, replace(found, status="DELETING"))
            ctx.after(drop_index, table.name, table.number, name)
        else:
            table = _with(table, _updated(table, found, wanted))
    used = [*table.key_names, *(key for index in table.indexes for key in index.key_names)]
    return replace(table, types={name: type_ for name, type_ in types.items() if name in used})


def _updated(table: Table, index: Index, wanted: dict[str, Any]) -> Index:
    if wanted.get("ProvisionedThroughput"):
        read, write = checks.check_throughput(table.billing, wanted["ProvisionedThroughput"], index.name)
        index = replace(index, read_units=read, write_units=write)
    units = (index.read_units, index.write_units)
    return replace(
        index,
        on_demand=checks.on_demand(table.billing, wanted.get("OnDemandThroughput"), index.on_demand),
        warm=checks.warm(f"index {index.name}", table.billing, units, wanted.get("WarmThroughput"), index.warm),
    )


def _with(table: Table, changed: Index) -> Table:
    return replace(table, indexes=[changed if index.number == changed.number else index for index in table.indexes])


@timer
def backfill(ctx: Context, name: str, number: int, index_name: str, start: bytes) -> None:
    """Enters a table's items into a new index, some at a time; then the index is active."""
    table = ctx.get(Table, name)
    if table is None or table.number != number or table.status == "DELETING":
        return
    index = next((index for index in table.indexes if index.name == index_name and index.backfilling), None)
    if index is None:
        return
    found: list[tuple[bytes, bytes]] = []
    for key, raw in storage.walk(ctx, number, start):
        if len(found) == BACKFILLED_AT_ONCE:
            ctx.after(backfill, name, number, index_name, key)
            break
        found.append((key, raw))
    else:
        ctx.put(_with(table, replace(index, status="ACTIVE", backfilling=False)))
    for key, raw in found:
        item = storage.unpack(raw).attributes
        try:
            check_index_keys(table, index, item)
        except AwsError:
            continue  # an item that does not fit is left out, as AWS does
        writes.add_entry(ctx, table, index_name, key, item)


@timer
def drop_index(ctx: Context, name: str, number: int, index_name: str) -> None:
    """The deletion of an index ends."""
    table = ctx.get(Table, name)
    if table is None or table.number != number:
        return
    for index in table.indexes:
        if index.name == index_name and index.status == "DELETING":
            rest = [other for other in table.indexes if other is not index]
            used = [*table.key_names, *(key for other in rest for key in other.key_names)]
            ctx.put(replace(table, indexes=rest, types={key: type_ for key, type_ in table.types.items() if key in used}))
            storage.forget_totals(ctx, index.number)
            ctx.after(tables.purge, index.number)
