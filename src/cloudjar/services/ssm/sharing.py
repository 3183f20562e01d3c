"""Resource policies of parameters: what other accounts may read, by the parameter's ARN.

Source: "Working with shared parameters in Parameter Store", AWS Systems Manager User Guide.
"""

from __future__ import annotations

import hashlib
from typing import Any

from cloudjar.identity.policy import PolicyProblem, parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.ssm import errors, names, secure
from cloudjar.services.ssm.records import Parameter, latest_version


@record("ssm.resource_policy", key="name")
class ParameterPolicy(Record):
    """The policy of a parameter."""

    name: str
    id: str
    document: str

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.document.encode()).hexdigest()


def on_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceArn"])


@operation(on=on_arn)
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    parameter = _parameter(ctx, req["ResourceArn"])
    if parameter.tier != "Advanced":
        raise errors.bad_resource_policy("Only parameters of the advanced tier can be shared.")
    if parameter.type == "SecureString" and latest_version(ctx, parameter).key_id == secure.DEFAULT_KEY:
        raise errors.bad_resource_policy("A SecureString under an AWS managed key cannot be shared.")
    try:
        parse(req["Policy"], "resource")
    except PolicyProblem as problem:
        raise errors.malformed_resource_policy(problem.message) from None
    old = ctx.get(ParameterPolicy, parameter.name)
    if req.get("PolicyId") or req.get("PolicyHash"):
        _check_match(old, req)
    elif old is not None:
        raise errors.too_many_resource_policies()
    fresh = ctx.put(ParameterPolicy(parameter.name, old.id if old else ctx.ids.uuid(), req["Policy"]))
    return {"PolicyId": fresh.id, "PolicyHash": fresh.hash}


@operation(on=on_arn)
def get_resource_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(ParameterPolicy, _parameter(ctx, req["ResourceArn"]).name)
    return {"Policies": [{"PolicyId": found.id, "PolicyHash": found.hash, "Policy": found.document}] if found else []}


@operation(on=on_arn)
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(ParameterPolicy, _parameter(ctx, req["ResourceArn"]).name)
    _check_match(found, req)
    assert found is not None
    ctx.delete(found)
    return {}


def forget(ctx: Context, name: str) -> None:
    """The parameter is gone."""
    found = ctx.get(ParameterPolicy, name)
    if found:
        ctx.delete(found)


def _check_match(found: ParameterPolicy | None, req: dict[str, Any]) -> None:
    if found is None or found.id != req.get("PolicyId"):
        raise errors.no_such_resource_policy(req.get("PolicyId") or "")
    if found.hash != req.get("PolicyHash"):
        raise errors.resource_policy_has_changed()


def _parameter(ctx: Context, arn: str) -> Parameter:
    if ":parameter/" not in arn:
        raise not_implemented("ssm", ctx.call_info.operation, "resources other than parameters")
    reference = names.parse(arn)
    found = names.lookup(ctx, reference) if names.home(ctx, reference) is ctx else None
    if found is None:
        raise errors.shared_resource_not_found(arn)
    return found
