"""EventBridge's own metrics. Source: "Monitoring Amazon EventBridge" in the user guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context

NAMESPACE = "AWS/Events"


def of_rule(ctx: Context, rule_arn: str, name: str, value: float = 1.0, unit: str = "Count") -> None:
    """Adds to a metric of a rule: under its name where it is on the default bus, under its bus and name, and for all."""
    path = rule_arn.split(":", 5)[5].split("/")
    bus = path[1] if len(path) == 3 else "default"
    if len(path) == 2:
        ctx.metric(NAMESPACE, name, (("RuleName", path[1]),), value, unit)
    ctx.metric(NAMESPACE, name, (("EventBusName", bus), ("RuleName", path[-1])), value, unit)
    ctx.metric(NAMESPACE, name, (), value, unit)


def of_put(ctx: Context, entries: int, failed: int, size: int) -> None:
    """A PutEvents call has been answered."""
    for name, value, unit in (
        ("PutEventsApproximateCallCount", 1, "Count"),
        ("PutEventsApproximateSuccessCount", int(failed < entries), "Count"),
        ("PutEventsApproximateFailedCount", int(failed == entries), "Count"),
        ("PutEventsEntriesCount", entries, "Count"),
        ("PutEventsFailedEntriesCount", failed, "Count"),
        ("PutEventsRequestSize", size, "Bytes"),
    ):
        ctx.metric(NAMESPACE, name, (), float(value), unit)


def of_attempt(ctx: Context, task: dict[str, Any], succeeded: bool) -> None:
    """A target has been called."""
    of_rule(ctx, task["rule"], "InvocationAttempts")
    if succeeded:
        of_rule(ctx, task["rule"], "SuccessfulInvocationAttempts")
    if task["attempts"]:
        of_rule(ctx, task["rule"], "RetryInvocationAttempts")
    else:
        of_rule(ctx, task["rule"], "Invocations")
