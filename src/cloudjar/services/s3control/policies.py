"""Policies of access points."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.policy import PolicyDocument, PolicyProblem, parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.s3.access_points import AccessPoint, of_account
from cloudjar.services.s3.public_access import is_public
from cloudjar.services.s3control import errors
from cloudjar.services.s3control.access_points import find_point, point_arn

LARGEST = 20 * 1024
"""Bytes of an access point's policy."""


def _check(text: str, point: AccessPoint) -> PolicyDocument:
    if len(text.encode()) > LARGEST:
        raise errors.malformed_policy("Policies must be no larger than 20 KB")
    try:
        document = parse(text, "resource")
    except PolicyProblem as problem:
        raise errors.malformed_policy(problem.message) from None
    for statement in document.statements:
        for arn in statement.resources or statement.not_resources or ():
            # It is about the access point and the objects in it, which have a path of their own.
            if arn not in (point.arn, "*") and not arn.startswith(f"{point.arn}/object/"):
                raise errors.malformed_policy("Policy has invalid resource")
        if any(not action.lower().startswith(("s3:", "*")) for action in statement.actions or statement.not_actions or ()):
            raise errors.malformed_policy("Policy has invalid action")
    return document


@operation(on=point_arn)
def put_access_point_policy(ctx: Context, req: dict[str, Any]) -> None:
    point = find_point(ctx, req)
    public = is_public(_check(req["Policy"], point))
    if public and (point.block_policy or of_account(ctx, point.account).block_policy):
        raise errors.public_policy(ctx.principal.arn, point.arn)
    ctx.put(replace(point, policy=req["Policy"], public=public))


@operation(on=point_arn)
def get_access_point_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    point = find_point(ctx, req)
    if not point.policy:
        raise errors.no_such_policy(point.name)
    return {"Policy": point.policy}


@operation(on=point_arn)
def get_access_point_policy_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    point = find_point(ctx, req)
    if not point.policy:
        raise errors.no_such_policy(point.name)
    return {"PolicyStatus": {"IsPublic": point.public}}


@operation(on=point_arn)
def delete_access_point_policy(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(find_point(ctx, req), policy="", public=False))
