"""CopyObject and UploadPartCopy. Bytes are shared, not copied: blobs never change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import md5
from typing import Any
from urllib.parse import unquote

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import asks, errors, names
from cloudjar.services.s3.buckets import Bucket, check_owner, find_bucket, reached
from cloudjar.services.s3.checksums import DEFAULT, check_algorithm, checksum_to_wire, encode
from cloudjar.services.s3.ciphers import Seal
from cloudjar.services.s3.conditions import check_form, check_source, check_write
from cloudjar.services.s3.encryption import begin, open_key, to_wire
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.extents import cut, hash_extents, reseal
from cloudjar.services.s3.metadata import read_metadata, refuse
from cloudjar.services.s3.multipart import Part, find_upload
from cloudjar.services.s3.objects import Checksum, Extent, Object, Stored, find_object, shown_version, store
from cloudjar.services.s3.parts import check_part_number
from cloudjar.services.s3.payload import LARGEST_PUT
from cloudjar.services.s3.restores import is_readable

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(slots=True)
class Source:
    """What is copied."""

    bucket: Bucket
    stored: Stored
    versioned: bool
    """Whether the request named one version."""
    key: bytes | None
    """The data key of what is encrypted."""


def read_source(text: str) -> tuple[str, str, str | None]:
    """(bucket, key, version id) of an `x-amz-copy-source` header."""
    path, question, version = text.partition("?versionId=")
    plain = unquote(path).removeprefix("/")
    if plain.startswith("arn:") and "/object/" in plain:
        bucket, slash, key = plain.partition("/object/")
        slash = slash and "/"
    else:
        bucket, slash, key = plain.partition("/")
    if not slash or not bucket or not key:
        words = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise errors.invalid_argument(words, "x-amz-copy-source", text)
    return bucket, key, unquote(version) if question else None


def find_source(ctx: Context, req: dict[str, Any]) -> Source:
    """The object to copy from, which may lie in any Region."""
    name, key, version_id = read_source(req["CopySource"])
    found = reached(ctx, name)
    if found is None:
        raise errors.no_such_access_point(name) if name[:4] == "arn:" else errors.no_such_bucket(name)
    check_owner(found, req.get("ExpectedSourceBucketOwner"))
    try:
        stored = find_object(ctx, found, key, version_id)
    except AwsError as error:
        if error.code == "MethodNotAllowed":
            words = "The source of a copy request may not specifically refer to a delete marker by version id."
            raise errors.invalid_request(words) from None
        # What the headers say of a delete marker is of no concern here.
        error.headers = {}
        raise
    check_source(req, stored)
    if not is_readable(ctx, stored):
        raise errors.archived(stored.storage_class, stored.archive_tier)
    if stored.storage_class == "INTELLIGENT_TIERING":
        from cloudjar.services.s3.tiering import note_access

        note_access(ctx, stored)
    return Source(found, stored, version_id is not None, open_key(ctx, found, stored.encryption, req, "CopySource"))


@operation(on=asks.copy)
async def copy_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    check_form(req, "CopyObject")
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        names.check_key(req["Key"])
        refuse(req, "CopyObject")
        source = find_source(ctx, req)
        stored = source.stored
        fields = _fields(ctx, req, bucket, source)
        if stored.size > LARGEST_PUT:
            raise errors.copy_source_too_large(LARGEST_PUT)
        encryption, seal = begin(ctx, bucket, req["Key"], req)
    algorithm = check_algorithm(req["ChecksumAlgorithm"]) if "ChecksumAlgorithm" in req else None
    etag, checksum = await _digests(ctx, source, algorithm)
    extents = stored.extents
    if source.key is not None or seal is not None:
        extents = await ctx.offload(reseal, ctx.blobs, extents, source.key, seal)
        if seal is not None:
            etag = sealed_etag(etag, extents)
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        check_write(req, ctx.get(Object, bucket.name, req["Key"]), req["Key"])
        copy = store(
            ctx,
            bucket,
            Object(
                bucket=bucket.name,
                key=req["Key"],
                modified=ctx.now,
                etag=etag,
                size=stored.size,
                extents=extents,
                encryption=encryption,
                checksum=checksum,
                **fields,
            ),
        )
        notify(ctx, bucket, "ObjectCreated:Copy", copy)
    answer: dict[str, Any] = {
        "CopyObjectResult": {"LastModified": copy.modified, "ETag": f'"{etag}"', **checksum_to_wire(checksum)},
        **to_wire(encryption),
    }
    version_id = shown_version(bucket, copy)
    if version_id is not None:
        answer["VersionId"] = version_id
    source_version = shown_version(source.bucket, stored)
    if source_version is not None:
        answer["CopySourceVersionId"] = source_version
    return answer


def _fields(ctx: Context, req: dict[str, Any], bucket: Bucket, source: Source) -> dict[str, Any]:
    """The copy's metadata, tags and storage class: the source's or the request's, as the directives say."""
    stored = source.stored
    given = read_metadata(ctx, req, bucket, "CopyObject")
    directives = {}
    for member, header in (("MetadataDirective", "x-amz-metadata-directive"), ("TaggingDirective", "x-amz-tagging-directive")):
        directives[member] = req.get(member, "COPY")
        if directives[member] not in ("COPY", "REPLACE"):
            words = f"Unknown {'metadata' if member == 'MetadataDirective' else 'tagging'} directive."
            raise errors.invalid_argument(words, header, directives[member])
    replaced = directives["MetadataDirective"] == "REPLACE"
    if (
        (bucket.name, req["Key"]) == (stored.bucket, stored.key)
        and not source.versioned
        and not replaced
        and not any(member in req for member in ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption"))
    ):
        raise errors.illegal_self_copy()
    if replaced:
        fields = {"headers": given["headers"], "metadata": given.get("metadata", {})}
    else:
        # A redirect location is never copied.
        headers = {name: value for name, value in stored.headers.items() if name != "WebsiteRedirectLocation"}
        if "WebsiteRedirectLocation" in req:
            headers["WebsiteRedirectLocation"] = req["WebsiteRedirectLocation"]
        fields = {"headers": headers, "metadata": stored.metadata}
    fields["tags"] = given.get("tags", {}) if directives["TaggingDirective"] == "REPLACE" else stored.tags
    fields["storage_class"] = given.get("storage_class", "STANDARD")
    fields |= {name: given[name] for name in ("account", "grants", "lock_mode", "lock_until", "legal_hold") if name in given}
    return fields


def sealed_etag(etag: str, extents: tuple[Extent, ...]) -> str:
    """An entity tag that is not the MD5 of the plain bytes."""
    return md5(etag.encode() + b"".join(extent.nonce for extent in extents), usedforsecurity=False).hexdigest()


async def _digests(ctx: Context, source: Source, algorithm: str | None) -> tuple[str, Checksum | None]:
    """The copy's entity tag and checksum. Those of a plain object are its own; a multipart object's copy is a plain object."""
    stored, kept = source.stored, source.stored.checksum
    wanted = algorithm or (kept.algorithm if kept else DEFAULT)
    if not stored.parts and source.key is None and kept is not None and kept.algorithm == wanted:
        return stored.etag, kept
    digests = await ctx.offload(hash_extents, ctx.blobs, stored.extents, ("MD5", wanted), source.key)
    return digests["MD5"].hex(), Checksum(wanted, encode(digests[wanted]))


@operation(on=asks.copy)
async def upload_part_copy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    check_part_number(req["PartNumber"])
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        refuse(req, "UploadPartCopy")
        upload = find_upload(ctx, req)
        key = open_key(ctx, bucket, upload.encryption, req)
        source = find_source(ctx, req)
    stored = source.stored
    start, length = _source_range(req.get("CopySourceRange"), stored)
    if length > LARGEST_PUT:
        raise errors.copy_source_too_large(LARGEST_PUT)
    extents = cut(stored.extents, start, length)
    algorithm = upload.algorithm or DEFAULT
    digests = await ctx.offload(hash_extents, ctx.blobs, extents, ("MD5", algorithm), source.key)
    etag, checksum = digests["MD5"].hex(), Checksum(algorithm, encode(digests[algorithm]))
    if source.key is not None or key is not None:
        extents = await ctx.offload(reseal, ctx.blobs, extents, source.key, Seal(key) if key is not None else None)
        if key is not None:
            etag = sealed_etag(etag, extents)
    with ctx.transaction():
        find_upload(ctx, req)
        now = ctx.now
        ctx.put(Part(upload.upload_id, req["PartNumber"], now, etag, length, extents, algorithm, checksum.value))
    answer: dict[str, Any] = {"CopyPartResult": {"LastModified": now, "ETag": f'"{etag}"'}, **to_wire(upload.encryption)}
    if upload.algorithm:
        answer["CopyPartResult"] |= checksum_to_wire(checksum, with_type=False)
    source_version = shown_version(source.bucket, stored)
    if source_version is not None:
        answer["CopySourceVersionId"] = source_version
    return answer


def _source_range(text: str | None, stored: Stored) -> tuple[int, int]:
    """(start, length); unlike a read's, a copy's range must lie inside the source."""
    if text is None:
        return 0, stored.size
    match = _RANGE.fullmatch(text)
    if match is None:
        words = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based "
        raise errors.invalid_argument(words + "offsets of the first and last bytes to copy", "x-amz-copy-source-range", text)
    start, last = int(match[1]), int(match[2])
    if last < start or last >= stored.size:
        words = f"Range specified is not valid for source object of size: {stored.size}"
        raise errors.invalid_argument(words, "x-amz-copy-source-range", text)
    return start, last - start + 1
