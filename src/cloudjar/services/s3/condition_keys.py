"""The condition keys of S3's own that a request's headers and members do not bring by name.

Source: "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.s3 import access_points
from cloudjar.services.s3.buckets import ABAC, Bucket
from cloudjar.services.s3.objects import Object, Stored, find_version

_CREATE = frozenset({"CompleteMultipartUpload", "CopyObject", "PostObject", "PutObject"})
"""Operations that make an object: others that need s3:PutObject only prepare for one."""
_SEE_TAGS = frozenset(
    {
        "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", "s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectTagging",
        "s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:PutObjectAcl", "s3:PutObjectTagging",
        "s3:PutObjectVersionAcl", "s3:PutObjectVersionTagging",
    }
)  # fmt: skip
"""Actions for which s3:ExistingObjectTag is there. Source: Service Authorization Reference."""


def condition_keys(ctx: Context, req: dict[str, Any], action: str, arn: str) -> dict[str, Any]:
    """What policies may ask of a request: whose the bucket is, how it came, the tags that are there, the locks that it wants."""
    keys = _lock_keys(ctx, req)
    if action == "s3:PutObject":
        keys["s3:objectcreationoperation"] = "true" if ctx.call_info.operation in _CREATE else "false"
    if access_points.is_arn(arn):
        point = access_points.find(ctx, arn)
        if point is not None:
            keys |= access_points.condition_keys(point) | {"s3:resourceaccount": point.bucket_account}
        return keys
    name, _, key = arn.split(":", 5)[-1].partition("/")
    bucket = ctx.get(Bucket, name)
    if bucket is None:
        return keys
    keys["s3:resourceaccount"] = bucket.account
    if ABAC in bucket.configured:
        keys |= {f"s3:buckettag/{tag.lower()}": value for tag, value in ctx.tags(bucket.arn).items()}
    if action in _SEE_TAGS:
        version = req.get("VersionId")
        stored: Stored | None = ctx.get(Object, name, key) if version is None else find_version(ctx, bucket, key, version)
        keys |= {f"s3:existingobjecttag/{tag.lower()}": value for tag, value in (stored.tags.items() if stored is not None else ())}
    return keys


def _lock_keys(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    retention, hold = req.get("Retention") or {}, req.get("LegalHold") or {}
    mode = req.get("ObjectLockMode") or retention.get("Mode")
    until: datetime | None = req.get("ObjectLockRetainUntilDate") or retention.get("RetainUntilDate")
    status = req.get("ObjectLockLegalHoldStatus") or hold.get("Status")
    keys: dict[str, Any] = {}
    if mode:
        keys["s3:object-lock-mode"] = mode
    if status:
        keys["s3:object-lock-legal-hold"] = status
    if until is not None:
        keys["s3:object-lock-retain-until-date"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        keys["s3:object-lock-remaining-retention-days"] = str(math.ceil((until - ctx.now).total_seconds() / 86_400))
    return keys


def resource_tags(ctx: Context, arn: str) -> dict[str, str]:
    """The tags that access is judged by: an access point's, and those of a bucket that has switched that on, for its objects as well."""
    if access_points.is_arn(arn):
        return ctx.tags(arn.partition("/object/")[0])
    bucket = ctx.get(Bucket, arn.split(":", 5)[-1].partition("/")[0])
    return ctx.tags(bucket.arn) if bucket is not None and ABAC in bucket.configured else {}
