"""What the judge asks of Systems Manager: the resource policies of parameters."""

from __future__ import annotations

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.ssm import names
from cloudjar.services.ssm.sharing import ParameterPolicy


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of the parameter that an ARN names; None where there is none."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "ssm" or not parts[5].startswith("parameter/"):
        return None
    found = ctx.at(account=parts[4], region=parts[3]).get(ParameterPolicy, names.parse(arn).name) if parts[4] else None
    return ResourcePolicy(parts[4], found.document, arn) if found else None
