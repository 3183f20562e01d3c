"""Saved queries of Logs Insights."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import milliseconds

MOST = 1000


@record("logs.query_definition", key="id", indexes={"name": ("name", "id")})
class QueryDefinition(Record):
    """A saved query."""

    id: str
    name: str
    text: str
    groups: tuple[str, ...]
    modified: datetime


@operation()
def put_query_definition(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("queryLanguage", "CWLI") != "CWLI" or req.get("parameters"):
        raise not_implemented("logs", "PutQueryDefinition", "other languages and parameters")
    known = req.get("queryDefinitionId")
    if known:
        _find(ctx, known)
    elif ctx.where(QueryDefinition).count() >= MOST:
        raise errors.limit_exceeded()
    found = QueryDefinition(known or ctx.ids.uuid(), req["name"], req["queryString"], tuple(req.get("logGroupNames") or ()), ctx.now)
    return {"queryDefinitionId": ctx.put(found).id}


@operation()
def delete_query_definition(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx.delete(_find(ctx, req["queryDefinitionId"]))
    return {"success": True}


@operation()
def describe_query_definitions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    prefix = req.get("queryDefinitionNamePrefix") or ""
    rows = ctx.ordered_by(QueryDefinition, "name").filtered(lambda one: one.name.startswith(prefix))

    def wire(one: QueryDefinition) -> dict[str, Any]:
        return {
            "queryLanguage": "CWLI",
            "queryDefinitionId": one.id,
            "name": one.name,
            "queryString": one.text,
            "lastModified": milliseconds(one.modified),
            "logGroupNames": list(one.groups),
        }

    members = PageMembers("nextToken", "nextToken", "maxResults", "queryDefinitions")
    return paging.page(members, req, rows, wire, default=1000, maximum=1000, error=errors.invalid_token())


def _find(ctx: Context, identifier: str) -> QueryDefinition:
    found = ctx.get(QueryDefinition, identifier)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Query definition {identifier} does not exist.")
    return found
