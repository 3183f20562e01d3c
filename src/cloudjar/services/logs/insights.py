"""Logs Insights: StartQuery and what goes with it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.blobs import EMPTY, Blob
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_name, group_resource, milliseconds
from cloudjar.services.logs.insights_expression import shown
from cloudjar.services.logs.insights_query import Query
from cloudjar.services.logs.insights_rows import LogRow
from cloudjar.services.logs.streams import LogStream

KEPT_SECONDS = 7 * 86_400
MOST_GROUPS = 50


@record("logs.query", key="id", blobs=lambda query: [query.results.id] if query.results.id else [])
class StoredQuery(Record):
    """A query, and its results as JSON."""

    id: str
    text: str
    groups: tuple[str, ...]
    start: int
    end: int
    limit: int | None
    created: datetime
    status: str = "Running"
    results: Blob = EMPTY
    statistics: dict[str, float] = {}


def on_groups(ctx: Context, req: dict[str, Any]) -> list[str]:
    """What IAM is asked about."""
    return [group_resource(ctx, {"logGroupName": name}) for name in _names(req)] or [group_resource(ctx, {})]


def _names(req: dict[str, Any]) -> list[str]:
    given = [member for member in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if req.get(member)]
    if len(given) > 1:
        raise errors.invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers may be given.")
    names = [req["logGroupName"]] if given == ["logGroupName"] else list(req[given[0]]) if given else []
    return [group_name(name) for name in names]


@operation(on=on_groups)
def start_query(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("queryLanguage", "CWLI") != "CWLI":
        raise not_implemented("logs", "StartQuery", f"queryLanguage {req['queryLanguage']}")
    names = _names(req)
    if not names:
        raise errors.invalid("At least one log group must be given.")
    if len(names) > MOST_GROUPS:
        raise errors.invalid(f"A query takes at most {MOST_GROUPS} log groups.")
    if req["endTime"] < req["startTime"]:
        raise errors.invalid("endTime must not be before startTime.")
    for name in names:
        find_group(ctx, name)
    Query(req["queryString"])
    query = StoredQuery(
        ctx.ids.uuid(), req["queryString"], tuple(names), req["startTime"] * 1000, req["endTime"] * 1000 + 999, req.get("limit"), ctx.now
    )
    ctx.put(query)
    ctx.effect(run, query.id)
    ctx.after(forget, query.id, seconds=KEPT_SECONDS)
    return {"queryId": query.id}


@effect
async def run(ctx: Context, query_id: str) -> None:
    """Runs a query to its end."""
    with ctx.transaction():
        query = ctx.get(StoredQuery, query_id)
        if query is None or query.status != "Running":
            return
        compiled = Query(query.text)
        rows = _rows(ctx, query)
        found = compiled.run(iter(rows), query.limit)
        results = [_wire(row, compiled) for row in found]
        statistics = {
            "recordsScanned": float(len(rows)),
            "recordsMatched": float(len(found)),
            "bytesScanned": float(sum(len(row.message) for row in rows)),
        }
        blob = ctx.blobs.put(json.dumps(results).encode())
        ctx.put(replace(query, status="Complete", results=blob, statistics=statistics))


def _rows(ctx: Context, query: StoredQuery) -> list[LogRow]:
    """All events of a query's groups and time, newest first."""
    found: list[LogRow] = []
    for name in query.groups:
        group = ctx.get(LogGroup, name)
        if group is None:
            continue
        start = max(query.start, group.oldest(ctx.now) or 0)
        log = f"{ctx.account}:{name}"
        for stream in ctx.where(LogStream, group=group.uid):
            for event in ctx.where(LogEvent, group=group.uid, stream=stream.uid).starting(start).ending(query.end + 1):
                found.append(LogRow(event, stream.name, log))
    found.sort(key=lambda row: row.time, reverse=True)
    return found


def _wire(row: Any, query: Query) -> list[dict[str, str]]:
    wire = [{"field": name, "value": value} for name in query.columns if (value := shown(row.get(name))) is not None]
    if not query.is_stats:
        wire.append({"field": "@ptr", "value": row["@ptr"]})
    return wire


@timer
def forget(ctx: Context, query_id: str) -> None:
    """Results are kept for seven days."""
    query = ctx.get(StoredQuery, query_id)
    if query:
        ctx.delete(query)


def _find(ctx: Context, query_id: str) -> StoredQuery:
    found = ctx.get(StoredQuery, query_id)
    if found is None:
        raise errors.query_not_found(query_id)
    return found


@operation()
def get_query_results(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("nextToken") or "maxItems" in req:
        raise not_implemented("logs", "GetQueryResults", "pages")
    query = _find(ctx, req["queryId"])
    results = json.loads(ctx.blobs.read(query.results)) if query.results.size else []
    return {"queryLanguage": "CWLI", "results": results, "statistics": query.statistics, "status": query.status}


@operation()
def stop_query(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    query = _find(ctx, req["queryId"])
    if query.status != "Running":
        raise errors.invalid(f"Query {query.id} is not running.")
    ctx.put(replace(query, status="Cancelled"))
    return {"success": True}


@operation()
def describe_queries(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, status = req.get("logGroupName"), req.get("status")
    rows = ctx.where(StoredQuery).filtered(lambda query: (not name or name in query.groups) and (not status or query.status == status))

    def wire(query: StoredQuery) -> dict[str, Any]:
        return {
            "queryLanguage": "CWLI",
            "queryId": query.id,
            "queryString": query.text,
            "status": query.status,
            "createTime": milliseconds(query.created),
            "logGroupName": query.groups[0],
        }

    members = PageMembers("nextToken", "nextToken", "maxResults", "queries")
    return paging.page(members, req, rows, wire, default=1000, maximum=1000, error=errors.invalid_token())
