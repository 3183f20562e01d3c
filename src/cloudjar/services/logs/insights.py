"""Logs Insights: StartQuery and what goes with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any, cast

import msgspec

from cloudjar.kernel import paging
from cloudjar.kernel.blobs import EMPTY, Blob
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.keys import decode, encode
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.encryption import QueryKey, clear_key, results_arn, seal, unseal
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_name, group_resource, milliseconds
from cloudjar.services.logs.insights_expression import shown
from cloudjar.services.logs.insights_query import Query
from cloudjar.services.logs.insights_rows import LogRow
from cloudjar.services.logs.reading import Reader, check_unmask
from cloudjar.services.logs.streams import LogStream

_READ_AT_ONCE = 500
"""Events that are read before other calls have their turn."""
_PIECE = 5000
"""Events that are worked on at a time."""
KEPT_SECONDS = 7 * 86_400
MOST_GROUPS = 50
MOST_RESULTS = 10_000
"""Of one answer."""


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
    data_key: bytes = b""
    """The data key that its results are encrypted with, itself encrypted by a KMS key."""


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
    compiled = Query(req["queryString"])
    if compiled.source is not None:
        if names:
            raise errors.invalid("Log groups must be given by the request or by the query's SOURCE command, not by both.")
        names = [group.name for group in ctx.where(LogGroup) if group.name.startswith(tuple(compiled.source))][:MOST_GROUPS]
    elif not names:
        raise errors.invalid("At least one log group must be given.")
    if len(names) > MOST_GROUPS:
        raise errors.invalid(f"A query takes at most {MOST_GROUPS} log groups.")
    if req["endTime"] < req["startTime"]:
        raise errors.invalid("endTime must not be before startTime.")
    for name in names:
        find_group(ctx, name)
    if compiled.unmasked:
        for name in names:
            check_unmask(ctx, find_group(ctx, name))
    query = StoredQuery(
        ctx.ids.uuid(), req["queryString"], tuple(names), req["startTime"] * 1000, req["endTime"] * 1000 + 999, req.get("limit"), ctx.now
    )
    ctx.put(query)
    ctx.effect(run, query.id)
    ctx.after(forget, query.id, seconds=KEPT_SECONDS, housekeeping=True)
    return {"queryId": query.id}


@effect
async def run(ctx: Context, query_id: str) -> None:
    """Runs a query to its end: events are read some at a time, and worked on in another thread, so that no call waits for it."""
    with ctx.transaction():
        query = ctx.get(StoredQuery, query_id)
        if query is None or query.status != "Running":
            return
    compiled = Query(query.text)
    kept: list[LogRow] = []
    scanned, size = 0, 0
    async for piece in read(ctx, query.groups, query.start, query.end, unmask=compiled.unmasked):
        if not _is_running(ctx, query_id):
            return
        rows, length = await ctx.offload(_narrowed, compiled, piece, float(milliseconds(query.created) // 1000))
        kept += rows
        scanned += len(piece)
        size += length
    results, matched = await ctx.offload(_finished, compiled, kept, query.limit)
    with ctx.transaction():
        query = ctx.get(StoredQuery, query_id)
        if query is None or query.status != "Running":
            return
        key = ctx.get(QueryKey, "")
        if key:
            results = seal(clear_key(ctx, results_arn(ctx), key.data_key), results)
        statistics = {"recordsScanned": float(scanned), "recordsMatched": float(matched), "bytesScanned": float(size)}
        ctx.put(
            replace(query, status="Complete", results=ctx.blobs.put(results), statistics=statistics, data_key=key.data_key if key else b"")
        )


def _is_running(ctx: Context, query_id: str) -> bool:
    with ctx.transaction():
        query = ctx.get(StoredQuery, query_id)
        return query is not None and query.status == "Running"


def _narrowed(query: Query, piece: list[tuple[LogEvent, str, str]], now: float) -> tuple[list[LogRow], int]:
    """What a query's first filters leave of some events, and how many bytes those were."""
    rows = [LogRow(event, stream, log, now) for event, stream, log in piece]
    return cast(list[LogRow], list(query.narrowed(rows))), sum(len(row.message) for row in rows)


def _finished(query: Query, rows: list[LogRow], limit: int | None) -> tuple[bytes, int]:
    """A query's results as JSON, and how many events they are of."""
    rows.sort(key=lambda row: row.time, reverse=True)
    found = query.finished(iter(rows), limit)
    return msgspec.json.encode([_wire(row, query) for row in found]), len(rows)


async def read(
    ctx: Context, groups: Iterable[str], start: int, end: int, *, unmask: bool
) -> AsyncIterator[list[tuple[LogEvent, str, str]]]:
    """The events of groups in [start, end], with their streams' names and their logs', some thousands at a time."""
    piece: list[tuple[LogEvent, str, str]] = []
    read = 0
    for name in groups:
        with ctx.transaction():
            group = ctx.get(LogGroup, name)
            if group is None:
                continue
            first = max(start, group.oldest(ctx.now) or 0)
            streams = list(ctx.where(LogStream, group=group.uid))
        log = f"{ctx.account}:{name}"
        reader = Reader(ctx, group, unmask=unmask)
        for stream in streams:
            position: bytes | None = None
            more = True
            while more:
                more = False
                with ctx.transaction():
                    rows = ctx.where(LogEvent, group=group.uid, stream=stream.uid).starting(first).ending(end + 1)
                    rows = rows.resuming(position) if position else rows
                    for at, event in rows.positions():
                        position = at
                        piece.append((reader(event), stream.name, log))
                        read += 1
                        if read >= _READ_AT_ONCE:
                            more = True
                            break
                if read >= _READ_AT_ONCE:
                    read = 0
                    if len(piece) >= _PIECE:
                        yield piece
                        piece = []
                    else:
                        await asyncio.sleep(0)
    if piece:
        yield piece


def _wire(row: Any, query: Query) -> list[dict[str, str]]:
    wire = [{"field": name, "value": value} for name in query.columns if (value := shown(row.get(name))) is not None]
    if not query.is_stats:
        wire.append({"field": "@ptr", "value": row.get("@ptr")})
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
    query = _find(ctx, req["queryId"])
    stored = ctx.blobs.read(query.results) if query.results.size else b"[]"
    if query.data_key:
        stored = unseal(clear_key(ctx, results_arn(ctx), query.data_key), stored)
    results = json.loads(stored)
    start = _start(query, req.get("nextToken"))
    end = start + (req.get("maxItems") or MOST_RESULTS)
    answer = {"queryLanguage": "CWLI", "results": results[start:end], "statistics": query.statistics, "status": query.status}
    return answer | ({"nextToken": paging.encode_token(encode((query.id, end)))} if end < len(results) else {})


@operation()
def list_log_groups_for_query(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    query = _find(ctx, req["queryId"])
    start = _start(query, req.get("nextToken"))
    end = start + (req.get("maxResults") or MOST_GROUPS)
    names = query.groups[start:end]
    more = {"nextToken": paging.encode_token(encode((query.id, end)))} if end < len(query.groups) else {}
    return {"logGroupIdentifiers": list(names)} | more


def _start(query: StoredQuery, token: str | None) -> int:
    """Where in a query's results a page starts."""
    if not token:
        return 0
    try:
        of, start = decode(paging.decode_token(token, errors.invalid_token()))
    except (ValueError, IndexError):
        raise errors.invalid_token() from None
    if of != query.id or not isinstance(start, int):
        raise errors.invalid_token()
    return start


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
            "logGroupName": query.groups[0] if query.groups else "",
        }

    members = PageMembers("nextToken", "nextToken", "maxResults", "queries")
    return paging.page(members, req, rows, wire, default=1000, maximum=1000, error=errors.invalid_token())
