"""What the judge asks of Lambda: the policies of functions, versions, aliases and layers."""

from __future__ import annotations

import json

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.lambda_.functions import Function
from cloudjar.services.lambda_.layers import LayerVersion
from cloudjar.services.lambda_.names import version_number
from cloudjar.services.lambda_.policies import Policy, policy_document


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of what an ARN names; None where there is nothing of that name."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "lambda":
        return None
    there = ctx.at(account=parts[4], region=parts[3])
    kind, name, qualifier = parts[5], parts[6], parts[7] if len(parts) > 7 else ""
    if kind == "function" and there.get(Function, name) is not None:
        policy = there.get(Policy, name, qualifier)
        return ResourcePolicy(parts[4], policy_document(policy) if policy else None, arn)
    number = version_number(qualifier)
    if kind == "layer" and number is not None:
        version = there.get(LayerVersion, name, number)
        if version is not None and not version.deleted:
            statements = list(version.statements.values())
            document = json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None
            return ResourcePolicy(parts[4], document, arn)
    return None
