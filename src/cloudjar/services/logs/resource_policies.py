"""Resource policies: which services and accounts may write to this account's groups."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.policy import PolicyProblem, parse
from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import milliseconds

MOST = 10


@record("logs.resource_policy", key="name")
class ResourcePolicy(Record):
    """A policy of the account's in this Region."""

    name: str
    document: str
    updated: datetime


def _check_supported(operation_name: str, req: dict[str, Any]) -> None:
    for member in ("resourceArn", "expectedRevisionId"):
        if req.get(member):
            raise not_implemented("logs", operation_name, member)


@operation()
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _check_supported("PutResourcePolicy", req)
    name, document = req.get("policyName"), req.get("policyDocument")
    if not name or not document:
        raise errors.invalid("policyName and policyDocument must be specified.")
    try:
        parse(document, "resource")
    except PolicyProblem as problem:
        raise errors.invalid(f"Invalid policy document: {problem.message}") from None
    if ctx.get(ResourcePolicy, name) is None and ctx.where(ResourcePolicy).count() >= MOST:
        raise errors.limit_exceeded()
    return {"resourcePolicy": _wire(ctx.put(ResourcePolicy(name, document, ctx.now)))}


@operation()
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> None:
    _check_supported("DeleteResourcePolicy", req)
    found = ctx.get(ResourcePolicy, req.get("policyName") or "")
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Policy with name [{req.get('policyName')}] does not exist.")
    ctx.delete(found)


@operation()
def describe_resource_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("resourceArn") or req.get("policyScope") == "RESOURCE":
        raise not_implemented("logs", "DescribeResourcePolicies", "policies of single log groups")
    members = PageMembers("nextToken", "nextToken", "limit", "resourcePolicies")
    return paging.page(members, req, ctx.where(ResourcePolicy), _wire, default=50, maximum=50, error=errors.invalid_token())


def _wire(found: ResourcePolicy) -> dict[str, Any]:
    return {
        "policyName": found.name,
        "policyDocument": found.document,
        "lastUpdatedTime": milliseconds(found.updated),
        "policyScope": "ACCOUNT",
    }
