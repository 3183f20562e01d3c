"""Grants: permissions on a key that need no change of its policy."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import replace
from cloudjar.services.kms import errors
from cloudjar.services.kms.find import check_dry_run, check_enabled, granted_key, named_key
from cloudjar.services.kms.grant_record import Grant, check_tokens
from cloudjar.services.kms.records import Key, home
from cloudjar.services.kms.specs import DATA_KEY_OPERATIONS, OPERATIONS_OF

_PRINCIPAL = re.compile(
    r"\d{12}|arn:aws[\w-]*:(iam::\d{12}:(root|(user|role)/[\w+=,.@/-]+)|sts::\d{12}:(assumed-role|federated-user)/[\w+=,.@/-]+)"
).fullmatch
_ALWAYS = frozenset({"CreateGrant", "RetireGrant", "DescribeKey"})


@operation(on=granted_key)
def create_grant(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = named_key(ctx, req["KeyId"])
    there = home(ctx, key)
    if req.get("GrantTokens"):
        check_tokens(there, req["GrantTokens"])
    check_enabled(key)
    _check_principals(req)
    _check_operations(key, req["Operations"])
    constraints = req.get("Constraints") or {}
    if constraints.get("EncryptionContextSubset") and constraints.get("EncryptionContextEquals"):
        raise errors.invalid("Only one of EncryptionContextSubset and EncryptionContextEquals can be specified.")
    if not key.key_spec.is_symmetric and (constraints.get("EncryptionContextSubset") or constraints.get("EncryptionContextEquals")):
        raise errors.invalid("Encryption context constraints are only valid for symmetric encryption keys.")
    check_dry_run(req)
    grant = Grant(
        key.id,
        ctx.ids.hex(64),
        ctx.ids.hex(128),
        ctx.now,
        req.get("GranteePrincipal") or req["GranteeServicePrincipal"],
        req["Operations"],
        ctx.principal.account or ctx.account,
        ctx.principal.arn,
        retiring=req.get("RetiringPrincipal") or req.get("RetiringServicePrincipal"),
        name=req.get("Name") or "",
        subset=constraints.get("EncryptionContextSubset"),
        equals=constraints.get("EncryptionContextEquals"),
        source_arn=constraints.get("SourceArn") or "",
        for_service="GranteeServicePrincipal" in req,
        retiring_service="RetiringServicePrincipal" in req,
    )
    # The same request with the same name is the same grant.
    if grant.name:
        for other in there.where(Grant, key_id=key.id):
            if replace(other, id=grant.id, token=grant.token, created=grant.created) == grant:
                return {"GrantToken": other.token, "GrantId": other.id}
    there.put(grant)
    return {"GrantToken": grant.token, "GrantId": grant.id}


def _check_principals(req: dict[str, Any]) -> None:
    if ("GranteePrincipal" in req) == ("GranteeServicePrincipal" in req):
        raise errors.invalid("Exactly one of GranteePrincipal and GranteeServicePrincipal must be specified.")
    if "RetiringPrincipal" in req and "RetiringServicePrincipal" in req:
        raise errors.invalid("Only one of RetiringPrincipal and RetiringServicePrincipal can be specified.")
    for member in ("GranteePrincipal", "RetiringPrincipal"):
        if member in req and not _PRINCIPAL(req[member]):
            raise errors.invalid_principal(req[member])


def _check_operations(key: Key, operations: list[str]) -> None:
    allowed = _ALWAYS | OPERATIONS_OF[key.usage]
    if key.key_spec.is_symmetric:
        allowed |= DATA_KEY_OPERATIONS
    elif not key.key_spec.is_secret:
        allowed |= {"GetPublicKey"}
    for name in operations:
        if name not in allowed:
            raise errors.invalid(f"Grant operation {name} is not valid for a key with key spec {key.spec} and key usage {key.usage}.")


@operation(on=granted_key)
def list_grants(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = named_key(ctx, req["KeyId"])
    rows = home(ctx, key).where(Grant, key_id=key.id)
    if grant_id := req.get("GrantId"):
        rows = rows.filtered(lambda grant: grant.id == grant_id)
    if principal := req.get("GranteePrincipal") or req.get("GranteeServicePrincipal"):
        rows = rows.filtered(lambda grant: grant.grantee == principal)
    return ctx.page(req, rows, lambda grant: _to_wire(key.arn, grant), default=50, maximum=100, error=errors.invalid_marker())


@operation()
def list_retirable_grants(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    principal = req.get("RetiringPrincipal") or req.get("RetiringServicePrincipal")
    if not principal:
        raise errors.invalid("RetiringPrincipal or RetiringServicePrincipal must be specified.")
    rows = ctx.where(Grant, retiring=principal)
    return ctx.page(
        req,
        rows,
        lambda grant: _to_wire(ctx.arn("kms", f"key/{grant.key_id}"), grant),
        default=50,
        maximum=100,
        error=errors.invalid_marker(),
    )


def _to_wire(key_arn: str, grant: Grant) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "KeyId": key_arn,
        "GrantId": grant.id,
        "Name": grant.name,
        "CreationDate": grant.created,
        "GranteeServicePrincipal" if grant.for_service else "GranteePrincipal": grant.grantee,
        "IssuingAccount": f"arn:{key_arn.split(':')[1]}:iam::{grant.issuing_account}:root",
        "Operations": grant.operations,
    }
    if grant.retiring:
        wire["RetiringServicePrincipal" if grant.retiring_service else "RetiringPrincipal"] = grant.retiring
    constraints: dict[str, Any] = {}
    if grant.subset:
        constraints["EncryptionContextSubset"] = grant.subset
    if grant.equals:
        constraints["EncryptionContextEquals"] = grant.equals
    if grant.source_arn:
        constraints["SourceArn"] = grant.source_arn
    if constraints:
        wire["Constraints"] = constraints
    return wire


@operation(on=granted_key)
def revoke_grant(ctx: Context, req: dict[str, Any]) -> None:
    key = named_key(ctx, req["KeyId"])
    grant = home(ctx, key).get(Grant, key.id, req["GrantId"])
    if grant is None:
        raise errors.grant_not_found(req["GrantId"])
    check_dry_run(req)
    home(ctx, key).delete(grant)


def retired_key(ctx: Context, req: dict[str, Any]) -> dict[str, str]:
    """The grant itself says who may retire it; anybody else needs kms:RetireGrant on the key."""
    key, grant = _retiring(ctx, req)
    return {} if _may_retire(ctx.principal, grant) else {"kms:RetireGrant": key.arn}


@operation(on=retired_key)
def retire_grant(ctx: Context, req: dict[str, Any]) -> None:
    key, grant = _retiring(ctx, req)
    check_dry_run(req)
    home(ctx, key).delete(grant)


def _retiring(ctx: Context, req: dict[str, Any]) -> tuple[Key, Grant]:
    if token := req.get("GrantToken"):
        grant = ctx.where(Grant, token=token).first()
        if grant is None:
            raise errors.invalid_grant_token()
        return named_key(ctx, grant.key_id), grant
    if not req.get("KeyId") or not req.get("GrantId"):
        raise errors.invalid("Either GrantToken, or both KeyId and GrantId, must be specified.")
    key = named_key(ctx, req["KeyId"])
    grant = home(ctx, key).get(Grant, key.id, req["GrantId"])
    if grant is None:
        raise errors.grant_not_found(req["GrantId"])
    return key, grant


def _may_retire(principal: Principal, grant: Grant) -> bool:
    if principal.kind == "root" and principal.account == grant.issuing_account:
        return True
    names = {principal.arn, principal.role_arn} - {""}
    return grant.retiring in names or (grant.grantee in names and "RetireGrant" in grant.operations)
