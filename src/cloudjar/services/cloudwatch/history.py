"""What has happened to alarms."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.alarms import Alarm, on_alarm

KEPT = 1000
"""Items that are kept in an account and Region. AWS keeps 30 days' worth."""


@record("cloudwatch.alarm_history", key="seq")
class HistoryItem(Record):
    """One thing that happened."""

    seq: int
    alarm: str
    kind: str
    time: datetime
    type: str
    summary: str
    data: str


def note(ctx: Context, alarm: Alarm, type_: str, summary: str, data: dict[str, Any]) -> None:
    """Adds to an alarm's history."""
    seq = ctx.world.step(ctx._open(), f"cloudwatch.history/{ctx.account}/{ctx.region}")
    text = json.dumps({"version": "1.0", **data}, separators=(",", ":"), default=str)
    ctx.put(HistoryItem(seq, alarm.name, alarm.kind, ctx.now, type_, summary[:255], text[:4095]))
    stale = ctx.get(HistoryItem, seq - KEPT) if seq > KEPT else None
    if stale:
        ctx.delete(stale)


@operation(on=on_alarm)
def describe_alarm_history(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(HistoryItem)
    if (req.get("ScanBy") or "TimestampDescending") == "TimestampDescending":
        rows = rows.backwards()
    name, kinds, type_ = req.get("AlarmName"), req.get("AlarmTypes") or ["MetricAlarm"], req.get("HistoryItemType")
    start, end = req.get("StartDate"), req.get("EndDate")

    def wanted(item: HistoryItem) -> bool:
        if (name and item.alarm != name) or (not name and item.kind not in kinds) or (type_ and item.type != type_):
            return False
        return (start is None or item.time >= start) and (end is None or item.time < end)

    return ctx.page(req, rows.filtered(wanted), history_to_wire, default=100, maximum=100, error=errors.invalid_token())


def history_to_wire(item: HistoryItem) -> dict[str, Any]:
    return {
        "AlarmName": item.alarm,
        "AlarmType": item.kind,
        "Timestamp": item.time,
        "HistoryItemType": item.type,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }
