"""Key policies: kept, checked, and never allowed to lock everybody out."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.policy import AuthzRequest, Named, PolicyProblem, PolicySet, compile_policy, decide, parse
from cloudjar.identity.principal_keys import principal_keys, request_keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.kms import errors
from cloudjar.services.kms.find import managed_key, own_key

NAME = "default"
"""The only name that a key policy can have."""

LARGEST = 32_768
"""Bytes of a key policy. Source: "Resource quotas", AWS KMS Developer Guide."""

_EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


def default(ctx: Context) -> str:
    """The policy of a key that is made without one: the account's IAM policies decide."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{ctx.partition}:iam::{ctx.account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}, indent=2)


def checked(ctx: Context, arn: str, req: dict[str, Any]) -> str:
    """The request's policy; MalformedPolicyDocumentException if it is none, or if the caller could not change it again."""
    document: str = req["Policy"]
    if len(document.encode()) > LARGEST:
        raise errors.policy_too_long()
    try:
        parsed = parse(document, "resource")
    except PolicyProblem as problem:
        raise errors.malformed_policy(problem.message) from None
    if req.get("BypassPolicyLockoutSafetyCheck") or ctx.principal.kind == "service":
        return document
    context = request_keys(ctx, "kms") | principal_keys(ctx, ctx.principal)
    request = AuthzRequest(ctx.principal, "kms:PutKeyPolicy", arn, context, ctx.account)
    # Whatever IAM may say of the caller later: the key policy must leave the way open.
    willing = (Named("", compile_policy(parse(_EVERYTHING))),)
    policies = PolicySet(identity=willing, resource=(Named(arn, compile_policy(parsed)),), resource_required=True)
    if not decide(request, policies).allowed:
        raise errors.lockout()
    return document


@operation(on=managed_key)
def put_key_policy(ctx: Context, req: dict[str, Any]) -> None:
    key = own_key(ctx, req["KeyId"])
    _check_name(req)
    ctx.put(replace(key, policy=checked(ctx, key.arn, req)))


@operation(on=managed_key)
def get_key_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    _check_name(req)
    return {"Policy": key.policy, "PolicyName": NAME}


@operation(on=managed_key)
def list_key_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    own_key(ctx, req["KeyId"])
    return {"PolicyNames": [NAME], "Truncated": False}


def _check_name(req: dict[str, Any]) -> None:
    if req.get("PolicyName", NAME) != NAME:
        raise errors.no_such_policy(req["PolicyName"])
