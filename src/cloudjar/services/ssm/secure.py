"""SecureString: values under a KMS key, bound to their parameter by the encryption context.

Standard parameters are encrypted by KMS itself, advanced ones, which may be longer, under a data key of their own.
Source: "How AWS Systems Manager Parameter Store uses AWS KMS", AWS KMS Developer Guide.
"""

from __future__ import annotations

import base64
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.services.ssm import errors
from cloudjar.services.ssm.records import ParameterVersion, parameter_arn

DEFAULT_KEY = "alias/aws/ssm"
_KEY_PROBLEMS = frozenset(
    {"NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException", "ValidationException"}
)
_NONCE = 12


def encrypt(ctx: Context, name: str, value: str, key_id: str, tier: str) -> str:
    """The value as it is kept and shown: ciphertext in base64. Raises InvalidKeyId, or KMS's AccessDeniedException."""
    context = {"PARAMETER_ARN": parameter_arn(ctx, name)}
    if tier == "Standard":
        request = {"KeyId": key_id, "Plaintext": value.encode(), "EncryptionContext": context}
        return base64.b64encode(_kms(ctx, "Encrypt", request)["CiphertextBlob"]).decode()
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    made = _kms(ctx, "GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": context})
    wrapped, nonce = made["CiphertextBlob"], secret_bytes(_NONCE)
    sealed = AESGCM(made["Plaintext"]).encrypt(nonce, value.encode(), wrapped)
    return base64.b64encode(len(wrapped).to_bytes(2, "big") + wrapped + nonce + sealed).decode()


def decrypt(ctx: Context, version: ParameterVersion, home: Context) -> str:
    """The value in the clear, on the caller's own leave to use the key; `home` is the context of the parameter's account."""
    context = {"PARAMETER_ARN": parameter_arn(home, version.name)}
    blob = base64.b64decode(version.value)
    if version.tier == "Standard":
        return str(_kms(ctx, "Decrypt", {"CiphertextBlob": blob, "EncryptionContext": context})["Plaintext"].decode())
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    end = 2 + int.from_bytes(blob[:2], "big")
    wrapped = blob[2:end]
    key = _kms(ctx, "Decrypt", {"CiphertextBlob": wrapped, "EncryptionContext": context})["Plaintext"]
    return AESGCM(key).decrypt(blob[end : end + _NONCE], blob[end + _NONCE :], wrapped).decode()


def _kms(ctx: Context, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return ctx.call("kms", operation, request)
    except AwsError as problem:
        if problem.code in _KEY_PROBLEMS:
            raise errors.invalid_key(f"{problem.message} (Service: AWSKMS; Status Code: 400; Error Code: {problem.code})") from None
        raise
