"""What happens to the endpoints of a platform application, told to the topics that its attributes name.

Source: "Amazon SNS application event notifications for mobile applications", SNS Developer Guide. An event that the topic is not
there for is lost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect
from cloudjar.services.sns import envelopes, errors
from cloudjar.services.sns.topics import Topic, find_topic

if TYPE_CHECKING:
    from cloudjar.services.sns.platform_applications import PlatformApplication

EVENTS = ("EndpointCreated", "EndpointDeleted", "EndpointUpdated", "DeliveryFailure")
ATTRIBUTES = frozenset(f"Event{name}" for name in EVENTS)


def check(ctx: Context, name: str, topic_arn: str) -> None:
    """InvalidParameter unless events can go to this topic; "" turns them off."""
    if not topic_arn:
        return
    try:
        find_topic(ctx, topic_arn)
    except AwsError:
        raise errors.invalid(f"Attributes Reason: Invalid value for attribute: {name}: {topic_arn} is not the ARN of a topic") from None


def tell(ctx: Context, application: PlatformApplication | None, event: str, endpoint_arn: str, **more: str | int) -> None:
    """Publishes an event if the application has a topic for it."""
    topic_arn = application.attributes.get(f"Event{event}") if application is not None else None
    if application is None or not topic_arn:
        return
    message = {
        **more,
        "EndpointArn": endpoint_arn,
        "EventType": event,
        "Resource": application.arn,
        "Service": "SNS",
        "Time": envelopes.timestamp(ctx.now),
    }
    subject = f"{event} event for app {application.name} ({application.platform})"
    ctx.effect(publish, topic_arn, subject[:100], json.dumps(dict(sorted(message.items()))))


@effect
async def publish(ctx: Context, topic_arn: str, subject: str, message: str) -> None:
    """Publishes once the change has committed, by SNS itself: no permission of the caller's is asked for."""
    from cloudjar.services.sns.fan_out import deliver
    from cloudjar.services.sns.publishing import Published

    with ctx.transaction():
        topic = ctx.get(Topic, topic_arn.rpartition(":")[2])
        if topic is not None and topic.arn == topic_arn and not topic.fifo:
            deliver(ctx, topic, Published(ctx.ids.uuid(), ctx.now, message, {}, subject, {}))
