"""EC2's encoded authorization messages: sealed when a call is denied, opened by DecodeAuthorizationMessage."""

from __future__ import annotations

import base64
import hmac
import json
import zlib
from typing import Any

LARGEST_PLAIN = 1 << 20
_SEAL = 16


def encode(document: dict[str, Any], key: bytes) -> str:
    """The document under a seal: what is opened is what was denied, in this world."""
    packed = zlib.compress(json.dumps(document, separators=(",", ":")).encode())
    return base64.urlsafe_b64encode(hmac.digest(key, packed, "sha256")[:_SEAL] + packed).decode().rstrip("=")


def decode(text: str, key: bytes) -> str | None:
    """The document as JSON text; None if the seal does not hold."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    seal, packed = raw[:_SEAL], raw[_SEAL:]
    if not hmac.compare_digest(seal, hmac.digest(key, packed, "sha256")[:_SEAL]):
        return None
    return zlib.decompressobj().decompress(packed, LARGEST_PLAIN).decode()
