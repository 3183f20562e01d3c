"""Subscriptions: their record and their life."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import errors
from cloudjar.services.sns.topics import Topic, find_topic, home_of, on_topic, parse_arn

PENDING = "PendingConfirmation"
TOKEN_DAYS = 3
_PHONE = re.compile(r"\+?[0-9][0-9() .-]{3,19}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@record(
    "sns.subscription",
    key=("topic_arn", "id"),
    scope="world",
    indexes={"owner": ("owner", "region"), "endpoint": ("topic_arn", "protocol", "endpoint"), "token": ("token",)},
)
class Subscription(Record):
    """A subscription. `attributes` holds what was set, in AWS's spelling. `base_url` is how its owner reaches this cloud."""

    topic_arn: str
    id: str
    owner: str
    region: str
    protocol: str
    endpoint: str
    attributes: dict[str, str]
    created: datetime
    confirmed: bool = False
    token: str | None = None
    authenticated: bool = False
    """Whether it was confirmed by a signed call."""
    authenticate_on_unsubscribe: bool = False
    base_url: str = ""

    @property
    def arn(self) -> str:
        return f"{self.topic_arn}:{self.id}"

    @property
    def raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery") == "true"


def find_subscription(ctx: Context, arn: str) -> Subscription:
    """The subscription with this ARN; NotFound if there is none."""
    if len(arn.split(":")) < 6:
        raise errors.invalid(f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {len(arn.split(':'))}")
    topic_arn, _, subscription_id = arn.rpartition(":")
    parse_arn(ctx, topic_arn if topic_arn.count(":") == 5 else arn, "SubscriptionArn")
    found = ctx.get(Subscription, topic_arn, subscription_id)
    if found is None:
        raise errors.subscription_not_found()
    return found


def on_subscription(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the subscription's topic."""
    return str(req["SubscriptionArn"]).rpartition(":")[0]


# Operations


@operation(on=on_topic)
def subscribe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.sns import archive, confirmations, subscription_attributes

    home, topic = find_topic(ctx, req["TopicArn"])
    protocol, endpoint = req["Protocol"], req.get("Endpoint") or ""
    _check_endpoint(topic, protocol, endpoint)
    attributes: dict[str, str] = {}
    for name, value in (req.get("Attributes") or {}).items():
        subscription_attributes.check(ctx, topic, protocol, name, value, attributes | (req.get("Attributes") or {}))
        if value and not (name == "ReplayPolicy" and value.strip() == "{}"):
            attributes[name] = value.lower() if name == "RawMessageDelivery" else value
    existing = home.where(Subscription, topic_arn=topic.arn, protocol=protocol, endpoint=endpoint).first()
    if existing:
        if attributes and attributes != existing.attributes:
            raise errors.invalid("Attributes Reason: Subscription already exists with different attributes")
        subscription = existing
    else:
        subscription = Subscription(
            topic.arn,
            ctx.ids.uuid(),
            ctx.principal.account or ctx.account,
            ctx.region,
            protocol,
            endpoint,
            attributes,
            ctx.now,
            confirmed=_needs_no_confirmation(ctx, protocol, endpoint),
            base_url=ctx.call_info.url,
        )
        if subscription.confirmed:
            subscription = replace(subscription, authenticated=True)
        ctx.put(subscription)
        if "ReplayPolicy" in attributes:
            archive.begin(home, topic, subscription, attributes["ReplayPolicy"])
    if not subscription.confirmed:
        confirmations.ask(home, topic, subscription)
    shown = subscription.arn if subscription.confirmed or req.get("ReturnSubscriptionArn") else "pending confirmation"
    return {"SubscriptionArn": shown}


def _needs_no_confirmation(ctx: Context, protocol: str, endpoint: str) -> bool:
    if protocol in ("lambda", "sqs", "application"):
        # Whose queue or function it is, need not be asked.
        return endpoint.split(":")[4] == (ctx.principal.account or ctx.account)
    return protocol == "sms"


def _check_endpoint(topic: Topic, protocol: str, endpoint: str) -> None:
    if protocol == "firehose":
        raise not_implemented("sns", "Subscribe", "the protocol firehose")
    rule = _ENDPOINTS.get(protocol)
    if rule is None:
        raise errors.invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if topic.fifo and protocol != "sqs":
        raise errors.invalid(f"Protocol Reason: FIFO topics do not support the protocol {protocol}")
    pattern, words = rule
    if not re.fullmatch(pattern, endpoint):
        raise errors.invalid(words)
    if protocol == "sqs" and endpoint.endswith(".fifo") and not topic.fifo:
        raise errors.invalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")


_ENDPOINTS = {
    "http": (r"http://\S+", "Endpoint must match the specified protocol"),
    "https": (r"https://\S+", "Endpoint must match the specified protocol"),
    "email": (_EMAIL.pattern, "Email address"),
    "email-json": (_EMAIL.pattern, "Email address"),
    "sms": (_PHONE.pattern, "Invalid SMS endpoint: it must be a phone number in E.164 format"),
    "sqs": (r"arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w.-]+", "SQS endpoint ARN"),
    "lambda": (r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w$:.-]+", "Lambda endpoint ARN"),
    "application": (r"arn:[\w-]+:sns:[\w-]+:\d{12}:endpoint/\S+", "Application endpoint arn invalid"),
}


@operation(on=lambda ctx, req: {})
def confirm_subscription(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, topic = find_topic(ctx, req["TopicArn"])
    found = home.where(Subscription, token=req["Token"]).first()
    if found is None or found.topic_arn != topic.arn or home.now > found.created + timedelta(days=TOKEN_DAYS):
        raise errors.invalid("Token")
    if not found.confirmed:
        signed = ctx.principal.kind != "anonymous"
        guarded = (req.get("AuthenticateOnUnsubscribe") or "").lower() == "true"
        if guarded and not signed:
            raise errors.not_authorized("AuthenticateOnUnsubscribe needs a signed request")
        found = home.put(replace(found, confirmed=True, authenticated=signed, authenticate_on_unsubscribe=guarded))
    return {"SubscriptionArn": found.arn}


def may_unsubscribe(ctx: Context, req: dict[str, Any]) -> Any:
    """What IAM is asked about: nothing for who follows the link in a message, unless the subscription says otherwise."""
    return {} if ctx.principal.kind == "anonymous" else on_subscription(ctx, req)


@operation(on=may_unsubscribe)
def unsubscribe(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.sns import archive, confirmations, deliveries

    arn = req["SubscriptionArn"]
    if len(arn.split(":")) < 6:
        raise errors.invalid(f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {len(arn.split(':'))}")
    topic_arn, _, subscription_id = arn.rpartition(":")
    found = ctx.get(Subscription, topic_arn, subscription_id)
    if found is None:
        return
    if ctx.principal.kind == "anonymous" and found.authenticate_on_unsubscribe:
        raise errors.not_authorized("This subscription can only be ended by its owner")
    home = home_of(ctx, topic_arn)
    home.delete(found)
    archive.stop(home, found)
    deliveries.forget_pace(home, found.arn)
    topic = home.get(Topic, topic_arn.rpartition(":")[2])
    if topic:
        home.put(replace(topic, deleted=topic.deleted + 1))
        if found.confirmed:
            confirmations.say_goodbye(home, topic, found)


@operation(on=lambda ctx, req: "*")
def list_subscriptions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Subscription, owner=ctx.account, region=ctx.region)
    return ctx.page(req, rows, subscription_to_wire, default=100, maximum=100, error=errors.invalid("NextToken"))


@operation(on=on_topic)
def list_subscriptions_by_topic(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, topic = find_topic(ctx, req["TopicArn"])
    rows = home.where(Subscription, topic_arn=topic.arn)
    return ctx.page(req, rows, subscription_to_wire, default=100, maximum=100, error=errors.invalid("NextToken"))


def subscription_to_wire(subscription: Subscription) -> dict[str, Any]:
    return {
        "SubscriptionArn": subscription.arn if subscription.confirmed else PENDING,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }
