"""AES-256 in counter mode, so that any range of an object is decrypted alone. Source: NIST SP 800-38A, 6.5.

Every blob has a nonce of its own; the counter begins there and grows by one for each 16 bytes.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.ids import secret_bytes

BLOCK = 16


class Seal:
    """A data key, with which new blobs are encrypted."""

    __slots__ = ("key",)

    def __init__(self, key: bytes) -> None:
        self.key = key

    def start(self) -> tuple[bytes, Any]:
        """A fresh nonce, and the cipher (`update(data)`) that begins with it."""
        nonce = secret_bytes(BLOCK)
        return nonce, cipher_at(self.key, nonce, 0)


def cipher_at(key: bytes, nonce: bytes, position: int) -> Any:
    """A cipher that encrypts or, the same, decrypts the bytes from `position` on."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES256
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    counter = (int.from_bytes(nonce, "big") + position // BLOCK) % (1 << 128)
    cipher = Cipher(AES256(key), CTR(counter.to_bytes(BLOCK, "big"))).encryptor()
    if position % BLOCK:
        cipher.update(bytes(position % BLOCK))
    return cipher
