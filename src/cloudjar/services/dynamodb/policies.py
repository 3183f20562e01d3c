"""Resource policies of tables."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import Table, place_of, table_arn

LARGEST = 20 * 1024


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceArn"])


def with_policy(ctx: Context, table: Table, document: str) -> Table:
    """The table with a resource policy. Raises ValidationException for a text that is none."""
    from cloudjar.identity.policy import PolicyProblem, parse

    if len(document) > LARGEST:
        raise errors.limit_exceeded("Resource policy size exceeds the maximum allowed size")
    try:
        parse(document, "resource")
    except PolicyProblem as problem:
        raise errors.invalid(f"Resource policy is invalid: {problem}") from None
    return replace(table, policy=document, policy_revision=str(int(ctx.now.timestamp() * 1000)))


def _found(ctx: Context, arn: str) -> tuple[Context, Table]:
    if "/stream/" in arn:
        from cloudjar.kernel.errors import not_implemented

        raise not_implemented("dynamodb", "resource policies", "of streams")
    there, name = place_of(ctx, arn)
    table = there.get(Table, name)
    if table is None or table_arn(there, name) != arn:
        raise errors.resource_not_found(arn)
    return there, table


def _no_policy(arn: str) -> AwsError:
    return AwsError("PolicyNotFoundException", f"Resource-based policy not found for the provided ResourceArn: {arn}")


def _check_revision(table: Table, req: dict[str, Any]) -> None:
    expected = req.get("ExpectedRevisionId")
    if expected and expected != (table.policy_revision or "NO_POLICY"):
        raise AwsError("PolicyNotFoundException", f"The ExpectedRevisionId does not match: {expected}")


@operation(on=on_resource)
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = _found(ctx, req["ResourceArn"])
    _check_revision(table, req)
    return {"RevisionId": there.put(with_policy(there, table, req["Policy"])).policy_revision}


@operation(on=on_resource)
def get_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, table = _found(ctx, req["ResourceArn"])
    if not table.policy:
        raise _no_policy(req["ResourceArn"])
    return {"Policy": table.policy, "RevisionId": table.policy_revision}


@operation(on=on_resource)
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = _found(ctx, req["ResourceArn"])
    if not table.policy:
        return {}
    _check_revision(table, req)
    there.put(replace(table, policy="", policy_revision=""))
    return {"RevisionId": table.policy_revision}
