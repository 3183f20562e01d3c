"""What CloudWatch is told of each call. Source: "DynamoDB metrics and dimensions" in the developer guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.dynamodb.capacity import NAMESPACE

_THROTTLED = frozenset(("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"))
_RETURNING = frozenset(("Query", "Scan", "ExecuteStatement"))


def tell(ctx: Context, req: dict[str, Any], result: dict[str, Any] | None, failure: AwsError | None, seconds: float) -> None:
    """A call has been answered."""
    name = req.get("TableName")
    operation = ctx.call_info.operation
    if failure is None:
        if isinstance(name, str):
            dimensions = (("Operation", operation), ("TableName", _bare(name)))
            ctx.metric(NAMESPACE, "SuccessfulRequestLatency", dimensions, round(seconds * 1000, 2), "Milliseconds")
            if operation in _RETURNING and result is not None:
                ctx.metric(NAMESPACE, "ReturnedItemCount", dimensions, float(len(result.get("Items") or ())))
        return
    tables = [_bare(one) for one in ([name] if isinstance(name, str) else list(req.get("RequestItems") or ()))]
    if failure.code == "ConditionalCheckFailedException":
        for table in tables:
            ctx.metric(NAMESPACE, "ConditionalCheckFailedRequests", (("TableName", table),))
    elif failure.code in _THROTTLED:
        for table in tables:
            ctx.metric(NAMESPACE, "ThrottledRequests", (("Operation", operation), ("TableName", table)))
    elif failure.code == "TransactionConflictException":
        for table in tables:
            ctx.metric(NAMESPACE, "TransactionConflict", (("TableName", table),))
    elif (failure.status or 400) >= 500:
        if failure.code != "NotImplemented":
            ctx.metric(NAMESPACE, "SystemErrors", ())
    else:
        ctx.metric(NAMESPACE, "UserErrors", ())


def _bare(name: str) -> str:
    """A table's name, which may be given as its ARN."""
    return name.partition(":table/")[2].partition("/")[0] if name.startswith("arn:") else name
