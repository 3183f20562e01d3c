"""Functions' own metrics. Source: "Types of metrics for Lambda functions" in the developer guide."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.meter import Dimensions

NAMESPACE = "AWS/Lambda"


def sets_of(arn: str) -> tuple[Dimensions, ...]:
    """The sets of dimensions under which an invocation of an ARN is counted: its function, its version or alias, and all functions."""
    name, _, qualifier = arn.split(":", 6)[6].partition(":")
    resource = f"{name}:{qualifier}" if qualifier else name
    return (("FunctionName", name),), (("FunctionName", name), ("Resource", resource)), ()


def started(ctx: Context, arn: str, concurrent: int, in_account: int) -> None:
    """An invocation begins."""
    name = arn.split(":", 7)[6]
    ctx.metric(NAMESPACE, "ConcurrentExecutions", (("FunctionName", name),), float(concurrent))
    ctx.metric(NAMESPACE, "ConcurrentExecutions", (), float(in_account))


def ended(ctx: Context, arn: str, milliseconds: float, failed: bool) -> None:
    """An invocation has run."""
    for dimensions in sets_of(arn):
        ctx.metric(NAMESPACE, "Invocations", dimensions)
        ctx.metric(NAMESPACE, "Errors", dimensions, float(failed))
        ctx.metric(NAMESPACE, "Throttles", dimensions, 0.0)
        ctx.metric(NAMESPACE, "Duration", dimensions, milliseconds, "Milliseconds")


def throttled(ctx: Context, arn: str) -> None:
    """An invocation was refused."""
    for dimensions in sets_of(arn):
        ctx.metric(NAMESPACE, "Throttles", dimensions)
