"""What the judge asks of SQS: a queue's own policy."""

from __future__ import annotations

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.sqs.queues import at_arn


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of a queue; None for queues that are not there."""
    found = at_arn(ctx, arn)
    if found is None:
        return None
    return ResourcePolicy(found[0].account, found[1].policy or None, arn)
