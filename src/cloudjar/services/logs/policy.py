"""What the judge asks of CloudWatch Logs: the account's resource policies."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.logs import resource_policies


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """All policies of the account and Region of a group, as one; None where there are none."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[4].isdecimal():
        return None
    there = ctx.at(region=parts[3], account=parts[4])
    statements: list[Any] = []
    for found in there.where(resource_policies.ResourcePolicy):
        own = json.loads(found.document)["Statement"]
        statements += own if isinstance(own, list) else [own]
    if not statements:
        return None
    return ResourcePolicy(parts[4], json.dumps({"Version": "2012-10-17", "Statement": statements}), arn)
