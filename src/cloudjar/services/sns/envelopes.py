"""What subscribers are sent: the signed JSON document, and a function's event."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from cloudjar.kernel.context import Context
from cloudjar.services.sns import signing
from cloudjar.services.sns.subscriptions import Subscription
from cloudjar.services.sns.topics import Topic

VERSION = "2010-03-31"


def base_url(ctx: Context, subscription: Subscription) -> str:
    """Where links in messages lead: the host that was called, or that the subscriber once called."""
    return ctx.call_info.url or subscription.base_url or f"https://sns.{ctx.region}.amazonaws.com"


def link(base: str, action: str, **parameters: str) -> str:
    """A link that does something when it is followed."""
    # AWS's links have no version; here it tells which service is meant where the host does not.
    return f"{base}/?{urlencode({'Action': action, **parameters, 'Version': VERSION}, safe=':')}"


def timestamp(instant: datetime) -> str:
    """How SNS writes instants: to the millisecond."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def signed(ctx: Context, topic: Topic, base: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields and their signature."""
    version = topic.attributes.get("SignatureVersion", "1")
    signature = signing.sign(ctx, fields, version)
    return {
        **{name: value for name, value in fields.items() if value is not None},
        "SignatureVersion": version,
        "Signature": signature,
        "SigningCertURL": base + signing.signing_key(ctx).path,
    }


def attributes_to_wire(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Message attributes as documents show them."""
    return {name: {"Type": value["DataType"], "Value": _value(value)} for name, value in attributes.items()}


def _value(value: Mapping[str, Any]) -> str:
    binary = value.get("BinaryValue")
    return str(value["StringValue"]) if binary is None else base64.b64encode(binary).decode()


def notification(document: dict[str, Any], subscription: Subscription, base: str, attributes: Mapping[str, Any]) -> str:
    """The document that queues and web servers get."""
    whole = {**document, "UnsubscribeURL": link(base, "Unsubscribe", SubscriptionArn=subscription.arn)}
    if attributes:
        whole["MessageAttributes"] = attributes_to_wire(attributes)
    return written(whole)


def written(document: dict[str, Any]) -> str:
    """JSON as SNS lays it out."""
    return json.dumps(document, indent=2, separators=(",", " : "), ensure_ascii=False)


def lambda_event(document: dict[str, Any], subscription: Subscription, base: str, attributes: Mapping[str, Any]) -> bytes:
    """The event that a function gets."""
    sns = {
        "Type": document["Type"],
        "MessageId": document["MessageId"],
        "TopicArn": document["TopicArn"],
        "Subject": document.get("Subject"),
        "Message": document["Message"],
        "Timestamp": document["Timestamp"],
        "SignatureVersion": document["SignatureVersion"],
        "Signature": document["Signature"],
        "SigningCertUrl": document["SigningCertURL"],
        "UnsubscribeUrl": link(base, "Unsubscribe", SubscriptionArn=subscription.arn),
        "MessageAttributes": attributes_to_wire(attributes),
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription.arn, "Sns": sns}
    return json.dumps({"Records": [record]}, separators=(",", ":")).encode()
