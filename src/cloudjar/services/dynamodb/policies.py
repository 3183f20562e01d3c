"""Resource policies of tables, which hold for their indexes, and of streams."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import Table, place_of, table_arn
from cloudjar.services.dynamodb.stream_records import Stream, stream_at

LARGEST = 20 * 1024


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceArn"])


def checked(document: str) -> str:
    """A policy that can be kept. Raises LimitExceededException, ValidationException for a text that is none."""
    from cloudjar.identity.policy import PolicyProblem, parse

    if len(document.encode()) > LARGEST:
        raise errors.limit_exceeded("Resource policy size exceeds the maximum allowed size")
    try:
        parse(document, "resource")
    except PolicyProblem as problem:
        raise errors.invalid(f"Resource policy is invalid: {problem}") from None
    return document


def new_revision(ctx: Context) -> str:
    """A revision id."""
    return str(int(ctx.now.timestamp() * 1000))


def _found(ctx: Context, arn: str) -> tuple[Context, Table | Stream]:
    place = stream_at(ctx, arn)
    if place is not None:
        there, stream = place
        if stream is None:
            raise errors.resource_not_found(arn)
        return there, stream
    there, name = place_of(ctx, arn)
    table = there.get(Table, name)
    if table is None or table_arn(there, name) != arn:
        raise errors.resource_not_found(arn)
    return there, table


def _no_policy(arn: str) -> AwsError:
    return AwsError("PolicyNotFoundException", f"Resource-based policy not found for the provided ResourceArn: {arn}")


def _check_revision(held: Table | Stream, req: dict[str, Any]) -> None:
    expected = req.get("ExpectedRevisionId")
    if expected and expected != (held.policy_revision or "NO_POLICY"):
        raise AwsError(
            "PolicyNotFoundException",
            f"Resource-based policy not found for the provided ResourceArn: Requested RevisionId: {expected}, "
            f"current RevisionId: {held.policy_revision or 'NO_POLICY'}",
        )


@operation(on=on_resource)
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, held = _found(ctx, req["ResourceArn"])
    document = checked(req["Policy"])
    _check_revision(held, req)
    # The same text again keeps its revision.
    revision = held.policy_revision if held.policy == document else new_revision(there)
    there.put(replace(held, policy=document, policy_revision=revision))
    return {"RevisionId": revision}


@operation(on=on_resource)
def get_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, held = _found(ctx, req["ResourceArn"])
    if not held.policy:
        raise _no_policy(req["ResourceArn"])
    return {"Policy": held.policy, "RevisionId": held.policy_revision}


@operation(on=on_resource)
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, held = _found(ctx, req["ResourceArn"])
    _check_revision(held, req)
    if not held.policy:
        return {}
    there.put(replace(held, policy="", policy_revision=""))
    return {"RevisionId": held.policy_revision}
