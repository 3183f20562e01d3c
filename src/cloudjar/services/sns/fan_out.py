"""From a published message to its subscribers: who gets it, and in which form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.services.sns import archive, deliveries, envelopes, filter_policy, outbox, platform_endpoints, sms
from cloudjar.services.sns.deliveries import Delivery
from cloudjar.services.sns.subscriptions import Subscription
from cloudjar.services.sns.topics import Topic, count

if TYPE_CHECKING:
    from cloudjar.services.sns.publishing import Published


def deliver(ctx: Context, topic: Topic, published: Published) -> None:
    """Queues get the message in this transaction, so that order holds; what is outside gets it after."""
    documents: dict[tuple[str, str], dict[str, Any]] = {}
    for subscription in ctx.where(Subscription, topic_arn=topic.arn):
        if not subscription.confirmed or (topic.archived_since and archive.holds_back(ctx, subscription)):
            continue
        if not wanted(subscription, published):
            count(ctx, topic.arn, "NumberOfNotificationsFilteredOut")
            if subscription.attributes.get("FilterPolicyScope") == filter_policy.BODY:
                count(ctx, topic.arn, "NumberOfNotificationsFilteredOut-MessageBody")
            elif published.attributes:
                count(ctx, topic.arn, "NumberOfNotificationsFilteredOut-MessageAttributes")
            else:
                count(ctx, topic.arn, "NumberOfNotificationsFilteredOut-NoMessageAttributes")
        else:
            _deliver_one(ctx, topic, subscription, published, documents)


def replay(ctx: Context, topic: Topic, subscription: Subscription, published: Published) -> None:
    """Gives one subscription a message out of the archive."""
    if wanted(subscription, published):
        _deliver_one(ctx, topic, subscription, published, {}, replayed=True)


def wanted(subscription: Subscription, published: Published) -> bool:
    """Whether a subscription's filter policy lets a message through."""
    attributes = subscription.attributes
    scope = attributes.get("FilterPolicyScope", filter_policy.ATTRIBUTES)
    return filter_policy.matches(attributes.get("FilterPolicy", ""), scope, published.attributes, published.message)


def _deliver_one(
    ctx: Context,
    topic: Topic,
    subscription: Subscription,
    published: Published,
    documents: dict[tuple[str, str], dict[str, Any]],
    *,
    replayed: bool = False,
) -> None:
    protocol = subscription.protocol
    text = published.text_for(protocol)
    if protocol == "sms":
        sms.send(ctx, subscription.endpoint, text, message_id=published.id, topic_arn=topic.arn, published=published.time)
        count(ctx, topic.arn, "NumberOfNotificationsDelivered")
        return
    if protocol == "email":
        _mail(ctx, topic, subscription, published, text)
        return
    if protocol == "application":
        platform_endpoints.push_quietly(ctx, subscription.endpoint, published, topic)
        return
    base = envelopes.base_url(ctx, subscription)

    def document() -> dict[str, Any]:
        # One signature serves all subscribers who get the same text.
        place = base, text
        if place not in documents:
            documents[place] = envelopes.signed(ctx, topic, base, _fields(topic, published, text))
        return documents[place]

    if protocol == "lambda":
        event = envelopes.lambda_event(document(), subscription, base, published.attributes)
        deliveries.start(ctx, topic, subscription, Delivery(message_id=published.id, body=ctx.blobs.put(event), published=published.time))
        return
    marks = {"Replayed": True} if replayed else {}
    body = text if subscription.raw else envelopes.notification({**document(), **marks}, subscription, base, published.attributes)
    if protocol == "email-json":
        _mail(ctx, topic, subscription, published, body)
        return
    attributes = published.attributes if subscription.raw and protocol == "sqs" else {}
    if replayed and subscription.raw:
        attributes = {**attributes, "Replayed": {"DataType": "String", "StringValue": "true"}}
    delivery = Delivery(
        message_id=published.id,
        body=ctx.blobs.put(body.encode("utf-8", "surrogatepass")),
        attributes=attributes,
        group=published.group,
        deduplication_id=published.deduplication_id,
        kind="Notification",
        raw=subscription.raw,
        published=published.time,
    )
    deliveries.start(ctx, topic, subscription, delivery)


def _fields(topic: Topic, published: Published, text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"Type": "Notification", "MessageId": published.id}
    if published.sequence_number:
        fields["SequenceNumber"] = published.sequence_number
    return {
        **fields,
        "TopicArn": topic.arn,
        "Subject": published.subject,
        "Message": text,
        "Timestamp": envelopes.timestamp(published.time),
    }


def _mail(ctx: Context, topic: Topic, subscription: Subscription, published: Published, text: str) -> None:
    subject = published.subject or "AWS Notification Message"
    outbox.put(ctx, "email", subscription.endpoint, text, message_id=published.id, subject=subject, topic_arn=topic.arn)
    count(ctx, topic.arn, "NumberOfNotificationsDelivered")
