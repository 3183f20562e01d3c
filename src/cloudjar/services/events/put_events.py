"""PutEvents: custom events onto buses."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.input_template import dump
from cloudjar.kernel.marks import operation
from cloudjar.services.events import endpoints, errors, metering
from cloudjar.services.events.buses import DEFAULT, bus_arn, get_bus, home_of
from cloudjar.services.events.endpoints import Endpoint
from cloudjar.services.events.envelope import envelope
from cloudjar.services.events.routing import publish

LARGEST = 1_048_576
"""Bytes of all entries: "Calculating PutEvents event entry size" in the user guide."""


def on_buses(ctx: Context, req: dict[str, Any]) -> list[str]:
    """What IAM is asked about."""
    if req.get("EndpointId") and (endpoint := ctx.where(Endpoint, id=req["EndpointId"]).first()):
        ctx = ctx.at(region=endpoint.region)
    return list(dict.fromkeys(bus_arn(ctx, entry.get("EventBusName") or DEFAULT) for entry in req["Entries"]))


@operation(on=on_buses)
def put_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    endpoint = endpoints.by_id(ctx, req["EndpointId"]) if req.get("EndpointId") else None
    size = sum(size_of(entry) for entry in req["Entries"])
    if size > LARGEST:
        raise errors.invalid("Total size of the entries in the request is over the limit.")
    results: list[dict[str, Any]] = []
    failed = 0
    for entry in req["Entries"]:
        try:
            results.append({"EventId": _accept(ctx, entry, endpoint)})
        except AwsError as error:
            failed += 1
            results.append({"ErrorCode": error.code, "ErrorMessage": error.message})
    metering.of_put(ctx, len(results), failed, size)
    return {"FailedEntryCount": failed, "Entries": results}


def size_of(entry: dict[str, Any]) -> int:
    size = 14 if entry.get("Time") else 0
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ())]
    return size + sum(len(text.encode()) for text in texts if text)


def checked_detail(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry's detail. Raises the error of the entry, if it is none."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            raise AwsError("InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument.")
    if len(entry["DetailType"]) > 128:
        raise AwsError("InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType must be at most 128 characters.")
    return _detail(entry["Detail"])


def _accept(ctx: Context, entry: dict[str, Any], endpoint: Endpoint | None) -> str:
    detail = checked_detail(entry)
    if entry["Source"].lower().startswith("aws."):
        raise AwsError("NotAuthorizedForSourceException", "Not authorized for the source.")
    if endpoint is not None:
        ctx = ctx.at(region=endpoint.region)
    there, name = home_of(ctx, entry.get("EventBusName"))
    if endpoint is not None and (there.account, there.region, name) != (endpoint.account, endpoint.region, endpoint.bus):
        raise AwsError("InvalidArgument", f"Event bus {name} is not the event bus of the endpoint.")
    event = envelope(ctx, entry["Source"], entry["DetailType"], detail, entry.get("Resources") or [], time=entry.get("Time"))
    event["region"] = there.region
    # AWS takes an event for a bus that is not there, and drops it.
    if get_bus(there, name) is not None:
        publish(there, name, event)
    if endpoint is not None and endpoint.replicates:
        endpoints.replicate(ctx, endpoint, event)
    return str(event["id"])


def _detail(text: str) -> dict[str, Any]:
    try:
        detail = json.loads(text, parse_int=_whole, parse_constant=_whole)
        dump(detail).encode()
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
        raise AwsError("MalformedDetail", "Detail is malformed.")
    return detail


def _whole(text: str) -> int:
    # EventBridge takes 64-bit integers, and neither NaN nor Infinity.
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(text)
    return number
