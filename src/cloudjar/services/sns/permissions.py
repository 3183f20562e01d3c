"""AddPermission and RemovePermission: statements of the topic's policy, by label."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.sns import errors
from cloudjar.services.sns.topic_attributes import default_policy
from cloudjar.services.sns.topics import Topic, find_topic, on_topic

_ACCOUNT = re.compile(r"\d{12}")
ACTIONS = frozenset(
    (
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    )
)


@operation(on=on_topic)
def add_permission(ctx: Context, req: dict[str, Any]) -> None:
    home, topic = find_topic(ctx, req["TopicArn"])
    accounts, actions = req["AWSAccountId"], req["ActionName"]
    for action in actions:
        if action not in ACTIONS:
            raise errors.invalid("Policy statement action out of service scope!")
    if not accounts or not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise errors.invalid("AWSAccountId")
    policy = json.loads(topic.attributes.get("Policy") or default_policy(topic))
    statements = _statements(policy)
    if any(statement.get("Sid") == req["Label"] for statement in statements):
        raise errors.invalid("Statement already exists")
    principals = [f"arn:{ctx.partition}:iam::{account}:root" for account in accounts]
    added = {
        "Sid": req["Label"],
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": [f"SNS:{action}" for action in actions] if len(actions) > 1 else f"SNS:{actions[0]}",
        "Resource": topic.arn,
    }
    _keep(home, topic, {**policy, "Statement": [*statements, added]})


@operation(on=on_topic)
def remove_permission(ctx: Context, req: dict[str, Any]) -> None:
    home, topic = find_topic(ctx, req["TopicArn"])
    policy = json.loads(topic.attributes.get("Policy") or default_policy(topic))
    kept = [statement for statement in _statements(policy) if statement.get("Sid") != req["Label"]]
    _keep(home, topic, {**policy, "Statement": kept})


def _keep(ctx: Context, topic: Topic, policy: dict[str, Any]) -> None:
    text = json.dumps(policy, separators=(",", ":")) if policy["Statement"] else ""
    attributes = {**topic.attributes, "Policy": text}
    if not text:
        del attributes["Policy"]
    ctx.put(replace(topic, attributes=attributes))


def _statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement") or []
    return found if isinstance(found, list) else [found]
