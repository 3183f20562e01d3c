"""What the judge asks of KMS: a key's policy together with its grants, and the condition keys of its own."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.kms.alias_record import Alias
from cloudjar.services.kms.grant_record import Grant
from cloudjar.services.kms.records import Key, MultiRegion
from cloudjar.services.kms.usage import LastUse

_NOT_CONSTRAINED = frozenset({"CreateGrant", "RetireGrant", "DescribeKey"})
"""The operations of a grant that bring no encryption context."""
_HANDED_ON = "kms:GrantEncryptionContext"
"""A condition key of cloudjar's own, for the statements of grants: the encryption context that a new grant is constrained to."""


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of a key, with a statement for each grant; None for aliases."""
    key = _key(ctx, arn)
    if key is None:
        return None
    grants = list(ctx.at(account=key.account).where(Grant, key_id=key.id))
    return ResourcePolicy(key.account, _with_grants(key, grants) if grants else key.policy, arn, required=True)


def _key(ctx: Context, arn: str) -> Key | None:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "kms" or not parts[5].startswith("key/"):
        return None
    return ctx.at(account=parts[4], region=parts[3]).get(Key, parts[5].removeprefix("key/"))


def _with_grants(key: Key, grants: list[Grant]) -> str:
    document = json.loads(key.policy)
    own = document["Statement"]
    statements = list(own) if isinstance(own, list) else [own]
    # "$" begins a variable in the later version of the language only.
    variables = document.get("Version") == "2012-10-17"
    for grant in grants:
        statements += _statements(grant, variables)
    return json.dumps({**document, "Statement": statements})


def _statements(grant: Grant, variables: bool) -> list[dict[str, Any]]:
    principal = {"Service" if grant.for_service else "AWS": grant.grantee}
    given: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Resource": "*"}

    def literal(text: str) -> str:
        return text.replace("$", "${$}") if variables else text

    pairs = grant.equals or grant.subset or {}
    conditions: dict[str, dict[str, Any]] = {}
    if pairs:
        conditions["StringEquals"] = {f"kms:EncryptionContext:{key}": literal(value) for key, value in pairs.items()}
    if grant.equals:
        conditions["ForAllValues:StringEquals"] = {"kms:EncryptionContextKeys": [literal(key) for key in grant.equals]}
    if grant.source_arn:
        conditions["ArnEquals"] = {"aws:SourceArn": literal(grant.source_arn)}
    found = []
    cryptographic = [f"kms:{name}" for name in grant.operations if name not in _NOT_CONSTRAINED]
    if cryptographic:
        found.append({**given, "Action": cryptographic, **({"Condition": conditions} if conditions else {})})
    plain = [f"kms:{name}" for name in grant.operations if name in ("RetireGrant", "DescribeKey")]
    if plain:
        found.append({**given, "Action": plain})
    if "CreateGrant" in grant.operations:
        # A grantee hands on no more than it was given, and under constraints that are as strict.
        limit: dict[str, dict[str, Any]] = {"ForAllValues:StringEquals": {"kms:GrantOperations": grant.operations}}
        if pairs:
            limit["StringEquals"] = {f"{_HANDED_ON}:{key}": literal(value) for key, value in pairs.items()}
        if grant.equals:
            limit["StringEquals"]["kms:GrantConstraintType"] = "EncryptionContextEquals"
            limit["ForAllValues:StringEquals"][f"{_HANDED_ON}Keys"] = [literal(key) for key in grant.equals]
        found.append({**given, "Action": "kms:CreateGrant", "Condition": limit})
    return found


def condition_keys(ctx: Context, req: dict[str, Any], action: str, arn: str) -> dict[str, Any]:
    """KMS's keys that are not members of the request by name. Source: "AWS KMS condition keys", AWS KMS Developer Guide."""
    keys: dict[str, Any] = {"kms:calleraccount": ctx.principal.account} if ctx.principal.account else {}
    if ctx.call_info.via:
        keys["kms:viaservice"] = _in_region(ctx.call_info.via[-1], ctx.region)
    elif ctx.principal.kind == "service":
        keys["kms:viaservice"] = _in_region(ctx.principal.arn, ctx.region)
    keys |= _context_keys(req, action)
    named = req.get("KeyId") or ""
    if "alias/" in named:
        keys["kms:requestalias"] = "alias/" + named.partition("alias/")[2]
    keys |= _grant_keys(req)
    if "PendingWindowInDays" in req or action == "kms:ScheduleKeyDeletion":
        keys["kms:schedulekeydeletionpendingwindowindays"] = str(req.get("PendingWindowInDays", 30))
    if "ValidTo" in req:
        keys["kms:validto"] = req["ValidTo"].strftime("%Y-%m-%dT%H:%M:%SZ")
    for member, name in (
        ("PrimaryRegion", "kms:primaryregion"),
        ("ReplicaRegion", "kms:replicaregion"),
        ("KeyPairSpec", "kms:datakeypairspec"),
    ):
        if member in req:
            keys[name] = req[member]
    if action == "kms:CreateKey":
        spec = req.get("KeySpec") or req.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT"
        return keys | {
            "kms:keyspec": spec,
            "kms:keyusage": req.get("KeyUsage") or "ENCRYPT_DECRYPT",
            "kms:keyorigin": req.get("Origin") or "AWS_KMS",
            "kms:multiregion": "true" if req.get("MultiRegion") else "false",
        }
    key = _key(ctx, arn)
    return keys | _key_keys(ctx, req, action, key) if key is not None else keys


def _context_keys(req: dict[str, Any], action: str) -> dict[str, Any]:
    side = {"kms:ReEncryptFrom": "Source", "kms:ReEncryptTo": "Destination"}.get(action, "")
    context = req.get(f"{side}EncryptionContext")
    keys: dict[str, Any] = {}
    if context:
        keys["kms:encryptioncontextkeys"] = tuple(context)
        keys |= {f"kms:encryptioncontext:{key.lower()}": value for key, value in context.items()}
    if side or action in ("kms:Encrypt", "kms:Decrypt"):
        keys["kms:encryptionalgorithm"] = req.get(f"{side}EncryptionAlgorithm") or "SYMMETRIC_DEFAULT"
    return keys


def _grant_keys(req: dict[str, Any]) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if "Operations" in req:
        keys["kms:grantoperations"] = tuple(req["Operations"])
        # Set where an AWS service makes a grant for its own use on the caller's behalf.
        keys["kms:grantisforawsresource"] = "true" if req.get("GranteeServicePrincipal") else "false"
    constraints = req.get("Constraints") or {}
    kind = next((name for name in ("EncryptionContextEquals", "EncryptionContextSubset") if constraints.get(name)), None)
    if kind:
        keys |= {"kms:grantconstrainttype": kind, f"{_HANDED_ON}Keys".lower(): tuple(constraints[kind])}
        keys |= {f"{_HANDED_ON}:{key}".lower(): value for key, value in constraints[kind].items()}
    if constraints.get("SourceArn"):
        keys["kms:grantconstraintsourcearn"] = constraints["SourceArn"]
    return keys


def _key_keys(ctx: Context, req: dict[str, Any], action: str, key: Key) -> dict[str, Any]:
    there = ctx.at(account=key.account, region=key.region)
    keys: dict[str, Any] = {
        "kms:keyspec": key.spec,
        "kms:keyusage": key.usage,
        "kms:keyorigin": key.origin,
        "kms:multiregion": "true" if key.multi_region else "false",
    }
    names = tuple(alias.name for alias in there.where(Alias, key_id=key.id))
    if names:
        keys["kms:resourcealiases"] = names
    shared = there.get(MultiRegion, key.id) if key.multi_region else None
    if shared is not None:
        keys["kms:multiregionkeytype"] = "PRIMARY" if shared.primary == key.region else "REPLICA"
    if action in ("kms:ScheduleKeyDeletion", "kms:DisableKey"):
        last = there.get(LastUse, key.id)
        keys["kms:trailingdayswithoutkeyusage"] = str((ctx.now - (last.time if last is not None else key.created)).days)
    if action in ("kms:ReEncryptFrom", "kms:ReEncryptTo") and req.get("SourceKeyId"):
        keys["kms:reencryptonsamekey"] = "true" if req["SourceKeyId"] == req.get("DestinationKeyId") else "false"
    return keys


def _in_region(service: str, region: str) -> str:
    return f"{service.partition('.')[0]}.{region}.amazonaws.com"
