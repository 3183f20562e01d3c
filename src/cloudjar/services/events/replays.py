"""Replays: an archive's events, sent to its bus again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import errors, lists
from cloudjar.services.events.archives import Archived, archive_arn, find_archive
from cloudjar.services.events.buses import bus_arn
from cloudjar.services.events.routing import publish

_STEP = 200
"""Events that are replayed in one transaction."""
_STEP_SECONDS = 1


@record("events.replay", key="name")
class Replay(Record):
    """A replay, and how far it has come."""

    name: str
    archive: str
    archive_uid: int
    bus: str
    rules: tuple[str, ...]
    event_start: datetime
    event_end: datetime
    started: datetime
    state: str = "STARTING"
    description: str | None = None
    ended: datetime | None = None
    last_event: datetime | None = None
    position: bytes = b""


def replay_arn(ctx: Context, name: str) -> str:
    """A replay's ARN."""
    return ctx.arn("events", f"replay/{name}")


def on_replay(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return replay_arn(ctx, req.get("ReplayName") or "*")


def _find(ctx: Context, name: str) -> Replay:
    found = ctx.get(Replay, name)
    if found is None:
        raise errors.replay_not_found(name)
    return found


@operation(on=on_replay)
def start_replay(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, source, destination = req["ReplayName"], req["EventSourceArn"], req["Destination"]
    if ctx.get(Replay, name):
        raise errors.replay_exists(name)
    prefix = archive_arn(ctx, "")
    if not source.startswith(prefix):
        raise errors.bad_parameter("EventSourceArn", "Must contain an archive ARN.")
    archive = find_archive(ctx, source.removeprefix(prefix))
    if destination["Arn"] != bus_arn(ctx, archive.bus):
        raise errors.bad_parameter("Destination.Arn", "Cross event bus replay is not permitted.")
    if req["EventEndTime"] <= req["EventStartTime"]:
        raise errors.bad_parameter("EventEndTime", "EventStartTime must be before EventEndTime.")
    replay = Replay(
        name,
        archive.name,
        archive.uid,
        archive.bus,
        tuple(destination.get("FilterArns") or ()),
        req["EventStartTime"],
        req["EventEndTime"],
        ctx.now,
        description=req.get("Description"),
    )
    ctx.put(replay)
    ctx.after(go_on, name, seconds=_STEP_SECONDS)
    return {"ReplayArn": replay_arn(ctx, name), "State": replay.state, "ReplayStartTime": replay.started}


@timer
def go_on(ctx: Context, name: str) -> None:
    """Replays the next events; the last step completes the replay."""
    replay = ctx.get(Replay, name)
    if replay is None or replay.state not in ("STARTING", "RUNNING", "CANCELLING"):
        return
    if replay.state == "CANCELLING":
        ctx.put(replace(replay, state="CANCELLED", ended=ctx.now))
        return
    rows = ctx.where(Archived, archive=replay.archive_uid).starting(replay.event_start).ending(replay.event_end)
    if replay.position:
        rows = rows.resuming(replay.position)
    sent, last, position = 0, replay.last_event, replay.position
    for place, archived in rows.positions():
        if sent == _STEP:
            ctx.put(replace(replay, state="RUNNING", last_event=last, position=position))
            ctx.after(go_on, name, seconds=_STEP_SECONDS)
            return
        publish(ctx, replay.bus, json.loads(archived.event) | {"replay-name": name}, only=replay.rules)
        sent, last, position = sent + 1, archived.time, place
    ctx.put(replace(replay, state="COMPLETED", last_event=last, position=position, ended=ctx.now))


@operation(on=on_replay)
def cancel_replay(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    replay = _find(ctx, req["ReplayName"])
    if replay.state not in ("STARTING", "RUNNING"):
        raise errors.bad_status(f"Replay {replay.name} is not in a valid state for this operation.")
    ctx.put(replace(replay, state="CANCELLING"))
    return {"ReplayArn": replay_arn(ctx, replay.name), "State": "CANCELLING"}


@operation(on=on_replay)
def describe_replay(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    replay = _find(ctx, req["ReplayName"])
    destination: dict[str, Any] = {"Arn": bus_arn(ctx, replay.bus)}
    if replay.rules:
        destination["FilterArns"] = list(replay.rules)
    wire = replay_to_wire(ctx, replay) | {"ReplayArn": replay_arn(ctx, replay.name), "Destination": destination}
    if replay.description:
        wire["Description"] = replay.description
    return wire


@operation()
def list_replays(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = lists.named(ctx.where(Replay), req.get("NamePrefix"))
    if state := req.get("State"):
        rows = rows.filtered(lambda replay: replay.state == state)
    if source := req.get("EventSourceArn"):
        rows = rows.filtered(lambda replay: archive_arn(ctx, replay.archive) == source)
    return lists.page(req, "Replays", rows, lambda replay: replay_to_wire(ctx, replay))


def replay_to_wire(ctx: Context, replay: Replay) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "ReplayName": replay.name,
        "EventSourceArn": archive_arn(ctx, replay.archive),
        "State": replay.state,
        "EventStartTime": replay.event_start,
        "EventEndTime": replay.event_end,
        "ReplayStartTime": replay.started,
    }
    if replay.ended:
        wire["ReplayEndTime"] = replay.ended
    if replay.last_event:
        wire["EventLastReplayedTime"] = replay.last_event
    return wire
