"""Customers' KMS keys on what a service keeps: who chooses a key must be able to use it, and whoever works with it later must be, too.

Nothing on the disk is encrypted; that a key is gone, disabled or out of reach has its effect all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudjar.kernel.errors import AwsError

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context


def chosen(ctx: Context, key: str) -> str:
    """The ARN of a key that the caller chooses. Raises KMS's error, or ValidationException for a key that cannot encrypt."""
    found = ctx.call("kms", "DescribeKey", {"KeyId": key})["KeyMetadata"]
    if found["KeyState"] != "Enabled" or found["KeySpec"] != "SYMMETRIC_DEFAULT":
        raise AwsError("ValidationException", f"{found['Arn']} is not an enabled symmetric encryption key.")
    return str(found["Arn"])


def sealed(ctx: Context, arn: str, context: dict[str, str]) -> bytes:
    """A new data key under a key, encrypted. Raises KMS's error where the context's principal may not, or the key cannot."""
    request = {"KeyId": arn, "KeySpec": "AES_256", "EncryptionContext": context}
    made: bytes = ctx.call("kms", "GenerateDataKeyWithoutPlaintext", request)["CiphertextBlob"]
    return made
