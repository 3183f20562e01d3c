"""EC2's encoded authorization messages: why a call was denied, for those alone who may decode it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from typing import Any

LARGEST = 1 << 20


def encode(seed: bytes, account: str, message: dict[str, Any]) -> str:
    """The message, opaque, sealed for one account of the world that has this seed."""
    body = zlib.compress(json.dumps(message, separators=(",", ":")).encode())
    return base64.urlsafe_b64encode(_seal(seed, account, body) + body).decode()


def decode(seed: bytes, account: str, text: str) -> str | None:
    """The JSON text again; None if this account of this world was not given it."""
    try:
        data = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        seal, body = data[:16], data[16:]
        if not hmac.compare_digest(seal, _seal(seed, account, body)):
            return None
        return zlib.decompressobj().decompress(body, LARGEST).decode()
    except (binascii.Error, UnicodeError, zlib.error):
        return None


def _seal(seed: bytes, account: str, body: bytes) -> bytes:
    return hmac.digest(seed, b"authorization message" + account.encode() + body, hashlib.sha256)[:16]
