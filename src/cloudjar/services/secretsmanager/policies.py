"""Resource policies of secrets."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.policy import PolicyDocument, PolicyProblem, parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import errors
from cloudjar.services.secretsmanager.records import find, find_live, home, on_secret


@operation(on=on_secret)
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_live(ctx, req["SecretId"])
    _refuse_names(req)
    try:
        document = parse(req["ResourcePolicy"], "resource")
    except PolicyProblem as problem:
        raise errors.malformed_policy(f"This resource policy contains a syntax error: {problem.message}") from None
    if req.get("BlockPublicPolicy") and is_public(document):
        raise errors.public_policy()
    home(ctx, secret).put(replace(secret, policy=req["ResourcePolicy"]))
    return {"ARN": secret.arn, "Name": secret.name}


def is_public(document: PolicyDocument) -> bool:
    """Whether a statement lets everybody in, with no condition that narrows who that is."""
    for statement in document.statements:
        everybody = statement.not_principals is not None or ("*", "*") in (statement.principals or ())
        if statement.allow and everybody and not statement.conditions:
            return True
    return False


@operation(on=on_secret)
def get_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find(ctx, req["SecretId"])
    _refuse_names(req)
    answer = {"ARN": secret.arn, "Name": secret.name}
    if secret.policy:
        answer["ResourcePolicy"] = secret.policy
    return answer


@operation(on=on_secret)
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_live(ctx, req["SecretId"])
    _refuse_names(req)
    home(ctx, secret).put(replace(secret, policy=""))
    return {"ARN": secret.arn, "Name": secret.name}


def _validated_secret(ctx: Context, req: dict[str, Any]) -> str:
    return on_secret(ctx, req) if req.get("SecretId") else "*"


@operation(on=_validated_secret)
def validate_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("SecretId"):
        find(ctx, req["SecretId"])
    try:
        document = parse(req["ResourcePolicy"], "resource")
    except PolicyProblem as problem:
        raise errors.malformed_policy(f"This resource policy contains a syntax error: {problem.message}") from None
    found = []
    if is_public(document):
        found.append({"CheckName": "PUBLIC_POLICY", "ErrorMessage": "The resource policy grants broad access to the secret."})
    return {"PolicyValidationPassed": not found, "ValidationErrors": found}


def _refuse_names(req: dict[str, Any]) -> None:
    from cloudjar.kernel.errors import not_implemented

    if req.get("PolicyName"):
        raise not_implemented("secretsmanager", "PutResourcePolicy", "several policies of one secret, by PolicyName")
