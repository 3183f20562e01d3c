"""What clients upload: the body's bytes into a blob, hashed on the way, and held against what the client said of them."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import md5, sha256
from typing import Any

from cloudjar.kernel.blobs import Blob, BlobWriter
from cloudjar.kernel.context import Context
from cloudjar.services.s3 import errors
from cloudjar.services.s3.checksums import DEFAULT, Claim, Hash, encode, new_hash, read_claim
from cloudjar.services.s3.ciphers import Seal
from cloudjar.services.s3.objects import Checksum, Extent
from cloudjar.wire.http import Body, BodyTruncated, BufferedBody

LARGEST_PUT = 5 << 30
"""Bytes of one PutObject or UploadPart."""

BATCH = 1 << 20
"""Bytes that are hashed and written at a time, on another thread, while the next ones come in."""


@dataclass(slots=True)
class Received:
    """A body that has come in whole and is as the client said."""

    blob: Blob
    md5: str
    checksum: Checksum | None
    """The one to keep."""
    claimed: Checksum | None
    """The one that the client sent, which was right."""
    nonce: bytes = b""

    @property
    def extents(self) -> tuple[Extent, ...]:
        return (Extent(self.blob, 0, self.blob.size, self.nonce),) if self.blob.size else ()


async def receive(ctx: Context, req: dict[str, Any], keep: str | None = None, seal: Seal | None = None) -> Received:
    """Reads `req["Body"]` to its end and checks it against its checksums.

    `keep` is the algorithm of the checksum to keep; by default the client's, or S3's own when it sent none.
    Raises BadDigest, InvalidDigest, EntityTooLarge,
    IncompleteBody, MissingContentLength, InvalidRequest, XAmzContentSHA256Mismatch.
    """
    headers = ctx.call_info.headers
    claim = read_claim(req, headers)
    body: Body = as_body(req.get("Body"))
    length = req.get("ContentLength", body.length)
    signed_sha256 = headers.get("x-amz-content-sha256", "")
    trailers: dict[str, str] = {}
    source: AsyncIterator[bytes] = body.__aiter__()
    if signed_sha256.startswith("STREAMING-") or "aws-chunked" in headers.get("content-encoding", ""):
        from cloudjar.services.s3.chunked import decoded, decoded_length

        source, length = decoded(body, trailers), decoded_length(headers)
        if length is None:
            raise errors.missing_length()
    elif headers and "content-length" not in headers and "transfer-encoding" not in headers:
        raise errors.missing_length()
    if length is not None and length > LARGEST_PUT:
        raise errors.too_large(length, LARGEST_PUT)
    hashes: dict[str, Hash] = {"MD5": md5(usedforsecurity=False)}
    kept = keep or claim.algorithm or DEFAULT
    for algorithm in (claim.algorithm, kept):
        if algorithm and algorithm not in hashes:
            hashes[algorithm] = new_hash(algorithm)
    content_sha256 = len(signed_sha256) == 64
    if content_sha256 and "SHA256" not in hashes:
        hashes["SHA256"] = sha256()
    writer = ctx.blobs.writer()
    nonce, cipher = seal.start() if seal is not None else (b"", None)
    try:
        size = await _pump(ctx, source, writer, hashes, cipher)
        if length is not None and size != length:
            raise errors.incomplete_body()
        claimed = _verify(req, claim, hashes, trailers)
        if content_sha256 and hashes["SHA256"].digest().hex() != signed_sha256:
            raise errors.bad_sha256(signed_sha256, hashes["SHA256"].digest().hex())
        checksum = Checksum(kept, encode(hashes[kept].digest())) if kept else None
        digest = hashes["MD5"].digest()
        if seal is not None:
            # The entity tag of what is encrypted with KMS or by the customer is not the MD5 of the plain bytes.
            digest = md5(digest + nonce, usedforsecurity=False).digest()
        return Received(writer.finish(), digest.hex(), checksum, claimed, nonce)
    except BodyTruncated:
        writer.abort()
        raise errors.incomplete_body() from None
    except BaseException:
        writer.abort()
        raise


def as_body(value: Any) -> Body:
    """A streaming member's value: from the wire a Body, from other services perhaps bytes, or nothing."""
    if value is None:
        return BufferedBody()
    return BufferedBody(value) if isinstance(value, bytes) else value


async def _pump(ctx: Context, source: AsyncIterator[bytes], writer: BlobWriter, hashes: dict[str, Hash], cipher: Any) -> int:
    """Moves all bytes into the blob and the hashes. Small bodies in place; large ones batch by batch on another thread."""
    batch: list[bytes] = []
    size = waiting = 0
    working: asyncio.Task[None] | None = None
    try:
        async for chunk in source:
            batch.append(chunk)
            size += len(chunk)
            waiting += len(chunk)
            if waiting >= BATCH:
                if size > LARGEST_PUT:
                    raise errors.too_large(size, LARGEST_PUT)
                if working is not None:
                    await working
                working = asyncio.ensure_future(ctx.offload(_take, batch, writer, hashes, cipher))
                batch, waiting = [], 0
    finally:
        # The thread must be done with the blob before anybody finishes it or throws it away.
        if working is not None:
            await working
    _take(batch, writer, hashes, cipher)
    return size


def _take(batch: list[bytes], writer: BlobWriter, hashes: dict[str, Hash], cipher: Any) -> None:
    for chunk in batch:
        for item in hashes.values():
            item.update(chunk)
        writer.write(chunk if cipher is None else cipher.update(chunk))


def _verify(req: dict[str, Any], claim: Claim, hashes: dict[str, Hash], trailers: dict[str, str]) -> Checksum | None:
    """Holds the client's words against the bytes; gives the checksum that it sent."""
    if "ContentMD5" in req:
        check_md5(req["ContentMD5"], hashes["MD5"].digest())
    algorithm = claim.algorithm
    if algorithm is None:
        return None
    digest = hashes[algorithm].digest()
    claimed = claim.value if claim.value is not None else trailers.get(f"x-amz-checksum-{algorithm.lower()}")
    if claimed is None:
        raise errors.malformed_trailer()
    _check_digest(algorithm, claimed, digest)
    return Checksum(algorithm, claimed)


def check_claim(algorithm: str, claimed: str, body: bytes) -> None:
    """Raises InvalidRequest or BadDigest when a checksum header is not this body's."""
    hasher = new_hash(algorithm)
    hasher.update(body)
    _check_digest(algorithm, claimed, hasher.digest())


def _check_digest(algorithm: str, claimed: str, digest: bytes) -> None:
    if len(_unbase64(claimed)) != len(digest):
        raise errors.invalid_checksum(algorithm)
    if claimed != encode(digest):
        raise errors.bad_checksum(algorithm)


def check_md5(claimed: str, digest: bytes) -> None:
    """Raises InvalidDigest or BadDigest when Content-MD5 is not this digest in base64."""
    if len(_unbase64(claimed)) != 16:
        raise errors.invalid_digest(claimed)
    if claimed.strip() != encode(digest):
        raise errors.bad_md5(claimed, encode(digest))


def _unbase64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.strip(), strict_mode=True)
    except (binascii.Error, ValueError):
        return b""
