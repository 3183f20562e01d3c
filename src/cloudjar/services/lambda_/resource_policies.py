"""Resource policies as whole documents: the same that AddPermission and RemovePermission change a statement of."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.policy import PolicyProblem, parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import check_revision, find_version
from cloudjar.services.lambda_.names import LATEST, Named, named, owner
from cloudjar.services.lambda_.policies import Policy, policy_document


def _on_resource(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceArn"])


@operation(on=_on_resource)
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = _found(ctx, req, "PutResourcePolicy")
    if who.qualifier == LATEST:
        raise errors.invalid("We currently do not support adding policies for $LATEST.")
    old = ctx.get(Policy, who.name, who.qualifier)
    if req.get("RevisionId"):
        check_revision(req["RevisionId"], old.revision if old else "", "GetResourcePolicy")
    try:
        parse(req["Policy"], "resource")
    except PolicyProblem as problem:
        raise errors.invalid(f"The provided policy is invalid: {problem.message}") from None
    document = json.loads(req["Policy"])
    given = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    # A statement without an id has none for RemovePermission either.
    statements = {one.get("Sid") or f"#{number}": one for number, one in enumerate(given)}
    policy = Policy(who.name, who.qualifier, statements, ctx.ids.uuid(), document.get("Id") or "", document.get("Version") or "")
    return _to_wire(ctx.put(policy))


@operation(on=_on_resource)
def get_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = _found(ctx, req, "GetResourcePolicy")
    policy = ctx.get(Policy, who.name, who.qualifier)
    if policy is None:
        raise errors.no_policy()
    return _to_wire(policy)


@operation(on=_on_resource)
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = _found(ctx, req, "DeleteResourcePolicy")
    policy = ctx.get(Policy, who.name, who.qualifier)
    if policy is None:
        raise errors.no_policy()
    check_revision(req.get("RevisionId"), policy.revision, "GetResourcePolicy")
    ctx.delete(policy)


def _found(ctx: Context, req: dict[str, Any], op: str) -> tuple[Context, Named]:
    """The owner's context, and what the ARN names. Raises ResourceNotFoundException."""
    if ":runtime/" in req["ResourceArn"]:
        raise not_implemented("lambda", op, "policies of runtimes")
    named_as = {"FunctionName": req["ResourceArn"]}
    ctx, who = owner(ctx, named_as), named(ctx, named_as)
    find_version(ctx, who.name, who.qualifier)
    return ctx, who


def _to_wire(policy: Policy) -> dict[str, Any]:
    return {"Policy": policy_document(policy), "RevisionId": policy.revision}
