"""What IAM is asked about where one call does several things to several objects."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.host import Question
from cloudjar.services.s3.access_points import asked_about
from cloudjar.services.s3.buckets import object_arn

Asks = dict[str, str | list[str]]


def copy(ctx: Context, req: dict[str, Any]) -> Asks:
    """CopyObject and UploadPartCopy: what is read, and what is written."""
    from cloudjar.services.s3.copies import read_source

    bucket, key, version = read_source(req["CopySource"])
    source, target = asked_about(ctx, bucket)[1] + key, object_arn(ctx, req)
    asks: Asks = {"s3:GetObjectVersion" if version else "s3:GetObject": source, "s3:PutObject": target}
    if req.get("ACL") or any(member.startswith("Grant") for member in req):
        asks["s3:PutObjectAcl"] = target
    if req.get("Tagging") and req.get("TaggingDirective") == "REPLACE":
        asks["s3:PutObjectTagging"] = target
    if req.get("ObjectLockMode"):
        asks["s3:PutObjectRetention"] = target
    if req.get("ObjectLockLegalHoldStatus"):
        asks["s3:PutObjectLegalHold"] = target
    return asks


def delete_many(ctx: Context, req: dict[str, Any]) -> Asks:
    """DeleteObjects asks about every key as it comes to it: what may not be deleted is left out."""
    return {}


def deletions(ctx: Context, bucket: str, items: list[dict[str, Any]]) -> list[Question]:
    """What IAM is asked about each of DeleteObjects' items."""
    found: list[Question] = []
    prefix = asked_about(ctx, bucket)[1]
    for item in items:
        arn, version = prefix + item["Key"], item.get("VersionId")
        found.append(("s3:DeleteObjectVersion", arn, {"s3:versionid": version}) if version else ("s3:DeleteObject", arn, {}))
    return found
