"""Deliveries to queues, functions and web servers: tried, tried again by the world's clock, given up to a dead-letter queue."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cloudjar.kernel.blobs import EMPTY, Blob
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import delivery_policy, delivery_status, http_client
from cloudjar.services.sns.subscriptions import Subscription
from cloudjar.services.sns.topics import Topic, count

AGENT = "Amazon Simple Notification Service Agent"
SERVICE = "sns.amazonaws.com"


@record("sns.delivery", key="id", blobs=lambda delivery: [delivery.body.id] if delivery.body.id else [])
class Delivery(Record):
    """One message on its way to one subscriber, in the form that it will have there."""

    message_id: str
    body: Blob = EMPTY
    id: int = 0
    topic_arn: str = ""
    subscription_arn: str = ""
    protocol: str = ""
    endpoint: str = ""
    kind: str = "Notification"
    raw: bool = False
    attributes: dict[str, dict[str, Any]] = {}
    group: str = ""
    deduplication_id: str = ""
    content_type: str = delivery_policy.CONTENT_TYPE
    delays: list[int] | None = None
    """Seconds before each retry; None for AWS's own, which go on for 23 days."""
    dead_letter_arn: str = ""
    attempts: int = 0
    published: datetime | None = None


@record("sns.pace", key="subscription_arn")
class Pace(Record):
    """When the next delivery to a subscription with a throttle policy may be."""

    subscription_arn: str
    next: datetime


class Failure(NamedTuple):
    """Why an attempt failed."""

    code: str
    message: str
    lasting: bool
    """Nothing will be different next time."""
    status: int = 500


class Success(NamedTuple):
    """What the endpoint answered."""

    status: int
    response: str


def start(ctx: Context, topic: Topic, subscription: Subscription, delivery: Delivery) -> None:
    """Sends a delivery on its way: to a queue at once, elsewhere after this transaction."""
    redrive = subscription.attributes.get("RedrivePolicy")
    delivery = replace(
        delivery,
        id=ctx.world.step(ctx._open(), "sns-delivery"),
        topic_arn=topic.arn,
        subscription_arn=subscription.arn,
        protocol=subscription.protocol,
        endpoint=subscription.endpoint,
        dead_letter_arn=json.loads(redrive)["deadLetterTargetArn"] if redrive else "",
    )
    if subscription.protocol in ("http", "https"):
        own = subscription.attributes.get("DeliveryPolicy", "")
        policy = delivery_policy.effective_subscription_policy(topic.attributes.get("DeliveryPolicy", ""), own)
        delivery = replace(
            delivery,
            content_type=policy["requestPolicy"]["headerContentType"],
            delays=delivery_policy.delays(policy["healthyRetryPolicy"]),
        )
        rate = (policy["throttlePolicy"] or {}).get("maxReceivesPerSecond")
        if rate and delivery.kind == "Notification":
            ctx.put(delivery)
            ctx.after(again, delivery.id, at=_turn(ctx, delivery.subscription_arn, rate))
            return
    if delivery.protocol == "sqs":
        _conclude(ctx, topic, delivery, _send(ctx, delivery, delivery.endpoint))
        return
    ctx.put(delivery)
    ctx.effect(attempt, delivery.id)


def _turn(ctx: Context, subscription_arn: str, rate: int) -> datetime:
    """When a subscription with a throttle policy may have its next delivery."""
    pace = ctx.get(Pace, subscription_arn)
    due = max(ctx.now, pace.next) if pace else ctx.now
    ctx.put(Pace(subscription_arn, due + timedelta(seconds=1 / rate)))
    return due


@effect
async def attempt(ctx: Context, delivery_id: int) -> None:
    """Tries a delivery to a function or web server once; nothing to do if it has ended meanwhile."""
    with ctx.transaction():
        delivery = ctx.get(Delivery, delivery_id)
        body = ctx.blobs.read(delivery.body) if delivery else b""
    if delivery is None:
        return
    answer = await (_invoke(ctx, delivery, body) if delivery.protocol == "lambda" else _post(ctx, delivery, body))
    with ctx.transaction():
        _conclude(ctx, _topic(ctx, delivery), delivery, answer)


@timer
def again(ctx: Context, delivery_id: int) -> None:
    """The pause before a retry is over."""
    delivery = ctx.get(Delivery, delivery_id)
    if delivery is None:
        return
    if delivery.protocol != "sqs":
        ctx.effect(attempt, delivery_id)
        return
    _conclude(ctx, _topic(ctx, delivery), delivery, _send(ctx, delivery, delivery.endpoint))


def _topic(ctx: Context, delivery: Delivery) -> Topic | None:
    return ctx.get(Topic, delivery.topic_arn.rpartition(":")[2])


def _conclude(ctx: Context, topic: Topic | None, delivery: Delivery, answer: Success | Failure) -> None:
    """An attempt has ended."""
    if isinstance(answer, Failure):
        _failed(ctx, topic, delivery, answer)
        return
    if delivery.attempts or delivery.protocol != "sqs":
        ctx.delete(delivery)
    _note(ctx, topic, delivery, answer.status, answer.response, delivered=True)
    # A subscription's confirmation is no notification.
    if delivery.kind == "Notification":
        count(ctx, delivery.topic_arn, "NumberOfNotificationsDelivered")


def _note(ctx: Context, topic: Topic | None, delivery: Delivery, status: int, response: str, *, delivered: bool) -> None:
    if topic is None or delivery.kind != "Notification":
        return
    outcome = delivery_status.Outcome(
        delivered,
        delivery.message_id,
        delivery.endpoint,
        response,
        status,
        delivery.attempts + 1,
        delivery.published,
        topic.arn,
    )
    delivery_status.note(ctx, topic.attributes, delivery_status.KINDS[delivery.protocol], topic.name, outcome)


def _failed(ctx: Context, topic: Topic | None, delivery: Delivery, failure: Failure) -> None:
    """Plans the next attempt, or gives the message up."""
    attempts = delivery.attempts + 1
    if delivery.delays is None:
        pause = delivery_policy.managed_delay(attempts)
    else:
        pause = delivery.delays[attempts - 1] if attempts <= len(delivery.delays) else None
    if failure.lasting or pause is None:
        ctx.delete(delivery)
        _note(ctx, topic, delivery, failure.status, failure.message, delivered=False)
        _give_up(ctx, delivery, failure)
        return
    ctx.put(replace(delivery, attempts=attempts))
    ctx.after(again, delivery.id, seconds=pause)


def _give_up(ctx: Context, delivery: Delivery, failure: Failure) -> None:
    count(ctx, delivery.topic_arn, "NumberOfNotificationsFailed")
    if not delivery.dead_letter_arn:
        return
    reasons = {"RequestID": delivery.message_id, "ErrorCode": failure.code, "ErrorMessage": failure.message[:1024] or failure.code}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in reasons.items()}
    sent = _send(ctx, replace(delivery, attributes={**delivery.attributes, **attributes}), delivery.dead_letter_arn)
    kept = isinstance(sent, Success)
    count(ctx, delivery.topic_arn, "NumberOfNotificationsRedrivenToDlq" if kept else "NumberOfNotificationsFailedToRedriveToDlq")


def forget_pace(ctx: Context, subscription_arn: str) -> None:
    """A subscription has ended."""
    pace = ctx.get(Pace, subscription_arn)
    if pace:
        ctx.delete(pace)


# The ways out


def _send(ctx: Context, delivery: Delivery, queue_arn: str) -> Success | Failure:
    """Puts a delivery into a queue, in this transaction."""
    _, partition, _, region, account, name = queue_arn.split(":", 5)
    domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    req: dict[str, Any] = {
        "QueueUrl": f"https://sqs.{region}.{domain}/{account}/{name}",
        "MessageBody": ctx.blobs.read(delivery.body).decode("utf-8", "surrogatepass"),
    }
    if delivery.attributes:
        req["MessageAttributes"] = delivery.attributes
    if name.endswith(".fifo"):
        req |= {"MessageGroupId": delivery.group, "MessageDeduplicationId": delivery.deduplication_id}
    elif delivery.group and not delivery.deduplication_id:
        req["MessageGroupId"] = delivery.group
    acting = ctx.as_service(SERVICE, delivery.topic_arn).at(account=account, region=region)
    try:
        sent = acting.call("sqs", "SendMessage", req)
    except AwsError as error:
        return _failure_of(error)
    return Success(200, json.dumps({"sqsRequestId": "Unrecoverable", "sqsMessageId": sent["MessageId"]}))


async def _invoke(ctx: Context, delivery: Delivery, body: bytes) -> Success | Failure:
    parts = delivery.endpoint.split(":")
    acting = ctx.as_service(SERVICE, delivery.topic_arn).at(account=parts[4], region=parts[3])
    try:
        await acting.call_async("lambda", "Invoke", {"FunctionName": delivery.endpoint, "InvocationType": "Event", "Payload": body})
    except AwsError as error:
        return _failure_of(error)
    return Success(202, json.dumps({"lambdaRequestId": delivery.message_id}))


async def _post(ctx: Context, delivery: Delivery, body: bytes) -> Success | Failure:
    headers = {
        "x-amz-sns-message-type": delivery.kind,
        "x-amz-sns-message-id": delivery.message_id,
        "x-amz-sns-topic-arn": delivery.topic_arn,
        "Content-Type": delivery.content_type,
        "User-Agent": AGENT,
        "Accept-Encoding": "gzip,deflate",
    }
    if delivery.kind != "SubscriptionConfirmation":
        headers["x-amz-sns-subscription-arn"] = delivery.subscription_arn
    if delivery.raw:
        headers["x-amz-sns-rawdelivery"] = "true"
    try:
        status = await http_client.post(ctx.world, delivery.endpoint, headers, body)
    except http_client.Unreachable as problem:
        return Failure("ConnectionError", str(problem), lasting=False)
    if 200 <= status < 300:
        return Success(status, f"The endpoint answered {status}.")
    # What the client did wrong stays wrong; only "too many requests" passes.
    return Failure(str(status), f"The endpoint answered {status}.", lasting=400 <= status < 500 and status != 429, status=status)


def _failure_of(error: AwsError) -> Failure:
    status = error.status or 400
    return Failure(error.code, error.message, lasting=status < 500 or status == 501, status=status)
