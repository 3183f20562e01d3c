"""Writing into a trail's bucket, as CloudTrail itself: the bucket's policy decides."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.cloudtrail.trails import Trail, arn_of


async def put(ctx: Context, name: str, key: str, content: bytes, more: dict[str, Any]) -> str:
    """Puts an object into the trail's bucket, as CloudTrail; gives the error's code, or an empty text."""
    with ctx.transaction():
        trail = ctx.get(Trail, name)
    if trail is None:
        return ""
    writer = ctx.as_service("cloudtrail.amazonaws.com", arn_of(ctx, name))
    request = {"Bucket": trail.bucket, "Key": key, "Body": content, **more}
    try:
        await writer.call_async("s3", "PutObject", request)
    except AwsError as error:
        region = error.headers.get("x-amz-bucket-region")
        if not region:
            return error.code
        try:
            await writer.at(region=region).call_async("s3", "PutObject", request)
        except AwsError as second:
            return second.code
    return ""
