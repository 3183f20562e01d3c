"""Restoring: a new table from an older one's schema and a space full of items."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import encryption, errors, storage, writes
from cloudjar.services.dynamodb import table_checks as checks
from cloudjar.services.dynamodb.schema import Table, check_new_name

RESTORED_AT_ONCE = 500


def restored_table(ctx: Context, source: Table, req: dict[str, Any], summary: dict[str, Any], number: int, *, keep: bool) -> Table:
    """A new table as `source` was, with a request's overrides; its items come from the space `number`, which goes unless `keep`."""
    name = req["TargetTableName"]
    check_new_name(name)
    if ctx.get(Table, name) is not None:
        raise errors.target_table_exists(name)
    if req.get("VectorIndexOverride"):
        raise not_implemented("dynamodb", "RestoreTable", "VectorIndexOverride")
    arn = source.encryption.get("KMSMasterKeyArn")
    same_key = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn} if arn else None
    key = encryption.specified(ctx, name, req.get("SSESpecificationOverride") or same_key)

    def next_number() -> int:
        return ctx.world.step(ctx._open(), "dynamodb.space")

    billing = req.get("BillingModeOverride") or source.billing
    given = req.get("ProvisionedThroughputOverride")
    if given is None and billing == source.billing:
        read, write = source.read_units, source.write_units
    else:
        read, write = checks.check_throughput(billing, given, "table")
    local = [index for index in source.indexes if index.local]
    global_ = [index for index in source.indexes if not index.local]
    if "LocalSecondaryIndexOverride" in req:
        wanted = req["LocalSecondaryIndexOverride"]
        local = [checks.local_index(each, source.hash, source.range, source.types, next_number) for each in wanted]
    if "GlobalSecondaryIndexOverride" in req:
        wanted = req["GlobalSecondaryIndexOverride"]
        global_ = [checks.global_index(each, billing, source.types, next_number, "ACTIVE") for each in wanted]
    indexes = [replace(index, number=next_number(), status="ACTIVE", backfilling=False) for index in [*local, *global_]]
    used = [source.hash, source.range, *(key for index in indexes for key in index.key_names)]
    table = Table(
        name,
        next_number(),
        ctx.ids.uuid(),
        ctx.now,
        source.hash,
        source.range,
        {key: type_ for key, type_ in source.types.items() if key in used},
        billing=billing,
        on_demand_since=ctx.now if billing == "PAY_PER_REQUEST" else None,
        read_units=read,
        write_units=write,
        on_demand=req.get("OnDemandThroughputOverride") or source.on_demand,
        indexes=indexes,
        table_class=source.table_class,
        encryption=key,
        restored={**summary, "RestoreInProgress": True},
    )
    ctx.put(table)
    ctx.after(fill, name, table.number, number, b"", keep)
    return table


@timer
def fill(ctx: Context, name: str, number: int, source: int, start: bytes, keep: bool) -> None:
    """Brings a table's items, some at a time; then the table is active."""
    from cloudjar.services.dynamodb.tables import purge

    table = ctx.get(Table, name)
    if table is None or table.number != number:
        return
    for count, (key, raw) in enumerate(storage.walk(ctx, source, start)):
        if count == RESTORED_AT_ONCE:
            ctx.after(fill, name, number, source, key, keep)
            return
        stored = storage.unpack(raw)
        writes.change(ctx, table, key, None, stored.attributes, stored.size)
    ctx.put(replace(table, status="ACTIVE", restored={**table.restored, "RestoreInProgress": False}))
    if not keep:
        ctx.after(purge, source)
