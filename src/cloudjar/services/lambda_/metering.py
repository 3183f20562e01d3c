"""Lambda's own metrics in CloudWatch: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.meter import Dimensions

NAMESPACE = "AWS/Lambda"
MILLISECONDS = "Milliseconds"


def dimensions(arn: str, executed: str = "") -> tuple[Dimensions, ...]:
    """What an invocation by this ARN counts under: all functions, the function, what was named, and which version an alias led to."""
    name, _, qualifier = arn.split(":", 6)[6].partition(":")
    function, resource = ("FunctionName", name), ("Resource", f"{name}:{qualifier}" if qualifier else name)
    found: tuple[Dimensions, ...] = ((), (function,), (function, resource))
    if executed and qualifier and qualifier != "$LATEST" and not qualifier.isdecimal():
        return (*found, (("ExecutedVersion", executed), function, resource))
    return found


def add(ctx: Context, name: str, where: tuple[Dimensions, ...], value: float = 1.0, unit: str = "Count") -> None:
    """One point, under each of several dimensions."""
    for each in where:
        ctx.metric(NAMESPACE, name, each, value, unit)


def of_mapping(ctx: Context, uuid: str, name: str, value: float) -> None:
    """One point of an event source mapping."""
    ctx.metric(NAMESPACE, name, (("EventSourceMappingUUID", uuid),), value)


def started(ctx: Context, arn: str, running: int, running_in_account: int, reserved: int | None) -> None:
    """An invocation begins: how many of the function, and of the account, run now."""
    ctx.metric(NAMESPACE, "ConcurrentExecutions", (("FunctionName", arn.split(":", 7)[6]),), float(running))
    ctx.metric(NAMESPACE, "ConcurrentExecutions", (), float(running_in_account))
    if reserved is None:
        ctx.metric(NAMESPACE, "UnreservedConcurrentExecutions", (), float(running_in_account))


def throttled(ctx: Context, arn: str) -> None:
    """An invocation is refused."""
    add(ctx, "Throttles", dimensions(arn))


def ended(ctx: Context, arn: str, executed: str, milliseconds: float, failed: bool) -> None:
    """An invocation is over."""
    for where in dimensions(arn, executed):
        ctx.metric(NAMESPACE, "Invocations", where)
        ctx.metric(NAMESPACE, "Errors", where, float(failed))
        ctx.metric(NAMESPACE, "Throttles", where, 0.0)
        ctx.metric(NAMESPACE, "Duration", where, milliseconds, MILLISECONDS)
