"""Dashboards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.cloudwatch import errors

_TYPES = ("metric", "text", "log", "alarm", "explorer", "custom")
_SIZES = {"x": (0, 23), "y": (0, 10**9), "width": (1, 24), "height": (1, 1000)}
_NEEDED = {"text": "markdown", "log": "query", "alarm": "alarms"}


@record("cloudwatch.dashboard", key="name", scope="account")
class Dashboard(Record):
    """A dashboard, the same in all Regions."""

    name: str
    body: str
    modified: datetime


def dashboard_arn(ctx: Context, name: str) -> str:
    """A dashboard's ARN, which has no Region."""
    return ctx.arn("cloudwatch", f"dashboard/{name}", region="")


def on_dashboard(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return dashboard_arn(ctx, req.get("DashboardName") or "*")


def on_dashboards(ctx: Context, req: dict[str, Any]) -> list[str]:
    """What IAM is asked about."""
    return [dashboard_arn(ctx, name) for name in req.get("DashboardNames") or ["*"]]


@operation(on=on_dashboard)
def put_dashboard(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    given = tags.from_list(req.get("Tags"))
    tags.check(given, "InvalidParameterValue")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", req["DashboardName"]):
        raise errors.invalid_value(f"The value {req['DashboardName']} for field DashboardName contains invalid characters.")
    try:
        body = json.loads(req["DashboardBody"])
    except (ValueError, RecursionError):
        raise errors.dashboard_is_no_json() from None
    if not isinstance(body, dict):
        raise errors.dashboard_is_no_json()
    if found := list(_problems(body)):
        raise errors.bad_dashboard(found)
    # Tags of a dashboard that is there already are changed with TagResource alone.
    if ctx.get(Dashboard, req["DashboardName"]) is None:
        ctx.set_tags(dashboard_arn(ctx, req["DashboardName"]), given)
    ctx.put(Dashboard(req["DashboardName"], req["DashboardBody"], ctx.now))
    return {"DashboardValidationMessages": []}


def _problems(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a body. Source: "Dashboard body structure and syntax"."""
    widgets = body.get("widgets", [])
    if not isinstance(widgets, list):
        yield "/widgets", "Should be array"
        return
    for number, widget in enumerate(widgets):
        yield from _problems_of(widget, f"/widgets/{number}")


def _problems_of(widget: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(widget, dict):
        yield path, "Should be object"
        return
    for name in ("type", "properties"):
        if name not in widget:
            yield path, f"Should have required property '{name}'"
    if widget.get("type", "text") not in _TYPES:
        yield f"{path}/type", "Should be equal to one of the allowed values"
    for name, (least, most) in _SIZES.items():
        value = widget.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{path}/{name}", "Should be integer"
        elif value < least:
            yield f"{path}/{name}", f"Should be >= {least}"
        elif value > most:
            yield f"{path}/{name}", f"Should be <= {most}"
    properties = widget.get("properties", {})
    if not isinstance(properties, dict):
        yield f"{path}/properties", "Should be object"
        return
    if "properties" not in widget:
        return
    needed = _NEEDED.get(str(widget.get("type")))
    if needed and needed not in properties:
        yield f"{path}/properties", f"Should have required property '{needed}'"
    if widget.get("type") != "metric":
        return
    if not isinstance(properties.get("metrics", []), list):
        yield f"{path}/properties/metrics", "Should be array"
    elif "metrics" not in properties and "annotations" not in properties:
        yield f"{path}/properties", "Should have required property 'metrics'"
        yield f"{path}/properties", "The metric widget should have specified a region and a data source or an alarm annotation"
        yield f"{path}/properties", "Should have required property 'annotations'"


@operation(on=on_dashboard)
def get_dashboard(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(Dashboard, req["DashboardName"])
    if found is None:
        raise errors.dashboard_not_found(req["DashboardName"])
    return {"DashboardArn": dashboard_arn(ctx, found.name), "DashboardBody": found.body, "DashboardName": found.name}


@operation(on=on_dashboards)
def delete_dashboards(ctx: Context, req: dict[str, Any]) -> None:
    for name in req["DashboardNames"]:
        found = ctx.get(Dashboard, name)
        if found is None:
            raise errors.dashboard_not_found(name)
        ctx.delete(found)
        ctx.set_tags(dashboard_arn(ctx, name), {})


@operation()
def list_dashboards(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Dashboard)
    if prefix := req.get("DashboardNamePrefix"):
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")

    def wire(dashboard: Dashboard) -> dict[str, Any]:
        return {
            "DashboardName": dashboard.name,
            "DashboardArn": dashboard_arn(ctx, dashboard.name),
            "LastModified": dashboard.modified,
            "Size": len(dashboard.body.encode()),
        }

    return ctx.page(req, rows, wire, default=1000, maximum=1000, error=errors.invalid_token())
