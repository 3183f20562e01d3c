"""What KMS does by itself, as CloudTrail reports it. Source: "CloudTrail log entries", AWS KMS Developer Guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import trail
from cloudjar.kernel.context import Context
from cloudjar.services.kms.records import Key


def announce(ctx: Context, key: Key, what: str, **details: Any) -> None:
    """Publishes an event of the service's own: RotateKey, DeleteKey, DeleteExpiredKeyMaterial."""
    _tell(ctx, key, what, serviceEventDetails={"keyId": key.id, **details})


def announce_synchronization(ctx: Context, primary: Key) -> None:
    """Publishes that a primary key's shared properties were copied to its replicas, in its Region: SynchronizeMultiRegionKey."""
    answer = {"responseElements": {"keyId": primary.arn}, "requestID": ctx.ids.uuid()}
    _tell(ctx, primary, "SynchronizeMultiRegionKey", eventType="AwsApiCall", **answer)


def _tell(ctx: Context, key: Key, what: str, **members: Any) -> None:
    there = ctx.at(account=key.account, region=key.region)
    trail.announce(there, "kms", what, ("AWS::KMS::Key", key.arn), **members)
