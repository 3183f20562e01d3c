"""What a subscriber is told about the subscription itself: how to confirm it, and that it has ended."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.sns import deliveries, envelopes, outbox
from cloudjar.services.sns.deliveries import Delivery
from cloudjar.services.sns.subscriptions import Subscription
from cloudjar.services.sns.topics import Topic

TOKEN_LETTERS = 256


def ask(ctx: Context, topic: Topic, subscription: Subscription) -> None:
    """Asks the endpoint to confirm; each time with a new token, which lasts three days."""
    subscription = ctx.put(replace(subscription, token=ctx.ids.hex(TOKEN_LETTERS), created=ctx.now))
    _tell(
        ctx,
        topic,
        subscription,
        "SubscriptionConfirmation",
        f"You have chosen to subscribe to the topic {topic.arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message.",
    )


def say_goodbye(ctx: Context, topic: Topic, subscription: Subscription) -> None:
    """Tells a web server that its subscription has ended, and how to take it up again."""
    if subscription.protocol not in ("http", "https"):
        return
    subscription = replace(subscription, token=subscription.token or ctx.ids.hex(TOKEN_LETTERS))
    _tell(
        ctx,
        topic,
        subscription,
        "UnsubscribeConfirmation",
        f"You have chosen to deactivate subscription {subscription.arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message.",
    )


def _tell(ctx: Context, topic: Topic, subscription: Subscription, kind: str, message: str) -> None:
    base = envelopes.base_url(ctx, subscription)
    token = subscription.token or ""
    subscribe_url = envelopes.link(base, "ConfirmSubscription", TopicArn=topic.arn, Token=token)
    message_id = ctx.ids.uuid()
    if subscription.protocol == "email":
        text = f"You have chosen to subscribe to the topic:\n{topic.arn}\n\nTo confirm this subscription, visit:\n{subscribe_url}\n"
        subject = "AWS Notification - Subscription Confirmation"
        outbox.put(ctx, "email", subscription.endpoint, text, message_id=message_id, subject=subject, topic_arn=topic.arn)
        return
    fields: dict[str, Any] = {
        "Type": kind,
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic.arn,
        "Message": message,
        "SubscribeURL": subscribe_url,
        "Timestamp": envelopes.timestamp(ctx.now),
    }
    body = envelopes.written(envelopes.signed(ctx, topic, base, fields))
    if subscription.protocol == "email-json":
        subject = "AWS Notification - Subscription Confirmation"
        outbox.put(ctx, "email", subscription.endpoint, body, message_id=message_id, subject=subject, topic_arn=topic.arn)
        return
    deliveries.start(ctx, topic, subscription, Delivery(message_id=message_id, body=ctx.blobs.put(body.encode()), kind=kind))
