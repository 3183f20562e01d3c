"""What the judge asks of STS: a role's trust policy is the resource policy of AssumeRole."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.principal_keys import Keys
from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The trust policy of a role; None for ARNs of other things, and for roles that are not there."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam":
        return None
    if parts[5] == "root":
        # Whom AssumeRoot is about is no resource of the member's: the caller's own policies decide.
        return ResourcePolicy(ctx.principal.account)
    if not parts[5].startswith("role/"):
        return None
    role = ctx.at(account=parts[4]).get(Role, arn.rpartition("/")[2])
    if role is None or role.arn != arn:
        return None
    return ResourcePolicy(parts[4], role.trust_policy, arn, required=True, kind="trust")


def condition_keys(ctx: Context, req: dict[str, Any], action: str, arn: str) -> Keys:
    """The keys that a request for a session brings. Whether its MFA code is right, the operation finds out."""
    keys: Keys = {}
    for member, key in (
        ("RoleSessionName", "sts:rolesessionname"),
        ("ExternalId", "sts:externalid"),
        ("SourceIdentity", "sts:sourceidentity"),
        ("DurationSeconds", "sts:durationseconds"),
    ):
        if req.get(member):
            keys[key] = str(req[member])
    if req.get("TransitiveTagKeys"):
        keys["sts:transitivetagkeys"] = tuple(req["TransitiveTagKeys"])
    if action == "sts:AssumeRoot":
        keys["sts:taskpolicyarn"] = (req.get("TaskPolicyArn") or {}).get("arn", "")
    if action in ("sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"):
        keys |= {"sts:identitytokenaudience": tuple(req["Audience"]), "sts:signingalgorithm": req["SigningAlgorithm"]}
        keys["sts:subjectmode"] = req.get("SubjectMode") or "AWSIdentity"
    if req.get("SerialNumber") and req.get("TokenCode"):
        keys |= {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}
    return keys
