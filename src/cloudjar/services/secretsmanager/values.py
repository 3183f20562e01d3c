"""Values: under a data key of their own, which is under a KMS key and bound to secret and version.

Source: "Secret encryption and decryption in AWS Secrets Manager".
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import errors
from cloudjar.services.secretsmanager.records import Secret, Version, home

DEFAULT_KEY = "alias/aws/secretsmanager"
LONGEST = 65_536
"""Bytes of a value."""
_NONCE = 12


def given(req: dict[str, Any]) -> tuple[bytes, bool] | None:
    """The value in a request, and whether it is binary; None if there is none."""
    if "SecretString" in req and "SecretBinary" in req:
        raise errors.two_values()
    if "SecretBinary" in req:
        return req["SecretBinary"], True
    if "SecretString" not in req:
        return None
    value = req["SecretString"].encode()
    if len(value) > LONGEST:
        raise errors.parameter("The secret value is longer than 65536 bytes.")
    return value, False


def seal(ctx: Context, secret: Secret, version: Version, value: bytes, binary: bool) -> Version:
    """The version with a value; EncryptionFailure, or KMS's AccessDeniedException."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = secret.kms_key or DEFAULT_KEY
    made = _kms(
        ctx, "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": _context(version)}, errors.encryption_failed
    )
    nonce = secret_bytes(_NONCE)
    sealed = nonce + AESGCM(made["Plaintext"]).encrypt(nonce, value, None)
    return replace(version, sealed=sealed, wrapped_key=made["CiphertextBlob"], kms_key=secret.kms_key, binary=binary)


def seal_under(ctx: Context, key: str, version: Version, value: bytes) -> Version:
    """The version with a value, for a key that the caller may encrypt with and no more; EncryptionFailure, AccessDeniedException."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data_key, nonce = secret_bytes(32), secret_bytes(_NONCE)
    asked = {"KeyId": key, "Plaintext": data_key, "EncryptionContext": _context(version)}
    wrapped = _kms(ctx, "Encrypt", asked, errors.encryption_failed)["CiphertextBlob"]
    return replace(version, sealed=nonce + AESGCM(data_key).encrypt(nonce, value, None), wrapped_key=wrapped, kms_key=key)


def unseal(ctx: Context, version: Version) -> bytes:
    """A version's value; DecryptionFailure, KMS's AccessDeniedException, or InvalidRequestException for another account's default key."""
    if not version.kms_key and ctx.principal.account not in ("", version.arn.split(":")[4]):
        raise errors.default_key_of_another_account()
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    request = {"CiphertextBlob": version.wrapped_key, "EncryptionContext": _context(version)}
    key = _kms(ctx, "Decrypt", request, errors.decryption_failed)["Plaintext"]
    return AESGCM(key).decrypt(version.sealed[:_NONCE], version.sealed[_NONCE:], None)


def reseal_all(ctx: Context, secret: Secret) -> None:
    """Puts the labelled versions under the secret's new key."""
    there = home(ctx, secret)
    for version in list(there.where(Version, arn=secret.arn)):
        if version.sealed and version.stages:
            there.put(seal(ctx, secret, version, unseal(ctx, version), version.binary))


def _context(version: Version) -> dict[str, str]:
    return {"SecretARN": version.arn, "SecretVersionId": version.id}


def _kms(ctx: Context, operation: str, request: dict[str, Any], failure: Any) -> dict[str, Any]:
    try:
        return ctx.call("kms", operation, request)
    except AwsError as problem:
        if problem.code in ("AccessDeniedException", "NotImplemented"):
            raise
        raise failure(f"{problem.message} (Service: AWSKMS; Error Code: {problem.code})") from None
