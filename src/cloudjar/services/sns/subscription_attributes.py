"""Subscription attributes: what may be set to what, and what is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.sns import archive, delivery_policy, errors, filter_policy
from cloudjar.services.sns.subscriptions import Subscription, find_subscription, on_subscription
from cloudjar.services.sns.topics import Topic, find_topic, home_of

SCOPES = (filter_policy.ATTRIBUTES, filter_policy.BODY)
RAW_PROTOCOLS = ("sqs", "http", "https")
MOST_FILTER_POLICIES = 200
"""Of one topic. Source: "Amazon SNS endpoints and quotas"."""


def check(ctx: Context, topic: Topic, protocol: str, name: str, value: str, others: Mapping[str, str]) -> None:
    """Returns if an attribute may be set beside the `others`. Raises InvalidParameter."""
    if name == "SubscriptionRoleArn":
        if value:
            raise not_implemented("sns", "SetSubscriptionAttributes", name)
    elif name == "ReplayPolicy":
        if value and value.strip() != "{}":
            archive.check_policy(ctx, topic, value)
    elif name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise errors.invalid(f"Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and protocol not in RAW_PROTOCOLS:
            raise errors.invalid(f"Attributes Reason: Delivery protocol [{protocol}] does not support raw message delivery.")
    elif name == "FilterPolicyScope":
        if value and value not in SCOPES:
            raise errors.invalid(
                f"Attributes Reason: FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
            )
        if others.get("FilterPolicy"):
            filter_policy.read(others["FilterPolicy"], value)
    elif name == "FilterPolicy":
        if value:
            filter_policy.read(value, others.get("FilterPolicyScope", ""))
            _check_room(ctx, topic)
    elif name == "DeliveryPolicy":
        if value:
            if protocol not in ("http", "https"):
                raise errors.invalid("Attributes Reason: DeliveryPolicy is only supported for HTTP and HTTPS subscriptions")
            delivery_policy.read_subscription_policy(value)
    elif name == "RedrivePolicy":
        if value:
            _check_redrive(topic, value)
    else:
        raise errors.invalid("AttributeName")


def _check_room(ctx: Context, topic: Topic) -> None:
    """FilterPolicyLimitExceeded if a topic has as many filter policies as it can."""
    held = home_of(ctx, topic.arn).where(Subscription, topic_arn=topic.arn).filtered(lambda each: bool(each.attributes.get("FilterPolicy")))
    if held.count() >= MOST_FILTER_POLICIES:
        raise errors.filter_policies_exceeded()


def _check_redrive(topic: Topic, value: str) -> None:
    try:
        arn = json.loads(value)["deadLetterTargetArn"]
        parts = arn.split(":")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.invalid("RedrivePolicy: failed to parse JSON.") from None
    if len(parts) != 6 or parts[2] != "sqs":
        raise errors.invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if topic.fifo != arn.endswith(".fifo"):
        raise errors.invalid(
            "RedrivePolicy: must use a " + ("FIFO queue as DLQ for a FIFO topic" if topic.fifo else "standard queue as DLQ")
        )


@operation(on=on_subscription)
def set_subscription_attributes(ctx: Context, req: dict[str, Any]) -> None:
    subscription = find_subscription(ctx, req["SubscriptionArn"])
    home, topic = find_topic(ctx, subscription.topic_arn)
    name, value = req["AttributeName"], req.get("AttributeValue") or ""
    check(ctx, topic, subscription.protocol, name, value, subscription.attributes)
    attributes = {**subscription.attributes, name: value.lower() if name == "RawMessageDelivery" else value}
    # An empty filter policy lets everything through, as none does.
    if not value or (name in ("FilterPolicy", "ReplayPolicy") and value.strip() == "{}"):
        del attributes[name]
    ctx.put(replace(subscription, attributes=attributes))
    if name == "ReplayPolicy":
        if name in attributes:
            archive.begin(home, topic, subscription, value)
        else:
            archive.stop(home, subscription)


@operation(on=on_subscription)
def get_subscription_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    subscription = find_subscription(ctx, req["SubscriptionArn"])
    topic = home_of(ctx, subscription.topic_arn).get(Topic, subscription.topic_arn.rpartition(":")[2])
    attributes = shown(subscription, topic.attributes.get("DeliveryPolicy", "") if topic else "")
    if replay := archive.status(ctx, subscription):
        attributes["ReplayStatus"] = replay
    return {"Attributes": attributes}


def shown(subscription: Subscription, topic_policy: str) -> dict[str, str]:
    """A subscription's attributes."""
    wire = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": subscription.topic_arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "PendingConfirmation": str(not subscription.confirmed).lower(),
        "ConfirmationWasAuthenticated": str(subscription.authenticated).lower(),
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{subscription.owner}:root",
    }
    if subscription.attributes.get("FilterPolicy"):
        wire["FilterPolicyScope"] = filter_policy.ATTRIBUTES
    if subscription.protocol in ("http", "https"):
        own = subscription.attributes.get("DeliveryPolicy", "")
        wire["EffectiveDeliveryPolicy"] = json.dumps(delivery_policy.effective_subscription_policy(topic_policy, own))
    return wire | subscription.attributes
