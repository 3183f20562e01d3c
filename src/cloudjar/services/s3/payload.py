"""What clients upload: the body's bytes into a blob, hashed on the way, and held against what the client said of them."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import AsyncIterator, Iterable
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

AT_ONCE = 64 << 10
"""Bytes of a body that is hashed where it is, in the transaction that stores it: a quarter of a millisecond at most."""

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


class Intake:
    """A body on its way into a blob: what the client said of it, and the hashes to hold that against."""

    __slots__ = ("_claim", "_kept", "_seal", "_signed_sha256", "cipher", "ctx", "hashes", "length", "nonce", "req", "trailers")

    def __init__(self, ctx: Context, req: dict[str, Any], length: int | None, keep: str | None, seal: Seal | None) -> None:
        """`length` is how many bytes there will be, if that is known. Raises EntityTooLarge and InvalidRequest."""
        self.ctx = ctx
        self.req = req
        self.length = length
        self.trailers: dict[str, str] = {}
        self._claim = claim = read_claim(req, ctx.call_info.headers)
        self._seal = seal
        if length is not None and length > LARGEST_PUT:
            raise errors.too_large(length, LARGEST_PUT)
        self._kept = kept = keep or claim.algorithm or DEFAULT
        self.hashes: dict[str, Hash] = {"MD5": md5(usedforsecurity=False)}
        for algorithm in (claim.algorithm, kept):
            if algorithm and algorithm not in self.hashes:
                self.hashes[algorithm] = new_hash(algorithm)
        signed = ctx.call_info.headers.get("x-amz-content-sha256", "")
        self._signed_sha256 = signed if len(signed) == 64 else ""
        if self._signed_sha256 and "SHA256" not in self.hashes:
            self.hashes["SHA256"] = sha256()
        self.nonce = b""
        self.cipher: Any = None
        if seal is not None:
            self.nonce, self.cipher = seal.start()

    def take(self, chunk: bytes) -> bytes:
        """Hashes bytes, but for their MD5; gives them as they are kept."""
        for name, item in self.hashes.items():
            if name != "MD5":
                item.update(chunk)
        return chunk if self.cipher is None else self.cipher.update(chunk)

    def take_md5(self, chunks: Iterable[bytes]) -> None:
        """The rest of `take`, for who has another thread for it."""
        update = self.hashes["MD5"].update
        for chunk in chunks:
            update(chunk)

    def check(self, size: int) -> tuple[str, Checksum | None, Checksum | None]:
        """Holds the whole against what the client said; gives the entity tag, the checksum to keep and the one that was claimed."""
        if self.length is not None and size != self.length:
            raise errors.incomplete_body()
        claimed = _verify(self.req, self._claim, self.hashes, self.trailers)
        if self._signed_sha256 and (found := self.hashes["SHA256"].digest().hex()) != self._signed_sha256:
            raise errors.bad_sha256(self._signed_sha256, found)
        kept = self._kept
        if claimed is None or claimed.algorithm != kept:
            checksum = Checksum(kept, encode(self.hashes[kept].digest()))
        else:
            checksum = claimed
        digest = self.hashes["MD5"].digest()
        if self._seal is not None:
            # The entity tag of what is encrypted with KMS or by the customer is not the MD5 of the plain bytes.
            digest = md5(digest + self.nonce, usedforsecurity=False).digest()
        return digest.hex(), checksum, claimed


def is_here(ctx: Context, req: dict[str, Any]) -> bool:
    """Whether a body has come in whole already, and is so small that nobody waits while it is hashed."""
    body, headers = req.get("Body"), ctx.call_info.headers
    if type(body) is bytes:
        return len(body) <= AT_ONCE
    encoded = headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in headers.get("content-encoding", "")
    return body is None or (type(body) is BufferedBody and len(body.data) <= AT_ONCE and not encoded)


def receive_now(ctx: Context, req: dict[str, Any], seal: Seal | None = None) -> Received:
    """What `receive` does, for a body that `is_here`: inside the transaction."""
    headers = ctx.call_info.headers
    if headers and "content-length" not in headers and "transfer-encoding" not in headers:
        read_claim(req, headers)
        raise errors.missing_length()
    body = req.get("Body")
    data: bytes = body if type(body) is bytes else b"" if body is None else body.data
    intake = Intake(ctx, req, req.get("ContentLength", len(data)), None, seal)
    intake.take_md5((data,))
    kept = intake.take(data)
    etag, checksum, claimed = intake.check(len(data))
    return Received(ctx.blobs.put(kept), etag, checksum, claimed, intake.nonce)


async def receive(ctx: Context, req: dict[str, Any], keep: str | None = None, seal: Seal | None = None) -> Received:
    """Reads `req["Body"]` to its end and checks it against its checksums.

    `keep` is the algorithm of the checksum to keep; by default the client's, or S3's own when it sent none.
    Raises BadDigest, InvalidDigest, EntityTooLarge,
    IncompleteBody, MissingContentLength, InvalidRequest, XAmzContentSHA256Mismatch.
    """
    headers = ctx.call_info.headers
    body: Body = as_body(req.get("Body"))
    length = req.get("ContentLength", body.length)
    trailers: dict[str, str] = {}
    source: AsyncIterator[bytes] = body.__aiter__()
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in headers.get("content-encoding", ""):
        from cloudjar.services.s3.chunked import decoded, decoded_length

        source, length = decoded(body, trailers), decoded_length(headers)
        if length is None:
            read_claim(req, headers)
            raise errors.missing_length()
    elif headers and "content-length" not in headers and "transfer-encoding" not in headers:
        read_claim(req, headers)
        raise errors.missing_length()
    intake = Intake(ctx, req, length, keep, seal)
    intake.trailers = trailers
    writer = ctx.blobs.writer()
    try:
        size = await _pump(intake, source, writer)
        etag, checksum, claimed = intake.check(size)
        return Received(writer.finish(), etag, checksum, claimed, intake.nonce)
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


async def _pump(intake: Intake, source: AsyncIterator[bytes], writer: BlobWriter) -> int:
    """Moves all bytes into the blob and the hashes. Small bodies in place; large ones batch by batch on two threads."""
    batch: list[bytes] = []
    size = waiting = 0
    working: asyncio.Future[Any] | None = None
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
                # MD5 takes longer than all the rest together (600 MB/s, where SHA-256 makes 1,400 and the CRCs 12,000): it has a
                # thread to itself. Both let go of the interpreter, so that the next bytes come in meanwhile.
                offload = intake.ctx.offload
                working = asyncio.gather(offload(intake.take_md5, batch), offload(_take, batch, writer, intake))
                batch, waiting = [], 0
    finally:
        # The threads must be done with the blob before anybody finishes it or throws it away.
        if working is not None:
            await asyncio.wait((working,))
            working.result()
    intake.take_md5(batch)
    _take(batch, writer, intake)
    return size


def _take(batch: list[bytes], writer: BlobWriter, intake: Intake) -> None:
    for chunk in batch:
        writer.write(intake.take(chunk))


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
