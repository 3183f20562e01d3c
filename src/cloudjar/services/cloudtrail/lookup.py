"""LookupEvents: the last 90 days of management events."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.cloudtrail import errors
from cloudjar.services.cloudtrail.events import event_of, id_of, name_of, only_reads, resources_of, source_of, user_name
from cloudjar.services.cloudtrail.recorder import CallEvent, Recorder

LIFE = timedelta(days=90)
PAGE = 50


@operation()
async def lookup_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("EventCategory"):
        raise not_implemented("cloudtrail", "LookupEvents", "Insights events")
    ctx.world.part(Recorder).store()
    with ctx.transaction():
        return _found(ctx, req)


def _found(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    start, end = req.get("StartTime"), req.get("EndTime")
    if start and end and start > end:
        raise errors.bad_time_range()
    oldest = max(start, ctx.now - LIFE) if start else ctx.now - LIFE
    matches = _matcher(ctx, req.get("LookupAttributes") or [])
    limit = req.get("MaxResults") or PAGE
    rows = ctx.where(CallEvent).backwards()
    if req.get("NextToken"):
        rows = rows.resuming(decode_token(req["NextToken"], errors.bad_token()))
    found: list[dict[str, Any]] = []
    last = b""
    for position, call in rows.positions():
        if call.time < oldest:
            break
        if call.data or (end and call.time > end) or not matches(call):
            continue
        if len(found) >= limit:
            return {"Events": found, "NextToken": encode_token(last)}
        found.append(_to_wire(ctx, call))
        last = position
    return {"Events": found}


def _matcher(ctx: Context, attributes: list[dict[str, Any]]) -> Callable[[CallEvent], bool]:
    if len(attributes) > 1:
        raise errors.bad_lookup("You can only specify one lookup attribute.")
    if not attributes:
        return lambda call: True
    key, value = attributes[0]["AttributeKey"], attributes[0]["AttributeValue"]
    if key in ("ResourceType", "ResourceName"):
        return lambda call: any(
            value == resource["type"] if key == "ResourceType" else value in (resource["ARN"], _short(resource["ARN"]))
            for resource in resources_of(call, ctx.region, ctx.account)
        )
    tests: dict[str, Callable[[CallEvent], str]] = {
        "EventId": id_of,
        "EventName": name_of,
        "ReadOnly": lambda call: "true" if only_reads(call) else "false",
        "Username": lambda call: user_name(call.principal),
        "EventSource": source_of,
        "AccessKeyId": lambda call: call.principal.access_key,
    }
    read = tests[key]
    return lambda call: read(call) == value


def _short(arn: str) -> str:
    return arn.split(":", 5)[-1].rpartition("/")[2]


def _to_wire(ctx: Context, call: CallEvent) -> dict[str, Any]:
    wire = {
        "EventId": id_of(call),
        "EventName": name_of(call),
        "ReadOnly": "true" if only_reads(call) else "false",
        "EventTime": call.time,
        "EventSource": source_of(call),
        "Resources": [
            {"ResourceType": resource["type"], "ResourceName": _short(resource["ARN"])}
            for resource in resources_of(call, ctx.region, ctx.account)
        ],
        "CloudTrailEvent": json.dumps(event_of(call, ctx.region, ctx.account)),
    }
    if not call.event:
        wire["Username"] = user_name(call.principal)
    if call.principal.access_key:
        wire["AccessKeyId"] = call.principal.access_key
    return wire
