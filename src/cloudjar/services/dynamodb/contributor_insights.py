"""Contributor Insights: whether it is on for a table or an index, and the names of its rules.

Source: "CloudWatch Contributor Insights for DynamoDB: How it works" in the developer guide.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel import keys, paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import Table, named_table, on_table

_LARGEST_PAGE = 100
_ON_THE_WAY = {"ENABLING": "ENABLED", "DISABLING": "DISABLED"}


@record("dynamodb.contributor_insights", key=("table", "index"))
class ContributorInsights(Record):
    """The setting of a table, or of one of its indexes; `number` is the table's, so that a later table of the name begins anew."""

    table: str
    index: str
    """ "" for the table itself."""
    number: int
    status: str
    mode: str
    changed: datetime


def _found(ctx: Context, req: dict[str, Any]) -> tuple[Context, Table, ContributorInsights | None]:
    there, table = named_table(ctx, req["TableName"])
    index = req.get("IndexName") or ""
    if index and not any(one.name == index and not one.local for one in table.indexes):
        raise AwsError("ResourceNotFoundException", f"Requested resource not found: Index: {index} not found")
    found = there.get(ContributorInsights, table.name, index)
    return there, table, found if found is not None and found.number == table.number else None


@operation(on=on_table, modelled=True)
def update_contributor_insights(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table, found = _found(ctx, req)
    if table.status != "ACTIVE":
        raise errors.table_in_use(table.name, table.status)
    enables = req["ContributorInsightsAction"] == "ENABLE"
    status, mode = found.status if found else "DISABLED", found.mode if found else "ACCESSED_AND_THROTTLED_KEYS"
    if status in _ON_THE_WAY:
        raise AwsError("ResourceInUseException", f"Contributor insights of table {table.name} is being changed")
    mode = req.get("ContributorInsightsMode") or mode
    status = "ENABLING" if enables else "DISABLING"
    index = req.get("IndexName") or ""
    there.put(ContributorInsights(table.name, index, table.number, status, mode, there.now))
    there.after(arrive, table.name, index, table.number)
    return {**_place(table.name, index), "ContributorInsightsStatus": status, "ContributorInsightsMode": mode}


@timer
def arrive(ctx: Context, table: str, index: str, number: int) -> None:
    """The change of a setting ends."""
    found = ctx.get(ContributorInsights, table, index)
    if found is not None and found.number == number and found.status in _ON_THE_WAY:
        ctx.put(replace(found, status=_ON_THE_WAY[found.status], changed=ctx.now))


def _place(table: str, index: str) -> dict[str, str]:
    return {"TableName": table, **({"IndexName": index} if index else {})}


def _rules(table: Table, found: ContributorInsights) -> list[str]:
    """The names of the rules: partition keys and, where there are sort keys, whole keys; accessed and throttled."""
    own = next((index for index in table.indexes if index.name == found.index), None)
    kinds = ["PK", "SK"] if (own.ranges if own else table.range) else ["PK"]
    events = ["T"] if found.mode == "THROTTLED_KEYS" else ["C", "T"]
    place = f"{table.name}-{found.index}" if found.index else table.name
    stamp = keys.microseconds(found.changed) // 1000
    return [f"DynamoDBContributorInsights-{kind}{event}-{place}-{stamp}" for kind in kinds for event in events]


@operation(on=on_table)
def describe_contributor_insights(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, table, found = _found(ctx, req)
    answer: dict[str, Any] = _place(table.name, req.get("IndexName") or "")
    if found is None:
        return {**answer, "ContributorInsightsStatus": "DISABLED"}
    answer |= {"ContributorInsightsStatus": found.status, "LastUpdateDateTime": found.changed, "ContributorInsightsMode": found.mode}
    return answer | ({"ContributorInsightsRuleList": _rules(table, found)} if found.status == "ENABLED" else {})


@operation()
def list_contributor_insights(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(ContributorInsights)
    if req.get("TableName"):
        there, table = named_table(ctx, req["TableName"])
        rows = there.where(ContributorInsights, table=table.name)

    def current(found: ContributorInsights) -> bool:
        table = ctx.get(Table, found.table)
        if table is None or table.number != found.number:
            return False
        return not found.index or any(index.name == found.index for index in table.indexes)

    def wire(found: ContributorInsights) -> dict[str, Any]:
        summary = {"ContributorInsightsStatus": found.status, "ContributorInsightsMode": found.mode}
        return _place(found.table, found.index) | summary

    members = paging.PageMembers("NextToken", "NextToken", "MaxResults", "ContributorInsightsSummaries")
    wrong = errors.invalid("NextToken is not valid")
    return paging.page(members, req, rows.filtered(current), wire, default=_LARGEST_PAGE, maximum=_LARGEST_PAGE, error=wrong)
