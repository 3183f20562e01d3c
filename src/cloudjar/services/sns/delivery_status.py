"""Delivery status logging: what became of deliveries, written to CloudWatch Logs under the role that was named for it.

Source: "Amazon SNS message delivery status" SNS Developer Guide. A role that may not write
means no log, and no error, as on AWS.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import effect
from cloudjar.services.sns import errors

SERVICE = "sns.amazonaws.com"
KINDS = {"http": "HTTP", "https": "HTTP", "sqs": "SQS", "lambda": "Lambda", "application": "Application"}
SUCCESS_ROLE, FAILURE_ROLE, SUCCESS_RATE = "SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate"
SETTABLE = frozenset(f"{kind}{what}" for kind in (*KINDS.values(), "Firehose") for what in (SUCCESS_ROLE, FAILURE_ROLE, SUCCESS_RATE))
_ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/\S+")


class Outcome(NamedTuple):
    """What became of a message at one endpoint."""

    delivered: bool
    message_id: str
    destination: str
    response: str
    status: int
    attempts: int = 1
    published: datetime | None = None
    topic_arn: str = ""


def check(name: str, value: str) -> None:
    """Returns if an attribute of this kind may have this value. Raises InvalidParameter."""
    if name.endswith(SUCCESS_RATE):
        if not (value.isdecimal() and value.isascii() and len(value) < 4 and int(value) <= 100):
            raise errors.invalid(f"Attributes Reason: {name}: Invalid value [{value}]. It must be a whole number from 0 to 100.")
    elif not _ROLE.fullmatch(value):
        raise errors.invalid(f"Attributes Reason: {name}: {value} is not the ARN of an IAM role")


def note(ctx: Context, attributes: Mapping[str, str], prefix: str, place: str, outcome: Outcome) -> None:
    """Has an outcome written if `attributes` (a topic's, an application's) ask for it. `place` is the log group's last part."""
    role = attributes.get(prefix + (SUCCESS_ROLE if outcome.delivered else FAILURE_ROLE))
    if role and (not outcome.delivered or _sampled(ctx, attributes.get(prefix + SUCCESS_RATE, "0"))):
        write_later(ctx, role, place, outcome)


def note_text(ctx: Context, settings: Mapping[str, str], place: str, outcome: Outcome) -> None:
    """The same for text messages, whose settings are the account's."""
    role = settings.get("DeliveryStatusIAMRole")
    if role and (not outcome.delivered or _sampled(ctx, settings.get("DeliveryStatusSuccessSamplingRate", "0"))):
        write_later(ctx, role, place, outcome, smsType=settings.get("DefaultSMSType", "Promotional"), numberOfMessageParts=1)


def write_later(ctx: Context, role: str, place: str, outcome: Outcome, **more: Any) -> None:
    """Writes an outcome once this transaction has committed."""
    group = f"sns/{ctx.region}/{ctx.account}/{place}" + ("" if outcome.delivered else "/Failure")
    ctx.effect(write, role, group, _entry(ctx, outcome, more), microseconds(ctx.now) // 1000)


def _sampled(ctx: Context, rate: str) -> bool:
    return rate == "100" or (rate != "0" and int(ctx.ids.hex(8), 16) % 100 < int(rate))


def _entry(ctx: Context, outcome: Outcome, more: Mapping[str, Any]) -> str:
    published = outcome.published or ctx.now
    notification = {"messageId": outcome.message_id, "timestamp": f"{published:%Y-%m-%d %H:%M:%S}.{published.microsecond // 1000:03d}"}
    if outcome.topic_arn:
        notification["topicArn"] = outcome.topic_arn
    delivery: dict[str, Any] = {
        "deliveryId": ctx.ids.uuid(),
        "destination": outcome.destination,
        "providerResponse": outcome.response,
        "dwellTimeMs": (microseconds(ctx.now) - microseconds(published)) // 1000,
        "attempts": outcome.attempts,
        "statusCode": outcome.status,
        **more,
    }
    whole = {"notification": notification, "delivery": delivery, "status": "SUCCESS" if outcome.delivered else "FAILURE"}
    return json.dumps(whole, separators=(",", ":"))


@effect
async def write(ctx: Context, role: str, group: str, entry: str, milliseconds: int) -> None:
    """Writes one entry, into a stream that lasts a day."""
    stream = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{group}#{milliseconds // 86_400_000}"))
    named = {"logGroupName": group, "logStreamName": stream}
    try:
        with ctx.transaction():
            acting = ctx.assume(role, SERVICE)
            _make(acting, "CreateLogGroup", {"logGroupName": group})
            _make(acting, "CreateLogStream", named)
            acting.call("logs", "PutLogEvents", {**named, "logEvents": [{"timestamp": milliseconds, "message": entry}]})
    except AwsError:
        return


def _make(ctx: Context, operation: str, req: dict[str, str]) -> None:
    try:
        ctx.call("logs", operation, req)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
