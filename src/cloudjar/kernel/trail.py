"""What the services and their trail have in common: events of a service's own doing, and who wants calls that only read."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record

SERVICE_EVENT = "AWS Service Event via CloudTrail"
API_CALL = "AWS API Call via CloudTrail"
INTERNAL = "AWS Internal"


@record("kernel.trail_reader", key="arn")
class TrailReader(Record):
    """A rule that wants calls that only read, too. While there is none, nobody is told of them."""

    arn: str


def announce(ctx: Context, service: str, what: str, resource: tuple[str, str] | None = None, **members: Any) -> None:
    """Publishes what a service ("kms") did by itself ("RotateKey"), as its trail tells it: on the default bus, and in the trail.

    `resource` is a type and an ARN ("AWS::KMS::Key", arn); `members` come beside the common ones, or in their place.
    Source: "Non-API events captured by CloudTrail".
    """
    resources = [{"accountId": ctx.account, "type": resource[0], "ARN": resource[1]}] if resource else []
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {"accountId": ctx.account, "invokedBy": INTERNAL},
        "eventTime": ctx.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": what,
        "awsRegion": ctx.region,
        "sourceIPAddress": INTERNAL,
        "userAgent": INTERNAL,
        "requestParameters": None,
        "responseElements": None,
        "eventID": ctx.ids.uuid(),
        "readOnly": False,
        **({"resources": resources} if resources else {}),
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": ctx.account,
        "eventCategory": "Management",
        **members,
    }
    kind = SERVICE_EVENT if detail["eventType"] == "AwsServiceEvent" else API_CALL
    ctx.emit(f"aws.{service}", kind, detail, [resource[1]] if resource else [])
