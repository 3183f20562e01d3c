"""Resource policies: which services and accounts may write to this account's groups, or to a single group."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.policy import PolicyProblem, parse
from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import find_group, group_arn, group_name, milliseconds

MOST = 10


@record("logs.resource_policy", key="name")
class ResourcePolicy(Record):
    """A policy of the account's in this Region."""

    name: str
    document: str
    updated: datetime


@record("logs.group_policy", key="group")
class GroupPolicy(Record):
    """The policy of the group with that uid; `revision` changes with it."""

    group: int
    arn: str
    name: str
    document: str
    updated: datetime
    revision: str


@operation()
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, document, arn = req.get("policyName"), req.get("policyDocument"), req.get("resourceArn")
    if not document or not (name or arn):
        raise errors.invalid("policyName and policyDocument must be specified.")
    try:
        parse(document, "resource")
    except PolicyProblem as problem:
        raise errors.invalid(f"Invalid policy document: {problem.message}") from None
    if arn:
        return _put_of_group(ctx, req, arn, name or "", document)
    assert name is not None
    if ctx.get(ResourcePolicy, name) is None and ctx.where(ResourcePolicy).count() >= MOST:
        raise errors.limit_exceeded()
    return {"resourcePolicy": _wire(ctx.put(ResourcePolicy(name, document, ctx.now)))}


def _put_of_group(ctx: Context, req: dict[str, Any], arn: str, name: str, document: str) -> dict[str, Any]:
    group = _group_of(ctx, arn)
    _check_revision(ctx.get(GroupPolicy, group), req)
    found = ctx.put(GroupPolicy(group, arn.removesuffix(":*"), name, document, ctx.now, ctx.ids.uuid()))
    return {"resourcePolicy": _wire(found), "revisionId": found.revision}


def _group_of(ctx: Context, arn: str) -> int:
    group = find_group(ctx, group_name(arn))
    if arn.removesuffix(":*") != group_arn(ctx, group.name):
        raise errors.invalid(f"The specified resourceArn {arn} is not the ARN of a log group.")
    return group.uid


def _check_revision(found: GroupPolicy | None, req: dict[str, Any]) -> None:
    """A change must name the revision that it is of: nobody overwrites what they have not seen."""
    if (found.revision if found else None) != req.get("expectedRevisionId"):
        raise AwsError("OperationAbortedException", "The expectedRevisionId does not match the current revision of the resource policy.")


@operation()
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> None:
    found: ResourcePolicy | GroupPolicy | None
    if arn := req.get("resourceArn"):
        found = ctx.get(GroupPolicy, _group_of(ctx, arn))
        if found is not None:
            _check_revision(found, req)
    else:
        found = ctx.get(ResourcePolicy, req.get("policyName") or "")
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Policy with name [{req.get('policyName') or arn}] does not exist.")
    ctx.delete(found)


@operation()
def describe_resource_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    members = PageMembers("nextToken", "nextToken", "limit", "resourcePolicies")
    error = errors.invalid_token()
    if req.get("resourceArn") or req.get("policyScope") == "RESOURCE":
        rows = ctx.where(GroupPolicy, group=_group_of(ctx, req["resourceArn"])) if req.get("resourceArn") else ctx.where(GroupPolicy)
        return paging.page(members, req, rows, _wire, default=50, maximum=50, error=error)
    return paging.page(members, req, ctx.where(ResourcePolicy), _wire, default=50, maximum=50, error=error)


def _wire(found: ResourcePolicy | GroupPolicy) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "policyName": found.name,
        "policyDocument": found.document,
        "lastUpdatedTime": milliseconds(found.updated),
        "policyScope": "ACCOUNT",
    }
    if isinstance(found, GroupPolicy):
        wire |= {"policyScope": "RESOURCE", "resourceArn": found.arn, "revisionId": found.revision}
    return wire
