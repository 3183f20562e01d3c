"""Contributor Insights: what is true while nothing counts a table's keys. To switch it on is refused (`NotImplemented`)."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.dynamodb.schema import named_table, on_table


@operation(on=on_table)
def describe_contributor_insights(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, table = named_table(ctx, req["TableName"])
    index = req.get("IndexName") or ""
    if index and not any(one.name == index and not one.local for one in table.indexes):
        raise AwsError("ResourceNotFoundException", f"Requested resource not found: Index: {index} not found")
    place = {"TableName": table.name, **({"IndexName": index} if index else {})}
    return {**place, "ContributorInsightsStatus": "DISABLED"}


@operation()
def list_contributor_insights(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("TableName"):
        named_table(ctx, req["TableName"])
    return {"ContributorInsightsSummaries": []}
