"""SSE-KMS: message payloads encrypted with data keys that KMS keeps; reused for as long as the queue says."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.world import World
from cloudjar.services.sqs.queues import Queue

NONCE = 12
KEPT = 1000
# KMS's errors, and what SQS calls them.
KMS_ERRORS = {
    "NotFoundException": "KmsNotFound",
    "DisabledException": "KmsDisabled",
    "KMSInvalidStateException": "KmsInvalidState",
    "InvalidKeyUsageException": "KmsInvalidKeyUsage",
    "AccessDeniedException": "KmsAccessDenied",
    "ThrottlingException": "KmsThrottled",
}


class DataKeys:
    """Data keys in the clear, in memory: by queue and key for encrypting, by their encrypted form for decrypting."""

    def __init__(self, world: World) -> None:
        self.encrypting: dict[tuple[int, str, str], tuple[int, bytes, bytes]] = {}
        self.decrypting: dict[tuple[bytes, str], tuple[int, bytes]] = {}

    def trim(self) -> None:
        """Forgets all when there are too many."""
        if len(self.encrypting) > KEPT:
            self.encrypting.clear()
        if len(self.decrypting) > KEPT:
            self.decrypting.clear()


def encrypt(ctx: Context, queue: Queue, data: bytes) -> tuple[bytes, bytes]:
    """What to store of a payload, and its encrypted data key; the payload itself and b"" for a queue without a key of KMS."""
    if not queue.kms_key:
        return data, b""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    keys, now = ctx.world.part(DataKeys), microseconds(ctx.now)
    place = queue.uid, queue.kms_key, ctx.principal.arn
    known = keys.encrypting.get(place)
    if known is None or known[0] <= now:
        answer = _kms(ctx, "GenerateDataKey", {"KeyId": queue.kms_key, "KeySpec": "AES_256"})
        known = now + queue.kms_reuse * 1_000_000, answer["Plaintext"], answer["CiphertextBlob"]
        keys.trim()
        keys.encrypting[place] = known
    nonce = secret_bytes(NONCE)
    return nonce + AESGCM(known[1]).encrypt(nonce, data, None), known[2]


def decrypt(ctx: Context, queue: Queue, data_key: bytes, data: bytes) -> bytes:
    """A payload in the clear, on the caller's own permission to use the key."""
    if not data_key:
        return data
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    keys, now = ctx.world.part(DataKeys), microseconds(ctx.now)
    place = data_key, ctx.principal.arn
    known = keys.decrypting.get(place)
    if known is None or known[0] <= now:
        answer = _kms(ctx, "Decrypt", {"CiphertextBlob": data_key})
        known = now + queue.kms_reuse * 1_000_000, answer["Plaintext"]
        keys.trim()
        keys.decrypting[place] = known
    return AESGCM(known[1]).decrypt(data[:NONCE], data[NONCE:], None)


def _kms(ctx: Context, operation: str, req: dict[str, object]) -> dict[str, bytes]:
    try:
        return ctx.call("kms", operation, req)
    except AwsError as error:
        if error.code in KMS_ERRORS:
            raise AwsError(KMS_ERRORS[error.code], error.message) from error
        raise
