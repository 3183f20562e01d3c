"""Point-in-time recovery: continuous backups, and tables as they were at any instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors, history, storage
from cloudjar.services.dynamodb.history import Replaced
from cloudjar.services.dynamodb.restores import restored_table
from cloudjar.services.dynamodb.schema import Table, on_table, place_of, table_arn
from cloudjar.services.dynamodb.table_wire import table_to_wire


def source_table(ctx: Context, name_or_arn: str) -> tuple[Context, Table]:
    """The table, or TableNotFoundException."""
    there, name = place_of(ctx, name_or_arn)
    table = there.get(Table, name)
    if table is None:
        raise errors.source_table_not_found(name)
    return there, table


@operation(on=on_table)
def update_continuous_backups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = source_table(ctx, req["TableName"])
    wanted = req["PointInTimeRecoverySpecification"]
    days = wanted.get("RecoveryPeriodInDays")
    if days is not None and not 1 <= days <= 35:
        raise errors.invalid("RecoveryPeriodInDays must be between 1 and 35")
    if wanted["PointInTimeRecoveryEnabled"]:
        table = replace(table, recovery_since=table.recovery_since or ctx.now, recovery_days=days or table.recovery_days)
    elif table.recovery_since is not None:
        table = replace(table, recovery_since=None, recovery_days=35)
        there.after(history.drop, table.number)
    return {"ContinuousBackupsDescription": _to_wire(there, there.put(table))}


@operation(on=on_table)
def describe_continuous_backups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = source_table(ctx, req["TableName"])
    return {"ContinuousBackupsDescription": _to_wire(there, table)}


def _earliest(ctx: Context, table: Table) -> datetime:
    assert table.recovery_since is not None
    return max(table.recovery_since, ctx.now - timedelta(days=table.recovery_days))


def _to_wire(ctx: Context, table: Table) -> dict[str, Any]:
    wire: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    if table.recovery_since is not None:
        wire = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": table.recovery_days,
            "EarliestRestorableDateTime": _earliest(ctx, table),
            "LatestRestorableDateTime": ctx.now,
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": wire}


def as_of(ctx: Context, table: Table, instant: datetime | None) -> int:
    """A new space with the table's items as they were at an instant; None means now."""
    number = ctx.world.step(ctx._open(), "dynamodb.space")
    storage.copy(ctx, table.number, number)
    undone: set[bytes] = set()
    if instant is not None:
        # The first thing that was replaced after the instant is what stood there at the instant.
        for found in ctx.where(Replaced, table=table.number).starting(instant + timedelta(microseconds=1)):
            if found.key in undone:
                continue
            undone.add(found.key)
            if found.item is None:
                storage.erase(ctx, number, found.key)
            else:
                storage.write(ctx, number, found.key, found.item, found.size)
    return number


def check_instant(ctx: Context, table: Table, instant: datetime | None, code: str) -> None:
    """Recovery must be on, and reach to the instant."""
    if table.recovery_since is None:
        raise AwsError("PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{table.name}'")
    if instant is not None and not _earliest(ctx, table).replace(microsecond=0) <= instant <= ctx.now:
        raise AwsError(code, f"The time must be within the recovery period: {_earliest(ctx, table).isoformat()} to {ctx.now.isoformat()}")


@operation(on=on_table)
def restore_table_to_point_in_time(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    source = req.get("SourceTableArn") or req.get("SourceTableName")
    if not source:
        raise errors.invalid("One of SourceTableArn and SourceTableName must be given")
    there, table = source_table(ctx, source)
    latest, instant = req.get("UseLatestRestorableTime"), req.get("RestoreDateTime")
    if bool(latest) == (instant is not None):
        raise errors.invalid("Exactly one of UseLatestRestorableTime and RestoreDateTime must be given")
    check_instant(there, table, instant, "InvalidRestoreTimeException")
    summary = {"SourceTableArn": table_arn(there, table.name), "RestoreDateTime": instant or ctx.now}
    made = restored_table(ctx, table, req, summary, as_of(there, table, instant), keep=False)
    return {"TableDescription": table_to_wire(ctx, made)}
