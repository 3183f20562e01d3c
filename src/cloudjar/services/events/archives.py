"""Archives: events that a bus has seen, kept for replays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.event_pattern import compile_pattern
from cloudjar.kernel.input_template import dump
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import bus_keys, errors, lists
from cloudjar.services.events.buses import bus_arn, find_bus
from cloudjar.services.events.rules import predicate

DAY = 86_400
_PURGED_AT_ONCE = 2000


@record("events.archive", key="name", indexes={"bus": ("bus", "name")})
class Archive(Record):
    """An archive of one bus."""

    name: str
    bus: str
    created: datetime
    uid: int
    pattern: str = ""
    description: str | None = None
    retention_days: int = 0
    events: int = 0
    size: int = 0
    kms_key: str = ""


@record("events.archived", key=("archive", "time", "id"))
class Archived(Record):
    """One event in an archive, by the archive's uid and the time of arrival."""

    archive: int
    time: datetime
    id: str
    event: str


def archive_arn(ctx: Context, name: str) -> str:
    """An archive's ARN."""
    return ctx.arn("events", f"archive/{name}")


def on_archive(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return archive_arn(ctx, req.get("ArchiveName") or "*")


def find_archive(ctx: Context, name: str) -> Archive:
    """The archive, or ResourceNotFoundException."""
    found = ctx.get(Archive, name)
    if found is None:
        raise errors.archive_not_found(name)
    return found


def keep(ctx: Context, bus: str, event: dict[str, Any]) -> None:
    """Puts an event into the bus's archives that want it."""
    for archive in ctx.where(Archive, bus=bus):
        if archive.pattern and not compile_pattern(archive.pattern)(event):
            continue
        if bus_keys.seal(ctx, archive.kms_key, bus_arn(ctx, bus)) is not None:
            continue
        text = dump(event)
        ctx.put(Archived(archive.uid, ctx.now, event["id"], text))
        ctx.put(replace(archive, events=archive.events + 1, size=archive.size + len(text.encode())))


@operation(on=on_archive)
def create_archive(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, pattern = req["ArchiveName"], req.get("EventPattern") or ""
    key = bus_keys.chosen(ctx, req.get("KmsKeyIdentifier") or "")
    there, bus = find_bus(ctx, req["EventSourceArn"])
    if there.account != ctx.account or there.region != ctx.region:
        raise errors.bad_parameter("EventSourceArn", "The event bus must be in this account and Region.")
    if ctx.get(Archive, name):
        raise errors.archive_exists(name)
    if pattern:
        predicate(pattern)
    uid = ctx.world.step(ctx._open(), "events.archive")
    archive = Archive(name, bus.name, ctx.now, uid, pattern, req.get("Description"), req.get("RetentionDays") or 0, kms_key=key)
    ctx.put(archive)
    ctx.after(expire, name, uid, seconds=DAY, housekeeping=True)
    return _state(ctx, archive)


@operation(on=on_archive)
def update_archive(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    archive = find_archive(ctx, req["ArchiveName"])
    if req.get("EventPattern"):
        predicate(req["EventPattern"])
    fields = {"Description": "description", "EventPattern": "pattern", "RetentionDays": "retention_days"}
    changes = {field: req[member] for member, field in fields.items() if member in req}
    if "KmsKeyIdentifier" in req:
        changes["kms_key"] = bus_keys.chosen(ctx, req["KmsKeyIdentifier"])
    archive = ctx.put(replace(archive, **changes))
    return _state(ctx, archive)


def _state(ctx: Context, archive: Archive) -> dict[str, Any]:
    return {"ArchiveArn": archive_arn(ctx, archive.name), "State": "ENABLED", "CreationTime": archive.created}


@operation(on=on_archive)
def delete_archive(ctx: Context, req: dict[str, Any]) -> None:
    archive = find_archive(ctx, req["ArchiveName"])
    ctx.delete(archive)
    ctx.after(purge, archive.uid)


@operation(on=on_archive)
def describe_archive(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    archive = find_archive(ctx, req["ArchiveName"])
    wire = archive_to_wire(ctx, archive) | {"ArchiveArn": archive_arn(ctx, archive.name)}
    if archive.description:
        wire["Description"] = archive.description
    if archive.pattern:
        wire["EventPattern"] = archive.pattern
    if archive.kms_key:
        wire["KmsKeyIdentifier"] = archive.kms_key
    return wire


@operation()
def list_archives(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    given = [member for member in ("NamePrefix", "EventSourceArn", "State") if req.get(member)]
    if len(given) > 1:
        raise errors.invalid("At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.")
    rows = lists.named(ctx.where(Archive), req.get("NamePrefix"))
    if source := req.get("EventSourceArn"):
        rows = rows.filtered(lambda archive: bus_arn(ctx, archive.bus) == source)
    if (state := req.get("State")) and state != "ENABLED":
        rows = rows.filtered(lambda archive: False)
    return lists.page(req, "Archives", rows, lambda archive: archive_to_wire(ctx, archive))


def archive_to_wire(ctx: Context, archive: Archive) -> dict[str, Any]:
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": bus_arn(ctx, archive.bus),
        "State": "ENABLED",
        "RetentionDays": archive.retention_days,
        "SizeBytes": archive.size,
        "EventCount": archive.events,
        "CreationTime": archive.created,
    }


@timer
def expire(ctx: Context, name: str, uid: int) -> None:
    """Once a day, events older than the archive's retention go."""
    archive = ctx.get(Archive, name)
    if archive is None or archive.uid != uid:
        return
    if archive.retention_days:
        limit = ctx.now - timedelta(days=archive.retention_days)
        gone = list(ctx.where(Archived, archive=uid).ending(limit))
        for event in gone:
            ctx.delete(event)
        size = archive.size - sum(len(event.event.encode()) for event in gone)
        ctx.put(replace(archive, events=archive.events - len(gone), size=size))
    ctx.after(expire, name, uid, seconds=DAY, housekeeping=True)


@timer
def purge(ctx: Context, uid: int) -> None:
    """The events of a deleted archive go, some at a time."""
    for count, event in enumerate(ctx.where(Archived, archive=uid)):
        if count == _PURGED_AT_ONCE:
            ctx.after(purge, uid)
            return
        ctx.delete(event)
