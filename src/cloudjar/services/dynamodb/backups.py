"""Backups on demand: whole copies of a table's items, taken in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.dynamodb import encryption, errors, storage, tables
from cloudjar.services.dynamodb.restores import restored_table
from cloudjar.services.dynamodb.schema import Table, on_table, place_of, table_arn
from cloudjar.services.dynamodb.table_wire import key_schema, table_to_wire

SYSTEM_KEPT = timedelta(days=35)


@record("dynamodb.backup", key="id", indexes={"table": ("table_name", "id")})
class Backup(Record):
    """A backup. `number` names the space of its items; `table` is the table as it was."""

    id: str
    name: str
    table_name: str
    table: Table
    number: int
    made: datetime
    items: int
    size: int
    status: str = "CREATING"
    kind: str = "USER"
    """The BackupType."""
    expires: datetime | None = None


def on_backup(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["BackupArn"])


def backup_arn(ctx: Context, backup: Backup) -> str:
    """A backup's ARN."""
    return f"{table_arn(ctx, backup.table_name)}/backup/{backup.id}"


def _found(ctx: Context, arn: str) -> Backup:
    backup = ctx.get(Backup, arn.rpartition("/")[2])
    if backup is None or backup_arn(ctx, backup) != arn:
        raise AwsError("BackupNotFoundException", f"Backup not found: {arn}")
    return backup


@operation(on=on_table)
def create_backup(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, name = place_of(ctx, req["TableName"])
    table = ctx.get(Table, name)
    if table is None:
        raise errors.source_table_not_found(name)
    if table.status not in ("ACTIVE", "UPDATING"):
        raise AwsError("TableInUseException", f"Table is being {table.status.lower()}: {name}")
    number = tables.next_number(ctx)
    storage.copy(ctx, table.number, number)
    items, size = storage.totals(ctx, table.number)
    backup = ctx.put(Backup(_new_id(ctx), req["BackupName"], name, table, number, ctx.now, items, size))
    ctx.after(finish_backup, backup.id)
    return {"BackupDetails": details(ctx, backup)}


def _new_id(ctx: Context) -> str:
    return f"{keys.microseconds(ctx.now) // 1000:017d}-{ctx.ids.hex(8)}"


def keep_deleted(ctx: Context, table: Table) -> None:
    """The items of a deleted table that had point-in-time recovery stay, as a backup of the system's, for 35 days.

    Source: "Point-in-time recovery: Before you begin" in the developer guide.
    """
    items, size = storage.totals(ctx, table.number)
    name, expires = f"{table.name}$DeletedTableBackup", ctx.now + SYSTEM_KEPT
    backup = Backup(
        _new_id(ctx), name, table.name, table, table.number, ctx.now, items, size, status="AVAILABLE", kind="SYSTEM", expires=expires
    )
    ctx.put(backup)
    ctx.after(expire_backup, backup.id, at=expires, housekeeping=True)


@timer
def expire_backup(ctx: Context, backup_id: str) -> None:
    """A backup of the system's goes."""
    backup = ctx.get(Backup, backup_id)
    if backup is not None:
        _drop(ctx, backup)


def _drop(ctx: Context, backup: Backup) -> None:
    ctx.delete(backup)
    storage.forget_totals(ctx, backup.number)
    ctx.after(tables.purge, backup.number)


@timer
def finish_backup(ctx: Context, backup_id: str) -> None:
    """A backup's creation ends."""
    backup = ctx.get(Backup, backup_id)
    if backup is not None:
        ctx.put(replace(backup, status="AVAILABLE"))


def details(ctx: Context, backup: Backup) -> dict[str, Any]:
    """A BackupDetails."""
    return {
        "BackupArn": backup_arn(ctx, backup),
        "BackupName": backup.name,
        "BackupSizeBytes": backup.size,
        "BackupStatus": backup.status,
        "BackupType": backup.kind,
        "BackupCreationDateTime": backup.made,
        **({"BackupExpiryDateTime": backup.expires} if backup.expires else {}),
    }


def description(ctx: Context, backup: Backup) -> dict[str, Any]:
    """A BackupDescription."""
    table = backup.table
    described = table_to_wire(ctx, table)
    units = {"ReadCapacityUnits": table.read_units, "WriteCapacityUnits": table.write_units}
    features: dict[str, Any] = {}
    for member in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if member in described:
            kept = ("IndexName", "KeySchema", "Projection")
            features[member] = [{name: index[name] for name in kept} for index in described[member]]
    if table.stream_number is not None:
        features["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": table.stream_view}
    if table.ttl:
        features["TimeToLiveDescription"] = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}
    if table.encryption:
        features["SSEDescription"] = encryption.to_wire(table.encryption)
    return {
        "BackupDetails": details(ctx, backup),
        "SourceTableDetails": {
            "TableName": table.name,
            "TableId": table.id,
            "TableArn": table_arn(ctx, table.name),
            "TableSizeBytes": backup.size,
            "KeySchema": key_schema([table.hash], [table.range] if table.range else []),
            "TableCreationDateTime": table.created,
            "ProvisionedThroughput": units,
            "ItemCount": backup.items,
            "BillingMode": table.billing,
        },
        "SourceTableFeatureDetails": features,
    }


@operation(on=on_backup)
def describe_backup(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"BackupDescription": description(ctx, _found(ctx, req["BackupArn"]))}


@operation(on=on_backup)
def delete_backup(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    backup = _found(ctx, req["BackupArn"])
    _drop(ctx, backup)
    return {"BackupDescription": description(ctx, replace(backup, status="DELETED"))}


@operation()
def list_backups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Backup)
    if req.get("TableName"):
        rows = ctx.where(Backup, table_name=place_of(ctx, req["TableName"])[1])
    low, high = req.get("TimeRangeLowerBound"), req.get("TimeRangeUpperBound")
    after, limit = req.get("ExclusiveStartBackupArn"), req.get("Limit") or 100
    found: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"BackupSummaries": found}
    kind = req.get("BackupType") or "USER"
    skipping = after is not None
    for backup in rows:
        if skipping:
            skipping = backup_arn(ctx, backup) != after
            continue
        if kind not in (backup.kind, "ALL") or (low is not None and backup.made < low) or (high is not None and backup.made >= high):
            continue
        if len(found) == limit:
            answer["LastEvaluatedBackupArn"] = found[-1]["BackupArn"]
            break
        summary = details(ctx, backup)
        summary |= {"TableName": backup.table_name, "TableId": backup.table.id, "TableArn": table_arn(ctx, backup.table_name)}
        found.append(summary)
    return answer


@operation(on=on_backup)
def restore_table_from_backup(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    backup = _found(ctx, req["BackupArn"])
    if backup.status != "AVAILABLE":
        raise AwsError("BackupInUseException", f"Backup is being used: {req['BackupArn']}")
    summary = {
        "SourceBackupArn": req["BackupArn"],
        "SourceTableArn": table_arn(ctx, backup.table_name),
        "RestoreDateTime": backup.made,
    }
    table = restored_table(ctx, backup.table, req, summary, backup.number, keep=True)
    return {"TableDescription": table_to_wire(ctx, table)}
