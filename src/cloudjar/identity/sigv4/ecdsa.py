"""Signature Version 4A: the same string, signed by a P-256 key that both sides derive from the secret.

Source: the AWS Common Runtime's description of SigV4A; NIST SP 800-108 (KDF in counter mode).
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def private_scalar(access_key: str, secret: str) -> int:
    """The private key that an access key pair stands for."""
    key = b"AWS4A" + secret.encode()
    for counter in range(1, 255):
        message = b"\x00\x00\x00\x01AWS4-ECDSA-P256-SHA256\x00" + access_key.encode() + bytes([counter]) + b"\x00\x00\x01\x00"
        candidate = int.from_bytes(hmac.digest(key, message, "sha256"), "big")
        if candidate <= _N - 2:
            return candidate + 1
    raise ValueError("no key can be derived")


@lru_cache(maxsize=64)
def _public_key(access_key: str, secret: str) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(private_scalar(access_key, secret), ec.SECP256R1()).public_key()


def verify(access_key: str, secret: str, to_sign: str, signature: str) -> bool:
    """Whether `signature` (DER, in hex) is one over `to_sign` by the pair's derived key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        _public_key(access_key, secret).verify(bytes.fromhex(signature), to_sign.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
