"""Tags of objects and buckets. Source: "Categorizing your objects using tags" in the Amazon S3 User Guide."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.kernel.tags import to_list
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import ABAC, Bucket, bucket_arn, find_bucket, object_arn
from cloudjar.services.s3.configurations import configure, unconfigure
from cloudjar.services.s3.objects import Stored, find_object, shown_version

OBJECT_LIMIT = 10
BUCKET_LIMIT = 50

_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*")


def read_tags(items: list[dict[str, str]], *, limit: int) -> dict[str, str]:
    """`[{"Key": k, "Value": v}]` as a dict; raises InvalidTag or BadRequest as S3 does."""
    tags: dict[str, str] = {}
    if len(items) > limit:
        if limit == OBJECT_LIMIT:
            raise errors.bad_request(f"Object tags cannot be greater than {limit}")
        raise errors.bad_request(f"Bucket tag count cannot be greater than {limit}")
    for item in items:
        key, value = item["Key"], item.get("Value", "")
        if not 1 <= len(key) <= 128 or not _ALLOWED.fullmatch(key):
            raise errors.invalid_tag("The TagKey you have provided is invalid", key, value)
        if len(value) > 256 or not _ALLOWED.fullmatch(value):
            raise errors.invalid_tag("The TagValue you have provided is invalid", key, value)
        if key.lower().startswith("aws:"):
            raise errors.invalid_tag("System tags cannot be added/updated by requester", key, value)
        if key in tags:
            raise errors.invalid_tag("Cannot provide multiple Tags with the same key", key)
        tags[key] = value
    return tags


def read_tagging_header(text: str) -> dict[str, str]:
    """The `x-amz-tagging` header: tags as URL query parameters."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if text and not pairs:
        words = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
        raise errors.invalid_argument(words, "x-amz-tagging", text)
    return read_tags([{"Key": key, "Value": value} for key, value in pairs], limit=OBJECT_LIMIT)


def _versioned(bucket: Bucket, stored: Stored, answer: dict[str, Any]) -> dict[str, Any]:
    version_id = shown_version(bucket, stored)
    if version_id is not None:
        answer["VersionId"] = version_id
    return answer


@operation(on=object_arn)
def put_object_tagging(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3.events import notify

    bucket = find_bucket(ctx, req)
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"), "PUT")
    tags = read_tags(req["Tagging"]["TagSet"], limit=OBJECT_LIMIT)
    notify(ctx, bucket, "ObjectTagging:Put", ctx.put(replace(stored, tags=tags)))
    return _versioned(bucket, stored, {})


@operation(on=object_arn)
def get_object_tagging(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"))
    return _versioned(bucket, stored, {"TagSet": to_list(dict(sorted(stored.tags.items())))})


@operation(on=object_arn)
def delete_object_tagging(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3.events import notify

    bucket = find_bucket(ctx, req)
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"), "DELETE")
    notify(ctx, bucket, "ObjectTagging:Delete", ctx.put(replace(stored, tags={})))
    return _versioned(bucket, stored, {})


@operation(on=bucket_arn)
def put_bucket_tagging(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    _check_by_hand(bucket)
    ctx.set_tags(bucket.arn, read_tags(req["Tagging"]["TagSet"], limit=BUCKET_LIMIT))


@operation(on=bucket_arn)
def get_bucket_tagging(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    tags = ctx.tags(bucket.arn)
    if not tags:
        raise errors.no_such_tag_set(bucket.name)
    return {"TagSet": to_list(tags)}


@operation(on=bucket_arn)
def delete_bucket_tagging(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    _check_by_hand(bucket)
    ctx.set_tags(bucket.arn, {})


def _check_by_hand(bucket: Bucket) -> None:
    """Tags that access is judged by are changed with TagResource and UntagResource alone."""
    if ABAC in bucket.configured:
        raise errors.invalid_request("Attribute-based access control is enabled for this bucket: use TagResource and UntagResource.")


@operation(on=bucket_arn)
def put_bucket_abac(ctx: Context, req: dict[str, Any]) -> None:
    bucket, status = find_bucket(ctx, req), req["AbacStatus"].get("Status")
    if status not in ("Enabled", "Disabled"):
        raise errors.malformed_xml()
    if status == "Enabled":
        configure(ctx, bucket, ABAC, {"Status": status})
    else:
        unconfigure(ctx, bucket, ABAC)


@operation(on=bucket_arn)
def get_bucket_abac(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    return {"AbacStatus": {"Status": "Enabled" if ABAC in bucket.configured else "Disabled"}}
