"""PutObject."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import names
from cloudjar.services.s3.buckets import find_bucket, object_arn
from cloudjar.services.s3.checksums import checksum_to_wire
from cloudjar.services.s3.conditions import check_form, check_write
from cloudjar.services.s3.encryption import begin, to_wire
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.forms import FormFile
from cloudjar.services.s3.lifecycle import expiration_header
from cloudjar.services.s3.metadata import read_metadata
from cloudjar.services.s3.objects import Object, shown_version, store
from cloudjar.services.s3.payload import receive


@operation(on=object_arn)
async def put_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = req["Key"]
    conditional = "IfMatch" in req or "IfNoneMatch" in req
    # What can be refused is refused before the body is asked for; 100-continue saves the client the sending.
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        names.check_key(key)
        fields = read_metadata(ctx, req, bucket, "PutObject")
        if conditional:
            check_form(req, "PutObject")
            check_write(req, ctx.get(Object, bucket.name, key), key)
        encryption, seal = begin(ctx, bucket, key, req)
    received = await receive(ctx, req, seal=seal)
    with ctx.transaction():
        # The bucket may have gone, or the object changed, while the body came in.
        bucket = find_bucket(ctx, req)
        if conditional:
            check_write(req, ctx.get(Object, bucket.name, key), key)
        stored = store(
            ctx,
            bucket,
            Object(
                bucket=bucket.name,
                key=key,
                modified=ctx.now,
                etag=received.md5,
                size=received.blob.size,
                extents=received.extents,
                checksum=received.checksum,
                encryption=encryption,
                **fields,
            ),
        )
        notify(ctx, bucket, "ObjectCreated:Post" if isinstance(req.get("Body"), FormFile) else "ObjectCreated:Put", stored)
        ends = expiration_header(ctx, bucket, stored) if bucket.configured else {}
    answer: dict[str, Any] = {"ETag": f'"{stored.etag}"', **to_wire(encryption), **checksum_to_wire(stored.checksum)}
    answer |= ends
    version_id = shown_version(bucket, stored)
    if version_id is not None:
        answer["VersionId"] = version_id
    return answer
