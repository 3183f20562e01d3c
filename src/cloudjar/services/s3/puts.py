"""PutObject."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import names
from cloudjar.services.s3.buckets import Bucket, find_bucket, object_arn
from cloudjar.services.s3.checksums import checksum_to_wire
from cloudjar.services.s3.ciphers import Seal
from cloudjar.services.s3.conditions import check_form, check_write
from cloudjar.services.s3.encryption import begin, to_wire
from cloudjar.services.s3.events import notify
from cloudjar.services.s3.forms import FormFile
from cloudjar.services.s3.lifecycle import expiration_header
from cloudjar.services.s3.metadata import read_metadata
from cloudjar.services.s3.objects import Encryption, Object, shown_version, store
from cloudjar.services.s3.payload import Received, is_here, receive, receive_now


@operation(on=object_arn)
def put_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
    # What can be refused is refused before the body is asked for; 100-continue saves the client the sending.
    bucket = find_bucket(ctx, req)
    names.check_key(req["Key"])
    fields = read_metadata(ctx, req, bucket, "PutObject")
    if "IfMatch" in req or "IfNoneMatch" in req:
        check_form(req, "PutObject")
        check_write(req, ctx.get(Object, bucket.name, req["Key"]), req["Key"])
    encryption, seal = begin(ctx, bucket, req["Key"], req)
    if is_here(ctx, req):
        return _store(ctx, req, bucket, fields, encryption, receive_now(ctx, req, seal))
    return _when_received(ctx, req, fields, encryption, seal)


async def _when_received(
    ctx: Context, req: dict[str, Any], fields: dict[str, Any], encryption: Encryption | None, seal: Seal | None
) -> dict[str, Any]:
    """The rest, for a body that is still on its way."""
    received = await receive(ctx, req, seal=seal)
    with ctx.transaction():
        # The bucket may have gone, or the object changed, while the body came in.
        bucket = find_bucket(ctx, req)
        if "IfMatch" in req or "IfNoneMatch" in req:
            check_write(req, ctx.get(Object, bucket.name, req["Key"]), req["Key"])
        return _store(ctx, req, bucket, fields, encryption, received)


def _store(
    ctx: Context, req: dict[str, Any], bucket: Bucket, fields: dict[str, Any], encryption: Encryption | None, received: Received
) -> dict[str, Any]:
    stored = store(
        ctx,
        bucket,
        Object(
            bucket=bucket.name,
            key=req["Key"],
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
    answer: dict[str, Any] = {"ETag": f'"{stored.etag}"', **to_wire(encryption), **checksum_to_wire(stored.checksum)}
    if bucket.configured:
        answer |= expiration_header(ctx, bucket, stored)
    version_id = shown_version(bucket, stored)
    if version_id is not None:
        answer["VersionId"] = version_id
    return answer
