"""UploadPart, and CompleteMultipartUpload, which makes one object of the parts without copying a byte."""

from __future__ import annotations

import binascii
from hashlib import md5
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, find_bucket, object_arn
from cloudjar.services.s3.checksums import ALGORITHMS, COMPOSITE, DEFAULT, FULL_OBJECT, checksum_to_wire, encode, new_hash, read_claim
from cloudjar.services.s3.ciphers import Seal
from cloudjar.services.s3.conditions import check_form, check_write
from cloudjar.services.s3.crcs import combine
from cloudjar.services.s3.encryption import open_key, to_wire
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.metadata import refuse
from cloudjar.services.s3.multipart import Part, Upload, drop_upload, find_upload
from cloudjar.services.s3.objects import Checksum, Object, PartInfo, shown_version, store
from cloudjar.services.s3.payload import receive

MOST_PARTS = 10_000
SMALLEST_PART = 5 << 20
"""Bytes of every part but the last."""


def check_part_number(number: int) -> None:
    """Raises InvalidArgument for what no part may be numbered."""
    if not 1 <= number <= MOST_PARTS:
        words = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise errors.invalid_argument(words, "partNumber", number)


@operation(on=object_arn)
async def upload_part(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    check_part_number(req["PartNumber"])
    claim = read_claim(req, ctx.call_info.headers)
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        refuse(req, "UploadPart")
        upload = find_upload(ctx, req)
        key = open_key(ctx, bucket, upload.encryption, req)
    if upload.algorithm and claim.algorithm != upload.algorithm and (claim.algorithm or upload.checksum_type == COMPOSITE):
        raise errors.checksum_mismatch(upload.algorithm, claim.algorithm)
    received = await receive(ctx, req, keep=upload.algorithm or DEFAULT, seal=Seal(key) if key is not None else None)
    checksum = received.checksum
    with ctx.transaction():
        find_upload(ctx, req)
        ctx.put(
            Part(
                upload.upload_id,
                req["PartNumber"],
                ctx.now,
                received.md5,
                received.blob.size,
                received.extents,
                checksum.algorithm if checksum else "",
                checksum.value if checksum else "",
            )
        )
    answer: dict[str, Any] = {"ETag": f'"{received.md5}"', **to_wire(upload.encryption)}
    if claim.algorithm or upload.algorithm:
        answer |= checksum_to_wire(received.claimed or checksum, with_type=False)
    return answer


@operation(on=object_arn)
def complete_multipart_upload(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    done = ctx.get(Object, bucket.name, req["Key"])
    if done is not None and done.upload_id == req["UploadId"]:
        return _completed(ctx, bucket, done)
    upload = find_upload(ctx, req)
    check_form(req, "CompleteMultipartUpload")
    check_write(req, ctx.get(Object, bucket.name, upload.key), upload.key)
    parts = _chosen_parts(ctx, upload, (req.get("MultipartUpload") or {}).get("Parts") or [])
    size = sum(part.size for part in parts)
    if req.get("MpuObjectSize", size) != size:
        words = f"The provided 'x-amz-mp-object-size' header value {req['MpuObjectSize']} does not match what was computed: {size}"
        raise errors.invalid_request(words)
    checksum = _whole_checksum(upload, parts)
    _check_claim(req, upload, checksum)
    stored = store(
        ctx,
        bucket,
        Object(
            bucket=bucket.name,
            key=upload.key,
            # An object is as old as its upload's beginning.
            modified=upload.initiated,
            etag=f"{md5(b''.join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False).hexdigest()}-{len(parts)}",
            size=size,
            extents=tuple(extent for part in parts for extent in part.extents),
            checksum=checksum,
            parts=tuple(PartInfo(part.number, part.size, part.checksum if checksum else "") for part in parts),
            encryption=upload.encryption,
            upload_id=upload.upload_id,
            **upload.fields,
        ),
    )
    drop_upload(ctx, upload)
    notify(ctx, bucket, "ObjectCreated:CompleteMultipartUpload", stored)
    return _completed(ctx, bucket, stored)


def _completed(ctx: Context, bucket: Bucket, stored: Object) -> dict[str, Any]:
    """The answer, which is the same however often a client asks."""
    answer: dict[str, Any] = {
        "Location": f"{ctx.call_info.url}/{bucket.name}/{stored.key}",
        "Bucket": bucket.name,
        "Key": stored.key,
        "ETag": f'"{stored.etag}"',
        **({} if stored.encryption is not None and stored.encryption.customer_md5 else to_wire(stored.encryption)),
        **checksum_to_wire(stored.checksum),
    }
    version_id = shown_version(bucket, stored)
    if version_id is not None:
        answer["VersionId"] = version_id
    return answer


def _chosen_parts(ctx: Context, upload: Upload, wanted: list[dict[str, Any]]) -> list[Part]:
    """The parts that the client lists; raises InvalidPart, InvalidPartOrder, EntityTooSmall, MalformedXML."""
    if not wanted or len(wanted) > MOST_PARTS:
        raise errors.malformed_xml()
    here = {part.number: part for part in ctx.where(Part, upload_id=upload.upload_id)}
    chosen: list[Part] = []
    for item in wanted:
        if "PartNumber" not in item or "ETag" not in item:
            raise errors.malformed_xml()
        number, etag = item["PartNumber"], item["ETag"].strip('"')
        if chosen and number <= chosen[-1].number:
            raise errors.invalid_part_order(upload.upload_id)
        part = here.get(number)
        if part is None or part.etag != etag:
            raise errors.invalid_part(upload.upload_id, number, etag)
        if upload.algorithm:
            claimed = item.get(ALGORITHMS[upload.algorithm])
            if claimed is None and upload.checksum_type == COMPOSITE:
                raise errors.missing_part_checksum(upload.algorithm, number)
            if claimed is not None and claimed != part.checksum:
                raise errors.invalid_part(upload.upload_id, number, etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < SMALLEST_PART:
            raise errors.part_too_small(part.size, part.number, part.etag, SMALLEST_PART)
    return chosen


def _whole_checksum(upload: Upload, parts: list[Part]) -> Checksum | None:
    """The object's checksum, worked out from its parts' alone."""
    algorithm = upload.algorithm or (DEFAULT or "")
    if not algorithm or not all(part.checksum for part in parts):
        return None
    digests = [binascii.a2b_base64(part.checksum) for part in parts]
    if upload.checksum_type == COMPOSITE:
        whole = new_hash(algorithm)
        for digest in digests:
            whole.update(digest)
        return Checksum(algorithm, f"{encode(whole.digest())}-{len(parts)}", COMPOSITE)
    return Checksum(algorithm, encode(combine(algorithm, [(digest, part.size) for digest, part in zip(digests, parts, strict=True)])))


def _check_claim(req: dict[str, Any], upload: Upload, checksum: Checksum | None) -> None:
    """Holds what the client says of the whole object against what its parts make."""
    wanted_type = req.get("ChecksumType")
    if wanted_type is not None and upload.algorithm and wanted_type != upload.checksum_type:
        words = f"The upload was created using the {upload.checksum_type} checksum mode. "
        raise errors.invalid_request(words + "The complete request must use the same checksum mode.")
    for algorithm, member in ALGORITHMS.items():
        claimed = req.get(member)
        if claimed is None:
            continue
        if checksum is None or algorithm != checksum.algorithm:
            raise errors.checksum_mismatch(upload.algorithm or "null", algorithm)
        # A composite checksum may be sent with or without its count of parts.
        computed = checksum.value if "-" in claimed or checksum.type == FULL_OBJECT else checksum.value.partition("-")[0]
        if claimed != computed:
            raise errors.bad_checksum(algorithm)
