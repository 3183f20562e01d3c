"""What a queue holds, as CloudWatch is told. Source: "Available CloudWatch metrics for Amazon SQS" in the developer guide."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import gauges
from cloudjar.services.sqs.messages import counted, everything
from cloudjar.services.sqs.queues import NAMESPACE, Queue


@gauges(
    NAMESPACE,
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateAgeOfOldestMessage",
)
def depth(ctx: Context, dimensions: dict[str, str]) -> list[tuple[str, float, str]]:
    """How many messages there are in each state, and how old the oldest is."""
    queue = ctx.get(Queue, dimensions["QueueName"]) if list(dimensions) == ["QueueName"] else None
    if queue is None:
        return []
    ready, in_flight, delayed = counted(ctx, queue)
    oldest = next(everything(ctx, queue), None) if ready or in_flight or delayed else None
    age = max(0, microseconds(ctx.now) // 1000 - oldest.sent) // 1000 if oldest else 0
    return [
        ("ApproximateNumberOfMessagesVisible", float(ready), "Count"),
        ("ApproximateNumberOfMessagesNotVisible", float(in_flight), "Count"),
        ("ApproximateNumberOfMessagesDelayed", float(delayed), "Count"),
        ("ApproximateAgeOfOldestMessage", float(age), "Seconds"),
    ]
