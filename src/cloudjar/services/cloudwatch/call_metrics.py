"""AWS/Usage: how often each operation is called. Source: "AWS usage metrics" in the CloudWatch user guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError


def tell(ctx: Context, req: dict[str, Any], result: dict[str, Any] | None, failure: AwsError | None, seconds: float) -> None:
    """A call has been answered."""
    dimensions = (("Class", "None"), ("Resource", ctx.call_info.operation), ("Service", "CloudWatch"), ("Type", "API"))
    ctx.metric("AWS/Usage", "CallCount", dimensions, 1.0, "None")
