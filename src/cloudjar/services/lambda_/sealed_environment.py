"""Environment variables under a customer's own key: stored encrypted, opened when an environment is made, as the function's role.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
"""

from __future__ import annotations

import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.names import function_arn


def settle(ctx: Context, name: str, settings: dict[str, Any], role: str, old: Version | None = None) -> dict[str, Any]:
    """The fields of a version with its variables sealed, where it has a key; as the caller. Raises InvalidParameterValueException."""
    key = settings.get("kms_key", old.kms_key if old else "")
    if not (key or (old and old.kms_key)) or not {"environment", "kms_key", "role"} & settings.keys():
        return settings
    plain = settings["environment"] if "environment" in settings else old and _opened(ctx, old)
    if not key or not plain:
        return {**settings, "environment": plain, "sealed": b""}
    return {**settings, "environment": None, "sealed": _seal(ctx, name, key, role, plain)}


def open_for_role(acting: Context, version: Version) -> Version:
    """The version with its variables open, in memory only. Raises the KMS exceptions of Invoke."""
    if not version.sealed:
        return version
    try:
        return replace(version, environment=_opened(acting, version), sealed=b"")
    except AwsError as error:
        raise errors.cannot_decrypt(error) from None


def to_wire(ctx: Context, version: Version) -> dict[str, Any]:
    """An EnvironmentResponse: the variables, or why the caller may not see them."""
    try:
        return {"Variables": _opened(ctx, version)}
    except AwsError as error:
        message = (
            "Lambda was unable to decrypt your environment variables because the KMS access was denied. Please check your KMS permissions. "
            f"KMS Exception: {error.code} KMS Message: {error.message}"
        )
        return {"Error": {"ErrorCode": error.code, "Message": message}}


def _context(ctx: Context, name: str) -> dict[str, str]:
    return {"aws:lambda:FunctionArn": function_arn(ctx, name)}


def _seal(ctx: Context, name: str, key: str, role: str, variables: dict[str, str]) -> bytes:
    # The grant is what lets the function's role decrypt, without a policy of its own.
    grant = {
        "KeyId": key,
        "GranteePrincipal": role,
        "Operations": ["Decrypt"],
        "Constraints": {"EncryptionContextEquals": _context(ctx, name)},
    }
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        ctx.call("kms", "CreateGrant", grant)
        answer = ctx.call("kms", "Encrypt", {"KeyId": key, "Plaintext": text, "EncryptionContext": _context(ctx, name)})
    except AwsError as error:
        raise errors.key_not_usable(error) from None
    sealed: bytes = answer["CiphertextBlob"]
    return sealed


def _opened(ctx: Context, version: Version) -> dict[str, str]:
    if not version.sealed:
        return version.environment or {}
    request = {"KeyId": version.kms_key, "CiphertextBlob": version.sealed, "EncryptionContext": _context(ctx, version.name)}
    variables: dict[str, str] = json.loads(ctx.call("kms", "Decrypt", request)["Plaintext"])
    return variables
