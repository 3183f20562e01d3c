"""DescribeLimits and DescribeEndpoints."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation


@operation()
def describe_limits(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }


@operation()
def describe_endpoints(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    # The address that the client used: clients with endpoint discovery go on with what this says.
    address = urlsplit(ctx.call_info.url).netloc or f"dynamodb.{ctx.region}.amazonaws.com"
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": 1440}]}
