"""What the judge asks of Secrets Manager: the resource policies of secrets, and condition keys of its own."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.secretsmanager import cross_account
from cloudjar.services.secretsmanager.records import Secret, lookup


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of the secret that an ARN names; None where there is none."""
    secret = _secret(ctx, arn)
    return ResourcePolicy(secret.account, _document(secret) or None, secret.arn) if secret is not None else None


def _document(secret: Secret) -> str:
    """All policies of a secret in one."""
    if not secret.cross_primary:
        return secret.policy
    managed = cross_account.policy(secret)
    if not secret.policy:
        return managed
    own = json.loads(secret.policy)
    statements = own["Statement"] if isinstance(own["Statement"], list) else [own["Statement"]]
    return json.dumps({**own, "Statement": [*statements, *json.loads(managed)["Statement"]]})


def condition_keys(ctx: Context, req: dict[str, Any], action: str, arn: str) -> dict[str, Any]:
    """The keys that tell about the secret. Source: "Actions, resources, and condition keys for AWS Secrets Manager"."""
    secret = _secret(ctx, arn)
    asked: dict[str, Any] = {}
    if req.get("AddReplicaRegions"):
        asked["secretsmanager:addreplicaregions"] = tuple(place.get("Region") or "" for place in req["AddReplicaRegions"])
    if action == "secretsmanager:RotateSecret":
        asked["secretsmanager:modifyrotationrules"] = "true" if req.get("RotationRules") else "false"
    if secret is None:
        return asked
    keys = asked | {
        "secretsmanager:secretid": secret.arn,
        "secretsmanager:secretprimaryregion": secret.primary_region or secret.region,
    }
    if secret.rotation_function:
        keys["secretsmanager:resource/allowrotationlambdaarn"] = secret.rotation_function
    if action == "secretsmanager:GetSecretValue" and not req.get("VersionId"):
        keys["secretsmanager:versionstage"] = req.get("VersionStage") or "AWSCURRENT"
    return keys


def _secret(ctx: Context, arn: str) -> Secret | None:
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[2] != "secretsmanager" or parts[5] != "secret":
        return None
    return lookup(ctx.at(account=parts[4], region=parts[3]), arn)
