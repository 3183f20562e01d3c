"""The ciphertext of symmetric keys: which key and material made it, and the sealed bytes.

The header and the encryption context are authenticated with the plaintext: a change of either is a failure to decrypt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudjar.services.kms import crypto, errors

# The bytes that AWS's ciphertexts start with, so that they look as people know them: "AQICAHh...".
_MAGIC = b"\x01\x02\x02\x00x"
_ACCOUNT = 12
_MATERIAL = 32


@dataclass(frozen=True, slots=True)
class Envelope:
    """A ciphertext, taken apart but not decrypted."""

    account: str
    key_id: str
    material: str
    header: bytes
    sealed: bytes

    def open(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext; InvalidCiphertextException."""
        try:
            return crypto.unseal(secret, self.sealed, self.header + canonical(context))
        except crypto.BadCiphertext:
            raise errors.invalid_ciphertext() from None


def wrap(account: str, key_id: str, material: str, secret: bytes, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """A ciphertext blob."""
    header = _MAGIC + account.encode() + bytes([len(key_id)]) + key_id.encode() + bytes.fromhex(material)
    return header + crypto.seal(secret, plaintext, header + canonical(context))


def parse(blob: bytes) -> Envelope:
    """The parts of a ciphertext blob; InvalidCiphertextException for what is none."""
    start = len(_MAGIC) + _ACCOUNT
    if not blob.startswith(_MAGIC) or len(blob) <= start:
        raise errors.invalid_ciphertext()
    end_of_id = start + 1 + blob[start]
    end = end_of_id + _MATERIAL
    try:
        account, key_id = blob[len(_MAGIC) : start].decode("ascii"), blob[start + 1 : end_of_id].decode("ascii")
    except UnicodeDecodeError:
        raise errors.invalid_ciphertext() from None
    if len(blob) <= end:
        raise errors.invalid_ciphertext()
    return Envelope(account, key_id, blob[end_of_id:end].hex(), blob[:end], blob[end:])


def canonical(context: Mapping[str, str]) -> bytes:
    """An encryption context as bytes, without regard to its order."""
    out = b""
    for key, value in sorted(context.items()):
        for text in (key.encode(), value.encode()):
            out += len(text).to_bytes(4, "big") + text
    return out
