"""GetObject and HeadObject."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, charged, find_bucket, object_arn
from cloudjar.services.s3.checksums import checksum_to_wire
from cloudjar.services.s3.conditions import check_read
from cloudjar.services.s3.encryption import CUSTOMER, open_key, to_wire
from cloudjar.services.s3.extents import cut, open_body, read_range
from cloudjar.services.s3.lifecycle import expiration_header
from cloudjar.services.s3.locks import lock_to_wire
from cloudjar.services.s3.metadata import refuse
from cloudjar.services.s3.objects import Checksum, Stored, find_object, last_modified_header, shown_version
from cloudjar.services.s3.restores import is_readable, restore_header

_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}


@operation(on=object_arn)
def get_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket, stored = _find(ctx, req, "GetObject")
    if not is_readable(ctx, stored):
        raise errors.archived(stored.storage_class, stored.archive_tier)
    if stored.storage_class == "INTELLIGENT_TIERING":
        from cloudjar.services.s3.tiering import note_access

        note_access(ctx, stored)
    key = open_key(ctx, bucket, stored.encryption, req)
    answer, start, length = _answer(ctx, req, bucket, stored)
    extents = stored.extents if length == stored.size else cut(stored.extents, start, length)
    answer["Body"] = open_body(ctx.blobs, extents, key)
    return answer


@operation(on=object_arn)
def head_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket, stored = _find(ctx, req, "HeadObject")
    if stored.encryption is None or stored.encryption.algorithm == CUSTOMER:
        open_key(ctx, bucket, stored.encryption, req)
    answer = _answer(ctx, req, bucket, stored)[0]
    return answer | {"ArchiveStatus": stored.archive_tier} if stored.archive_tier else answer


def _find(ctx: Context, req: dict[str, Any], operation: str) -> tuple[Bucket, Stored]:
    bucket = find_bucket(ctx, req)
    refuse(req, operation)
    return bucket, find_object(ctx, bucket, req["Key"], req.get("VersionId"), "GET" if operation == "GetObject" else "HEAD")


def _answer(ctx: Context, req: dict[str, Any], bucket: Bucket, stored: Stored) -> tuple[dict[str, Any], int, int]:
    """All but the body; and which bytes (start, length) the body has."""
    version_id = shown_version(bucket, stored)
    conditional = "IfMatch" in req or "IfNoneMatch" in req or "IfModifiedSince" in req or "IfUnmodifiedSince" in req
    if conditional:
        headers = {"etag": f'"{stored.etag}"', "last-modified": last_modified_header(stored)}
        if version_id is not None:
            headers["x-amz-version-id"] = version_id
        if "CacheControl" in stored.headers:
            headers["cache-control"] = stored.headers["CacheControl"]
        check_read(req, stored, headers)
    answer: dict[str, Any] = {
        **stored.headers,
        "AcceptRanges": "bytes",
        "LastModified": stored.modified,
        "ETag": f'"{stored.etag}"',
        "Metadata": stored.metadata,
        **to_wire(stored.encryption),
    }
    if version_id is not None:
        answer["VersionId"] = version_id
    if stored.storage_class != "STANDARD":
        answer["StorageClass"] = stored.storage_class
        answer |= restore_header(ctx, stored)
    if "lifecycle" in bucket.configured and "VersionId" not in req:
        answer |= expiration_header(ctx, bucket, stored)
    if stored.replication:
        answer["ReplicationStatus"] = stored.replication
    if bucket.object_lock:
        answer |= lock_to_wire(stored)
    if bucket.configured:
        answer |= charged(ctx, bucket)
    if stored.tags:
        answer["TagCount"] = len(stored.tags)
    for member, header in _OVERRIDES.items():
        if member in req:
            if ctx.principal.kind == "anonymous":
                raise errors.invalid_request("Request specific response headers cannot be used for anonymous GET requests.")
            answer[header] = req[member]
    start, length, checksum = _selection(req, stored, answer)
    answer["ContentLength"] = length
    if checksum is not None and req.get("ChecksumMode", "").upper() == "ENABLED":
        answer |= checksum_to_wire(checksum)
    return answer, start, length


def _selection(req: dict[str, Any], stored: Stored, answer: dict[str, Any]) -> tuple[int, int, Checksum | None]:
    """Which bytes a request wants, by range or by part, and the checksum that covers just them."""
    if "PartNumber" in req:
        return _part(req, stored, answer)
    if "Range" in req:
        wanted = read_range(req["Range"], stored.size)
        if wanted is not None:
            start, length = wanted
            answer["ContentRange"] = f"bytes {start}-{start + length - 1}/{stored.size}"
            return start, length, stored.checksum if length == stored.size else None
    return 0, stored.size, stored.checksum


def _part(req: dict[str, Any], stored: Stored, answer: dict[str, Any]) -> tuple[int, int, Checksum | None]:
    number = req["PartNumber"]
    if "Range" in req:
        raise errors.invalid_request("Cannot specify both Range header and partNumber query parameter")
    if not 1 <= number <= 10_000:
        words = "Part number must be an integer between 1 and 10000, inclusive"
        raise errors.invalid_argument(words, "partNumber", number)
    if not stored.parts:
        if number != 1:
            raise errors.no_such_part(number, 1)
        if stored.size:
            answer["ContentRange"] = f"bytes 0-{stored.size - 1}/{stored.size}"
        return 0, stored.size, stored.checksum
    if number > len(stored.parts):
        raise errors.no_such_part(number, len(stored.parts))
    start = sum(part.size for part in stored.parts[: number - 1])
    part = stored.parts[number - 1]
    answer["PartsCount"] = len(stored.parts)
    if part.size:
        answer["ContentRange"] = f"bytes {start}-{start + part.size - 1}/{stored.size}"
    checksum = None
    if stored.checksum is not None and part.checksum:
        checksum = Checksum(stored.checksum.algorithm, part.checksum, stored.checksum.type)
    return start, part.size, checksum
