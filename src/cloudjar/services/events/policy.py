"""What the judge asks of EventBridge: a bus's own policy."""

from __future__ import annotations

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.events.buses import Bus


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of a bus; None for what is none."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("event-bus/"):
        return None
    bus = ctx.at(account=parts[4], region=parts[3]).get(Bus, parts[5].removeprefix("event-bus/"))
    return ResourcePolicy(parts[4], (bus.policy or None) if bus else None, arn)
