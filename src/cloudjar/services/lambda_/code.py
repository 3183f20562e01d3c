"""Deployment packages: where they come from, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

from msgspec.structs import replace

from cloudjar.kernel.blobs import EMPTY
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.services.lambda_ import errors, sealed_code
from cloudjar.services.lambda_.deploy import UNZIPPED_LIMIT, Deployments
from cloudjar.services.lambda_.functions import Code

ZIPPED_LIMIT = 52_428_800
"""Bytes of a package that comes in the request itself."""
REQUEST_LIMIT = 70_167_211


async def fetch(ctx: Context, source: dict[str, Any], operation: str, name: str) -> Code:
    """The package that a request gives for a function, stored and unpacked, so that a bad one is refused. S3 is read as the caller."""
    if source.get("ImageUri"):
        raise not_implemented(
            "lambda", operation, "container images need an image registry, which this jar does not have yet; use a .zip package"
        )
    if source.get("S3ObjectStorageMode") not in (None, "COPY"):
        raise not_implemented("lambda", operation, "S3ObjectStorageMode other than COPY")
    data = source.get("ZipFile")
    if data is not None:
        if source.get("S3Bucket") or source.get("S3Key"):
            raise errors.invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
        if len(data) > ZIPPED_LIMIT:
            raise errors.request_too_large(REQUEST_LIMIT, operation)
    elif source.get("S3Bucket") and source.get("S3Key"):
        if source["S3Bucket"] == "hot-reload":
            from cloudjar.services.lambda_ import hot_reload

            return hot_reload.package(source["S3Key"])
        data = await _from_s3(ctx, source)
    else:
        raise errors.invalid("Please provide a source for function code.")
    unzipped, digest = await ctx.offload(_inspect, data)
    if unzipped > UNZIPPED_LIMIT:
        raise errors.unzipped_too_large(UNZIPPED_LIMIT)
    package = Code(EMPTY, digest, len(data), unzipped)
    await ctx.world.part(Deployments).task(package, data)
    key = source.get("SourceKMSKeyArn") or ""
    if key:
        sealed, data_key = await sealed_code.seal(ctx, name, key, data)
        return replace(package, blob=ctx.blobs.put(sealed), kms_key=key, data_key=data_key)
    return replace(package, blob=ctx.blobs.put(data))


async def _from_s3(ctx: Context, source: dict[str, Any]) -> bytes:
    request = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
    if source.get("S3ObjectVersion"):
        request["VersionId"] = source["S3ObjectVersion"]
    try:
        answer = await ctx.call_async("s3", "GetObject", request)
    except AwsError as error:
        if error.code == "NotImplemented":
            raise
        raise errors.s3_error(error.code, error.message) from None
    body = answer["Body"]
    if isinstance(body, bytes):
        return body
    pieces, size = [], 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size > UNZIPPED_LIMIT:
            raise errors.unzipped_too_large(UNZIPPED_LIMIT)
    return b"".join(pieces)


def _inspect(data: bytes) -> tuple[int, str]:
    import zipfile

    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            unzipped = sum(entry.file_size for entry in package.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise errors.bad_zip() from None
    if not data or not unzipped:
        raise errors.invalid("Uploaded file must be a non-empty zip")
    return unzipped, digest
