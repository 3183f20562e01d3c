"""What the judge asks of DynamoDB: a table's own policy."""

from __future__ import annotations

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.dynamodb.schema import Table


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of a table, which holds for its indexes too; None for tables that are not there."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("table/") or "/stream/" in parts[5]:
        return None
    table = ctx.at(account=parts[4], region=parts[3]).get(Table, parts[5].split("/")[1])
    return ResourcePolicy(parts[4], table.policy or None, arn) if table is not None else None
