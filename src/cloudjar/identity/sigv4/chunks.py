"""The signatures inside a signed aws-chunked body, verified as the chunks come."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from cloudjar.identity.sigv4 import ecdsa
from cloudjar.identity.sigv4.credentials import V4A, Credentials
from cloudjar.identity.sigv4.problems import SignatureProblem
from cloudjar.identity.sigv4.signature import EMPTY_SHA256, SigningKeys, derive_key


class ChunkVerifier:
    """Each chunk's signature signs the chunk and the signature before it; the first one before is the request's own.

    For one chunk: `update` with its bytes, as they come, then `finish` with its signature; the last chunk is the empty one.
    Then `trailer`, for `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`. Credentials of Version 4A sign chunks as they sign the request.
    Source: "Signature calculations: transferring payload in multiple chunks", and "... with trailing headers".
    """

    __slots__ = ("_digest", "_key", "_pair", "_previous", "_scope", "_timestamp")

    def __init__(self, credentials: Credentials, secret: str, keys: SigningKeys | None = None) -> None:
        self._key = b""
        self._pair: tuple[str, str] | None = None
        if credentials.algorithm == V4A:
            self._pair = (credentials.access_key, secret)
            self._scope = f"{credentials.date}/{credentials.service}/aws4_request"
        else:
            make = keys.key if keys is not None else derive_key
            self._key = make(secret, credentials.date, credentials.region, credentials.service)
            self._scope = credentials.scope
        self._timestamp = credentials.timestamp
        self._previous = credentials.signature
        self._digest = sha256()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """More of the current chunk's bytes."""
        self._digest.update(data)

    def finish(self, signature: str) -> None:
        """The current chunk is whole; SignatureProblem if `signature` is not its own."""
        self._check("PAYLOAD", f"{EMPTY_SHA256}\n{self._digest.hexdigest()}", signature)
        self._digest = sha256()

    def trailer(self, headers: Mapping[str, str], signature: str) -> None:
        """The trailing headers (names in lower case) under x-amz-trailer-signature; SignatureProblem if that is not theirs."""
        text = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
        self._check("TRAILER", sha256(text.encode()).hexdigest(), signature)

    def _check(self, what: str, hashes: str, signature: str) -> None:
        algorithm = V4A if self._pair else "AWS4-HMAC-SHA256"
        to_sign = f"{algorithm}-{what}\n{self._timestamp}\n{self._scope}\n{self._previous}\n{hashes}"
        if self._pair:
            # Clients fill them up, so that all are of one length.
            signature = signature.rstrip("*")
            right = ecdsa.verify(*self._pair, to_sign, signature)
        else:
            expected = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
            right = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        if not right:
            raise SignatureProblem("mismatch", members={"StringToSign": to_sign, "SignatureProvided": signature})
        self._previous = signature
