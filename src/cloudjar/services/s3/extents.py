"""Ranges of bytes, and bodies made of them. Source: RFC 9110, 14."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable

from cloudjar.kernel.blobs import BlobStore
from cloudjar.services.s3 import errors
from cloudjar.services.s3.checksums import new_hash
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
        found.append(Extent(extent.blob, extent.start + start, take))
        start, length = 0, length - take
    return tuple(found)


def open_body(blobs: BlobStore, extents: tuple[Extent, ...]) -> bytes | FileBody | AsyncIterator[bytes]:
    """The bytes, as an answer's body. Files are opened here and now: what happens to the object later does not touch the answer."""
    if not extents:
        return b""
    if len(extents) == 1:
        extent = extents[0]
        if not extent.blob.id:
            return extent.blob.inline[extent.start : extent.start + extent.length]
        return FileBody.open(blobs.path(extent.blob), extent.start, extent.length)
    if all(not extent.blob.id for extent in extents):
        return b"".join(extent.blob.inline[extent.start : extent.start + extent.length] for extent in extents)
    return _one_after_the_other(blobs, extents)


async def _one_after_the_other(blobs: BlobStore, extents: tuple[Extent, ...]) -> AsyncIterator[bytes]:
    # Blob files never change and outlive their objects until the next sweep, so each is opened in its turn.
    for extent in extents:
        body = open_body(blobs, (extent,))
        if isinstance(body, bytes):
            yield body
            continue
        async for chunk in body:
            yield chunk


def hash_extents(blobs: BlobStore, extents: tuple[Extent, ...], algorithms: tuple[str, ...]) -> dict[str, bytes]:
    """The digests of the bytes. For another thread: it reads them all."""
    hashes = {name: new_hash(name) for name in algorithms}
    for extent in extents:
        start, end = extent.start, extent.start + extent.length
        while start < end:
            chunk = blobs.read(extent.blob, start, min(start + _CHUNK, end))
            if not chunk:
                break
            start += len(chunk)
            for item in hashes.values():
                item.update(chunk)
    return {name: item.digest() for name, item in hashes.items()}
