"""What the judge asks of CloudWatch Logs: the resource policies of the account and of single groups."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.logs import resource_policies
from cloudjar.services.logs.groups import LogGroup


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """All policies of a group, and of its account and Region, as one; None where there are none."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[4].isdecimal():
        return None
    there = ctx.at(region=parts[3], account=parts[4])
    statements: list[Any] = []
    documents = [found.document for found in there.where(resource_policies.ResourcePolicy)]
    group = there.get(LogGroup, parts[5].removeprefix("log-group:").partition(":")[0])
    if group and (of_group := there.get(resource_policies.GroupPolicy, group.uid)):
        documents.append(of_group.document)
    for document in documents:
        own = json.loads(document)["Statement"]
        statements += own if isinstance(own, list) else [own]
    if not statements:
        return None
    return ResourcePolicy(parts[4], json.dumps({"Version": "2012-10-17", "Statement": statements}), arn)
