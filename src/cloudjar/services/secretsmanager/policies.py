"""Resource policies of secrets."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.policy import PolicyDocument, PolicyProblem, parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import encode_token
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import cross_account, errors
from cloudjar.services.secretsmanager.reads import page_of
from cloudjar.services.secretsmanager.records import Secret, find, find_live, home, on_secret

DEFAULT = "default"
"""The policy that a secret's owner attaches."""


@operation(on=on_secret)
def put_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_live(ctx, req["SecretId"])
    _check_default(req)
    try:
        document = parse(req["ResourcePolicy"], "resource")
    except PolicyProblem as problem:
        raise errors.malformed_policy(f"This resource policy contains a syntax error: {problem.message}") from None
    if req.get("BlockPublicPolicy") and is_public(document):
        raise errors.public_policy()
    home(ctx, secret).put(replace(secret, policy=req["ResourcePolicy"]))
    return {"ARN": secret.arn, "Name": secret.name, "PolicyName": DEFAULT}


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
    name = req.get("PolicyName", DEFAULT)
    found = _policies(secret).get(name)
    if found is None and name != DEFAULT:
        raise errors.policy_not_found(name)
    answer = {"ARN": secret.arn, "Name": secret.name, "PolicyName": name}
    return answer | {"ResourcePolicy": found} if found is not None else answer


@operation(on=on_secret)
def delete_resource_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_live(ctx, req["SecretId"])
    _check_default(req)
    home(ctx, secret).put(replace(secret, policy=""))
    return {"ARN": secret.arn, "Name": secret.name, "PolicyName": DEFAULT}


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


@operation(on=on_secret)
def list_resource_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    names = list(_policies(find(ctx, req["SecretId"])))
    start, end = page_of(req, 100)
    answer: dict[str, Any] = {"ResourcePolicies": [{"PolicyName": name} for name in names[start:end]]}
    if end < len(names):
        answer["NextToken"] = encode_token(str(end).encode())
    return answer


def _policies(secret: Secret) -> dict[str, str]:
    """A secret's policies by name, the default one first."""
    found = {DEFAULT: secret.policy} if secret.policy else {}
    return found | ({cross_account.POLICY: cross_account.policy(secret)} if secret.cross_primary else {})


def _check_default(req: dict[str, Any]) -> None:
    if req.get("PolicyName", DEFAULT) != DEFAULT:
        raise errors.default_policy_only(req["PolicyName"])
