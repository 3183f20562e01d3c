"""Multipart uploads: begun, listed, aborted. Source: "Uploading objects using multipart upload" in the Amazon S3 User Guide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import ALNUM
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.s3 import errors, names
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket, object_arn, owner, reached
from cloudjar.services.s3.checksums import ALGORITHMS, COMPOSITE, FULL_OBJECT, check_algorithm
from cloudjar.services.s3.encryption import begin, to_wire
from cloudjar.services.s3.listing import encoder, read_limit, walk
from cloudjar.services.s3.metadata import read_metadata
from cloudjar.services.s3.objects import Encryption, Extent, blob_ids

_FULL_ONLY = frozenset(("CRC64NVME",))
_COMPOSITE_ONLY = frozenset(("SHA1", "SHA256", "SHA512", "MD5"))


@record("s3.upload", key=("bucket", "key", "initiated", "upload_id"), scope="world", indexes={"id": "upload_id"})
class Upload(Record):
    """A multipart upload under way, with what its object will have."""

    bucket: str
    key: str
    initiated: datetime
    upload_id: str
    account: str
    fields: dict[str, Any]
    algorithm: str = ""
    checksum_type: str = ""
    encryption: Encryption | None = None


@record("s3.part", key=("upload_id", "number"), scope="world", blobs=blob_ids)
class Part(Record):
    """One part of an upload; sending it again replaces it."""

    upload_id: str
    number: int
    modified: datetime
    etag: str
    size: int
    extents: tuple[Extent, ...]
    algorithm: str = ""
    checksum: str = ""


def find_upload(ctx: Context, req: dict[str, Any]) -> Upload:
    """The upload that a request names; raises NoSuchUpload."""
    upload = ctx.where(Upload, upload_id=req["UploadId"]).first()
    if upload is None or upload.bucket != _bucket_name(ctx, req) or upload.key != req["Key"]:
        raise errors.no_such_upload(req["UploadId"])
    return upload


def _bucket_name(ctx: Context, req: dict[str, Any]) -> str:
    bucket = reached(ctx, req["Bucket"])
    return bucket.name if bucket is not None else ""


def drop_upload(ctx: Context, upload: Upload) -> None:
    """Forgets an upload and its parts."""
    for part in list(ctx.where(Part, upload_id=upload.upload_id)):
        ctx.delete(part)
    ctx.delete(upload)


def drop_uploads(ctx: Context, bucket: str) -> None:
    """Forgets all unfinished uploads of a bucket."""
    for upload in list(ctx.where(Upload, bucket=bucket)):
        drop_upload(ctx, upload)


@operation(on=object_arn)
def create_multipart_upload(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    names.check_key(req["Key"])
    fields = read_metadata(ctx, req, bucket, "CreateMultipartUpload")
    algorithm, checksum_type = _checksum(req)
    upload_id = ctx.ids.text(ALNUM + "._", 128)
    encryption, _ = begin(ctx, bucket, req["Key"], req)
    ctx.put(Upload(bucket.name, req["Key"], ctx.now, upload_id, ctx.account, fields, algorithm, checksum_type, encryption))
    answer = {"Bucket": bucket.name, "Key": req["Key"], "UploadId": upload_id, **to_wire(encryption)}
    if algorithm:
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": checksum_type}
    return answer


def _checksum(req: dict[str, Any]) -> tuple[str, str]:
    """The algorithm and type that an upload's parts and object will have; "" when the client leaves it to S3."""
    wanted = req.get("ChecksumType")
    if "ChecksumAlgorithm" not in req:
        if wanted is not None:
            raise errors.invalid_request("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
        return "", ""
    algorithm = check_algorithm(req["ChecksumAlgorithm"])
    if wanted is None:
        return algorithm, FULL_OBJECT if algorithm in _FULL_ONLY else COMPOSITE
    if wanted not in (FULL_OBJECT, COMPOSITE):
        raise errors.invalid_request("Value for x-amz-checksum-type header is invalid.")
    if (wanted == FULL_OBJECT and algorithm in _COMPOSITE_ONLY) or (wanted == COMPOSITE and algorithm in _FULL_ONLY):
        raise errors.invalid_request(f"The {wanted} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.")
    return algorithm, wanted


@operation(on=object_arn)
def abort_multipart_upload(ctx: Context, req: dict[str, Any]) -> None:
    find_bucket(ctx, req)
    upload = find_upload(ctx, req)
    expected = req.get("IfMatchInitiatedTime")
    if expected is not None and upload.initiated.replace(microsecond=0) != expected.replace(microsecond=0):
        raise errors.precondition_failed("x-amz-if-match-initiated-time")
    drop_upload(ctx, upload)


@operation(on=object_arn)
def list_parts(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    find_bucket(ctx, req)
    upload = find_upload(ctx, req)
    limit = min(read_limit(req, "MaxParts", "max-parts"), 1000)
    marker = int(req.get("PartNumberMarker") or 0)
    found: list[Part] = []
    more = False
    for part in ctx.where(Part, upload_id=upload.upload_id).starting(marker + 1):
        if len(found) == limit:
            more = True
            break
        found.append(part)
    answer: dict[str, Any] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.upload_id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": found[-1].number if found else 0,
        "MaxParts": limit,
        "IsTruncated": more,
        "Parts": [part_to_wire(upload, part) for part in found],
        "Initiator": owner(upload.account),
        "Owner": owner(upload.account),
        "StorageClass": upload.fields.get("storage_class", "STANDARD"),
    }
    if upload.algorithm:
        answer |= {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.checksum_type}
    return answer


def part_to_wire(upload: Upload, part: Part) -> dict[str, Any]:
    wire = {"PartNumber": part.number, "LastModified": part.modified, "ETag": f'"{part.etag}"', "Size": part.size}
    if upload.algorithm and part.checksum:
        wire[ALGORITHMS[part.algorithm]] = part.checksum
    return wire


@operation(on=bucket_arn)
def list_multipart_uploads(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    limit = read_limit(req, "MaxUploads", "max-uploads")
    prefix, delimiter = req.get("Prefix", ""), req.get("Delimiter", "")
    key_marker, id_marker = req.get("KeyMarker", ""), req.get("UploadIdMarker", "")
    rows = ctx.where(Upload, bucket=bucket.name)
    first: Iterator[Upload]
    if id_marker and key_marker:
        first = _after(ctx, bucket, key_marker, id_marker)
    else:
        first = iter(rows.starting(max(prefix, key_marker + "\0" if key_marker else "")))
    page = walk(first, lambda key: iter(rows.starting(key)), prefix, delimiter, key_marker, min(limit, 1000))
    write = encoder(req)
    answer: dict[str, Any] = {
        "Bucket": bucket.name,
        "KeyMarker": write(key_marker),
        "UploadIdMarker": id_marker,
        "Prefix": write(prefix),
        "MaxUploads": min(limit, 1000),
        "IsTruncated": page.truncated,
        "Uploads": [
            {
                "UploadId": upload.upload_id,
                "Key": write(upload.key),
                "Initiated": upload.initiated,
                "StorageClass": upload.fields.get("storage_class", "STANDARD"),
                "Owner": owner(upload.account),
                "Initiator": owner(upload.account),
                **({"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.checksum_type} if upload.algorithm else {}),
            }
            for upload in page.items
        ],
        "CommonPrefixes": [{"Prefix": write(text)} for text in page.prefixes],
    }
    if delimiter:
        answer["Delimiter"] = write(delimiter)
    if "EncodingType" in req:
        answer["EncodingType"] = req["EncodingType"]
    if page.truncated:
        answer["NextKeyMarker"] = write(page.last)
        if page.items and page.items[-1].key == page.last:
            answer["NextUploadIdMarker"] = page.items[-1].upload_id
    return answer


def _after(ctx: Context, bucket: Bucket, key: str, upload_id: str) -> Iterator[Upload]:
    """The uploads past one of them, which may be gone by now."""
    marker = ctx.where(Upload, upload_id=upload_id).first()
    for upload in ctx.where(Upload, bucket=bucket.name).starting(key):
        if upload.key == key and (marker is None or (upload.initiated, upload.upload_id) <= (marker.initiated, marker.upload_id)):
            continue
        yield upload
