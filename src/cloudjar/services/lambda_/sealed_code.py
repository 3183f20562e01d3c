"""Deployment packages under a customer's own key: stored encrypted under a data key, opened when an environment is made.

Lambda itself asks KMS, which the key's policy must let it; who may not decrypt with the key may not fetch the package.
https://docs.aws.amazon.com/lambda/latest/dg/encrypt-zip-package.html
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.names import function_arn

_NONCE = 12


async def seal(ctx: Context, name: str, key: str, data: bytes) -> tuple[bytes, bytes]:
    """A package encrypted, and its data key as KMS has wrapped it. Raises InvalidParameterValueException."""
    request = {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": _context(ctx, name)}
    with ctx.transaction():
        try:
            answer = _lambda(ctx, name).call("kms", "GenerateDataKey", request)
        except AwsError as error:
            raise errors.package_key_not_usable(error) from None
    nonce = secret_bytes(_NONCE)
    encrypt = AESGCM(answer["Plaintext"]).encrypt
    return nonce + await ctx.offload(encrypt, nonce, data, None), answer["CiphertextBlob"]


def opened(key: bytes, data: bytes) -> bytes:
    """A package as it was uploaded."""
    return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], None)


def key_of(ctx: Context, version: Version) -> bytes:
    """The data key of a version's package; b"" where it has none. Raises the KMS exceptions of Invoke."""
    if not version.code.data_key:
        return b""
    try:
        return _decrypted(_lambda(ctx, version.name), version)
    except AwsError as error:
        raise errors.cannot_decrypt(error, "deployment package") from None


def to_wire(ctx: Context, version: Version, location: str) -> dict[str, Any]:
    """A FunctionCodeLocation: where the package can be fetched, or why the caller may not."""
    wire: dict[str, Any] = {"RepositoryType": "S3"}
    if version.code.kms_key:
        wire["SourceKMSKeyArn"] = version.code.kms_key
        try:
            _decrypted(ctx, version)
        except AwsError as error:
            message = f"KMS access is denied. Check your KMS permissions. KMS Exception: {error.code} KMS Message: {error.message}"
            return {**wire, "Error": {"ErrorCode": error.code, "Message": message}}
    return {**wire, "Location": location}


def _lambda(ctx: Context, name: str) -> Context:
    return ctx.as_service("lambda.amazonaws.com", function_arn(ctx, name))


def _context(ctx: Context, name: str) -> dict[str, str]:
    return {"aws:lambda:FunctionArn": function_arn(ctx, name)}


def _decrypted(ctx: Context, version: Version) -> bytes:
    code = version.code
    request = {"KeyId": code.kms_key, "CiphertextBlob": code.data_key, "EncryptionContext": _context(ctx, version.name)}
    key: bytes = ctx.call("kms", "Decrypt", request)["Plaintext"]
    return key
