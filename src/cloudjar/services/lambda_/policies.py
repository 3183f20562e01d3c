"""Resource policies: who else may use a function."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import check_revision, find_version
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner

_PRINCIPAL_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam::\d{12}:(root|(user|role)/[\x21-\x7e]+)|sts::\d{12}:(assumed-role|federated-user)/[\w+=,.@/-]+)", re.ASCII
).fullmatch
_LARGEST = 20_480
"""Bytes of a policy: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""


@record("lambda.policy", key=("function", "qualifier"))
class Policy(Record):
    """The policy of a function, or of one of its versions or aliases."""

    function: str
    qualifier: str
    statements: dict[str, dict[str, Any]]
    """By their ids, or "#NUMBER" for those that have none."""
    revision: str
    id: str = "default"
    version: str = "2012-10-17"


def principal_element(principal: str, partition: str) -> Any:
    """A statement's Principal, from what AddPermission was given."""
    if principal == "*":
        return "*"
    if principal.endswith((".amazonaws.com", ".amazonaws.com.cn")) and "*" not in principal:
        return {"Service": principal}
    if principal.isdigit() and len(principal) == 12:
        return {"AWS": f"arn:{partition}:iam::{principal}:root"}
    if _PRINCIPAL_ARN(principal):
        return {"AWS": principal}
    raise errors.invalid("The provided principal was invalid. Please check the principal and try again.")


def _statement(ctx: Context, req: dict[str, Any], arn: str) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": principal_element(req["Principal"], ctx.partition),
        "Action": req["Action"],
        "Resource": arn,
    }
    condition: dict[str, dict[str, Any]] = {}
    if req.get("SourceAccount"):
        condition.setdefault("StringEquals", {})["AWS:SourceAccount"] = req["SourceAccount"]
    if req.get("PrincipalOrgID"):
        condition.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = req["PrincipalOrgID"]
    if req.get("FunctionUrlAuthType"):
        condition.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = req["FunctionUrlAuthType"]
    if req.get("EventSourceToken"):
        condition.setdefault("StringEquals", {})["lambda:EventSourceToken"] = req["EventSourceToken"]
    if req.get("InvokedViaFunctionUrl") is not None:
        condition.setdefault("Bool", {})["lambda:InvokedViaFunctionUrl"] = str(req["InvokedViaFunctionUrl"]).lower()
    if req.get("SourceArn"):
        condition.setdefault("ArnLike", {})["AWS:SourceArn"] = req["SourceArn"]
    if condition:
        statement["Condition"] = condition
    return statement


def policy_document(policy: Policy) -> str:
    """The policy as JSON."""
    head = {name: value for name, value in (("Version", policy.version), ("Id", policy.id)) if value}
    return json.dumps({**head, "Statement": list(policy.statements.values())}, separators=(",", ":"))


def check_size(policy: Policy) -> None:
    """Raises PolicyLengthExceededException."""
    size = len(policy_document(policy).encode())
    if size > _LARGEST:
        raise errors.policy_too_large(size, _LARGEST)


@operation(on=on_function)
def add_permission(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_version(ctx, who.name, who.qualifier)
    if who.qualifier == "$LATEST":
        raise errors.invalid("We currently do not support adding policies for $LATEST.")
    old = ctx.get(Policy, who.name, who.qualifier)
    if req.get("RevisionId"):
        check_revision(req["RevisionId"], old.revision if old else "", "GetPolicy")
    statements = dict(old.statements) if old else {}
    if req["StatementId"] in statements:
        raise errors.statement_exists(req["StatementId"])
    statement = _statement(ctx, req, function_arn(ctx, who.name, who.qualifier))
    statements[req["StatementId"]] = statement
    policy = replace(old or Policy(who.name, who.qualifier, {}, ""), statements=statements, revision=ctx.ids.uuid())
    check_size(policy)
    ctx.put(policy)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@operation(on=on_function)
def remove_permission(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_version(ctx, who.name, who.qualifier)
    policy = ctx.get(Policy, who.name, who.qualifier)
    if policy is None:
        raise errors.no_policy()
    check_revision(req.get("RevisionId"), policy.revision, "GetPolicy")
    if req["StatementId"] not in policy.statements:
        raise errors.no_statement(req["StatementId"])
    left = {sid: s for sid, s in policy.statements.items() if sid != req["StatementId"]}
    if left:
        ctx.put(replace(policy, statements=left, revision=ctx.ids.uuid()))
    else:
        ctx.delete(policy)


@operation(on=on_function)
def get_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_version(ctx, who.name, who.qualifier)
    policy = ctx.get(Policy, who.name, who.qualifier)
    if policy is None:
        raise errors.no_policy()
    return {"Policy": policy_document(policy), "RevisionId": policy.revision}
