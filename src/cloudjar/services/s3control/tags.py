"""Tags of access points and buckets, by ARN."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.tags import LIMIT, to_list
from cloudjar.services.s3.access_points import AccessPoint
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3control import errors
from cloudjar.services.s3control.accounts import check_account

_POINT = re.compile(r"arn:aws[a-z-]*:s3:([a-z0-9-]+):(\d{12}):accesspoint/([a-z0-9-]+)")
_BUCKET = re.compile(r"arn:aws[a-z-]*:s3:::([a-z0-9.-]+)")


def _resource_arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceArn"])


def checked(known: dict[str, str], items: list[dict[str, str]]) -> dict[str, str]:
    """The tags with others added; raises InvalidTag, TooManyTagsException."""
    added: dict[str, str] = {}
    for item in items:
        if item["Key"].lower().startswith("aws:"):
            raise errors.invalid_tag("System tags cannot be added/updated by requester")
        if item["Key"] in added:
            raise errors.invalid_tag("Cannot provide multiple Tags with the same key")
        added[item["Key"]] = item.get("Value", "")
    merged = {**known, **added}
    if len(merged) > LIMIT:
        raise errors.too_many_tags(LIMIT)
    return merged


def _find(ctx: Context, req: dict[str, Any], operation: str) -> str:
    """The ARN, if it is that of something that is there."""
    check_account(ctx, req)
    arn: str = req["ResourceArn"]
    point, bucket = _POINT.fullmatch(arn), _BUCKET.fullmatch(arn)
    if point is not None:
        found = ctx.get(AccessPoint, point[2], point[1], point[3])
        if found is None or found.region != ctx.region:
            raise errors.no_such_access_point(point[3])
        if found.account != ctx.account:
            raise errors.access_denied()
        return found.arn
    if bucket is not None:
        there = ctx.get(Bucket, bucket[1])
        if there is None:
            raise errors.no_such_resource()
        if there.account != ctx.account:
            raise errors.access_denied()
        return there.arn
    raise not_implemented("s3control", operation, "anything but buckets and access points")


@operation(on=_resource_arn)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn = _find(ctx, req, "TagResource")
    ctx.set_tags(arn, checked(ctx.tags(arn), req["Tags"]))


@operation(on=_resource_arn)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_find(ctx, req, "UntagResource"), req["TagKeys"])


@operation(on=_resource_arn)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": to_list(ctx.tags(_find(ctx, req, "ListTagsForResource")))}
