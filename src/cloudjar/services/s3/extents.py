"""Ranges of bytes, and bodies made of them. Source: RFC 9110, 14."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator

from cloudjar.kernel.blobs import BlobStore
from cloudjar.services.s3 import errors
from cloudjar.services.s3.checksums import new_hash
from cloudjar.services.s3.ciphers import Seal, cipher_at
from cloudjar.services.s3.objects import Extent
from cloudjar.wire.http import FileBody

_CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def read_range(text: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a Range header; None where S3 ignores it. Raises InvalidRange for a range past the end."""
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        # Several ranges, other units and nonsense: S3 answers the whole object.
        return None
    if not match[1]:
        wanted = int(match[2])
        if wanted == 0 or size == 0:
            raise errors.unsatisfiable_range(text, size)
        length = min(wanted, size)
        return size - length, length
    start = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < start:
        return None
    if start >= size:
        raise errors.unsatisfiable_range(text, size)
    return start, min(last, size - 1) - start + 1


def cut(extents: Iterable[Extent], start: int, length: int) -> tuple[Extent, ...]:
    """The extents that hold `length` bytes from `start` on."""
    found = []
    for extent in extents:
        if length <= 0:
            break
        if start >= extent.length:
            start -= extent.length
            continue
        take = min(extent.length - start, length)
        found.append(Extent(extent.blob, extent.start + start, take, extent.nonce))
        start, length = 0, length - take
    return tuple(found)


def open_body(blobs: BlobStore, extents: tuple[Extent, ...], key: bytes | None = None) -> bytes | FileBody | AsyncIterator[bytes]:
    """The bytes, as an answer's body. Files are opened here and now: what happens to the object later does not touch the answer."""
    if not extents:
        return b""
    if key is not None:
        return _in_order(blobs, extents, key)
    if len(extents) == 1:
        extent = extents[0]
        if not extent.blob.id:
            return extent.blob.inline[extent.start : extent.start + extent.length]
        return FileBody.open(blobs.path(extent.blob), extent.start, extent.length)
    if all(not extent.blob.id for extent in extents):
        return b"".join(extent.blob.inline[extent.start : extent.start + extent.length] for extent in extents)
    return _in_order(blobs, extents, None)


async def _in_order(blobs: BlobStore, extents: tuple[Extent, ...], key: bytes | None) -> AsyncIterator[bytes]:
    # Blob files never change and outlive their objects until the next sweep, so each is opened in its turn.
    for extent in extents:
        cipher = cipher_at(key, extent.nonce, extent.start) if key is not None and extent.nonce else None
        body = open_body(blobs, (extent,))
        if isinstance(body, bytes):
            yield body if cipher is None else cipher.update(body)
            continue
        async for chunk in body:
            yield chunk if cipher is None else cipher.update(chunk)


def read_extents(blobs: BlobStore, extents: tuple[Extent, ...], key: bytes | None = None) -> Iterator[bytes]:
    """The bytes, piece by piece. For another thread."""
    for extent in extents:
        start, end = extent.start, extent.start + extent.length
        cipher = cipher_at(key, extent.nonce, start) if key is not None and extent.nonce else None
        while start < end:
            chunk = blobs.read(extent.blob, start, min(start + _CHUNK, end))
            if not chunk:
                break
            start += len(chunk)
            yield chunk if cipher is None else cipher.update(chunk)


def hash_extents(blobs: BlobStore, extents: tuple[Extent, ...], algorithms: tuple[str, ...], key: bytes | None = None) -> dict[str, bytes]:
    """The digests of the bytes. For another thread: it reads them all."""
    hashes = {name: new_hash(name) for name in algorithms}
    for chunk in read_extents(blobs, extents, key):
        for item in hashes.values():
            item.update(chunk)
    return {name: item.digest() for name, item in hashes.items()}


def reseal(blobs: BlobStore, extents: tuple[Extent, ...], key: bytes | None, seal: Seal | None) -> tuple[Extent, ...]:
    """The same bytes in a new blob, under another key or none. For another thread."""
    nonce, cipher = seal.start() if seal is not None else (b"", None)
    writer = blobs.writer()
    try:
        for chunk in read_extents(blobs, extents, key):
            writer.write(chunk if cipher is None else cipher.update(chunk))
        blob = writer.finish()
    except BaseException:
        writer.abort()
        raise
    return (Extent(blob, 0, blob.size, nonce),) if blob.size else ()
