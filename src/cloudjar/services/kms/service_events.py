"""What KMS does by itself, as CloudTrail reports it. Source: "CloudTrail log entries", AWS KMS Developer Guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.kms.records import Key


def announce(ctx: Context, key: Key, what: str, **details: Any) -> None:
    """Publishes an event of the service's own: RotateKey, DeleteKey, DeleteExpiredKeyMaterial."""
    detail = _event(ctx, key, what, "AwsServiceEvent") | {"serviceEventDetails": {"keyId": key.id, **details}}
    ctx.emit("aws.kms", "AWS Service Event via CloudTrail", detail, [key.arn])


def announce_synchronization(ctx: Context, primary: Key) -> None:
    """Publishes that a primary key's shared properties were copied to its replicas, in its Region: SynchronizeMultiRegionKey."""
    detail = _event(ctx, primary, "SynchronizeMultiRegionKey", "AwsApiCall")
    detail |= {"responseElements": {"keyId": primary.arn}, "requestID": ctx.ids.uuid()}
    ctx.emit("aws.kms", "AWS API Call via CloudTrail", detail, [primary.arn])


def _event(ctx: Context, key: Key, what: str, kind: str) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "userIdentity": {"accountId": key.account, "invokedBy": "AWS Internal"},
        "eventTime": ctx.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "kms.amazonaws.com",
        "eventName": what,
        "awsRegion": key.region,
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": None,
        "responseElements": None,
        "eventID": ctx.ids.uuid(),
        "readOnly": False,
        "resources": [{"accountId": key.account, "type": "AWS::KMS::Key", "ARN": key.arn}],
        "eventType": kind,
        "managementEvent": True,
        "recipientAccountId": key.account,
        "eventCategory": "Management",
    }
