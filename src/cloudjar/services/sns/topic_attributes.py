"""Topic attributes: what may be set to what, and what is shown."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.sns import archive, delivery_policy, delivery_status, envelopes, errors
from cloudjar.services.sns.subscriptions import Subscription
from cloudjar.services.sns.topics import Topic, find_topic, on_topic

SETTABLE = frozenset(
    (
        "ArchivePolicy",
        "ContentBasedDeduplication",
        "DeliveryPolicy",
        "DisplayName",
        "FifoThroughputScope",
        "KmsMasterKeyId",
        "Policy",
        "SignatureVersion",
        "TracingConfig",
    )
)
REFUSED = ("DataProtectionPolicy",)
ALLOWED = {
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
}


def changed(topic: Topic, name: str, value: str, now: datetime, *, creating: bool = False) -> Topic:
    """The topic with an attribute set; an empty value removes it. Raises InvalidParameter."""
    if name == "FifoTopic" and creating:
        if value not in ("true", "false"):
            raise errors.invalid("FifoTopic")
        return topic
    if value and name in REFUSED:
        raise not_implemented("sns", "SetTopicAttributes", name)
    if name not in SETTABLE and name not in delivery_status.SETTABLE:
        if name in REFUSED:
            return topic
        raise errors.invalid("AttributeName")
    if value:
        _check(topic, name, value)
    attributes = {**topic.attributes, name: value}
    since = topic.archived_since
    if name == "ArchivePolicy":
        days = archive.days_of(value) if value else 0
        since = (since or now) if days else None
        value = value if days else ""
    if not value and name != "DisplayName":
        del attributes[name]
    return replace(topic, attributes=attributes, archived_since=since)


def _check(topic: Topic, name: str, value: str) -> None:
    if name in ALLOWED and value not in ALLOWED[name]:
        raise errors.invalid(f"Attributes Reason: {name}: Invalid value [{value}]")
    if name in ("ArchivePolicy", "ContentBasedDeduplication", "FifoThroughputScope") and not topic.fifo:
        raise errors.invalid(f"Attributes Reason: {name} is only supported for FIFO topics")
    if name == "TracingConfig" and value == "Active":
        raise not_implemented("sns", "SetTopicAttributes", "TracingConfig Active")
    if name == "DisplayName" and len(value) > 100:
        raise errors.invalid("DisplayName")
    if name == "DeliveryPolicy":
        delivery_policy.read_topic_policy(value)
    if name in delivery_status.SETTABLE:
        delivery_status.check(name, value)
    if name == "Policy":
        _check_policy(value)


def _check_policy(value: str) -> None:
    from cloudjar.identity.policy import PolicyProblem, parse

    try:
        parse(value, "resource")
    except PolicyProblem as problem:
        raise errors.invalid(f"Policy Reason: {problem.message}") from problem


@operation(on=on_topic)
def set_topic_attributes(ctx: Context, req: dict[str, Any]) -> None:
    home, topic = find_topic(ctx, req["TopicArn"])
    after = home.put(changed(topic, req["AttributeName"], req.get("AttributeValue") or "", home.now))
    if req["AttributeName"] == "ArchivePolicy":
        home.after(archive.sweep, after.name)


@operation(on=on_topic)
def get_topic_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, topic = find_topic(ctx, req["TopicArn"])
    confirmed = pending = 0
    for subscription in home.where(Subscription, topic_arn=topic.arn):
        confirmed += subscription.confirmed
        pending += not subscription.confirmed
    counts = {
        "SubscriptionsConfirmed": str(confirmed),
        "SubscriptionsPending": str(pending),
        "SubscriptionsDeleted": str(topic.deleted),
    }
    return {"Attributes": {**shown(home, topic), **counts}}


def shown(ctx: Context, topic: Topic) -> dict[str, str]:
    """A topic's attributes, but for its counts."""
    wire = {
        "TopicArn": topic.arn,
        "Owner": topic.account,
        "Policy": default_policy(topic),
        "DisplayName": "",
        "EffectiveDeliveryPolicy": json.dumps(delivery_policy.effective_topic_policy(topic.attributes.get("DeliveryPolicy", ""))),
    }
    if topic.fifo:
        wire |= {"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic"}
    first = archive.beginning(ctx, topic)
    if first:
        wire["BeginningArchiveTime"] = envelopes.timestamp(first)
    return wire | topic.attributes


def default_policy(topic: Topic) -> str:
    """The policy that a topic has until it is given one."""
    actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
               "ListSubscriptionsByTopic", "Publish")  # fmt: skip
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": topic.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}, separators=(",", ":"))
