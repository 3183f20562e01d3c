"""Versioning, and the listing of versions. Source: "Retaining multiple versions of objects" in the Amazon S3 User Guide."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket, owner
from cloudjar.services.s3.listing import MOST_KEYS, encoder, object_to_wire, read_limit, read_optional, restore_to_wire, walk
from cloudjar.services.s3.mfa import ENABLED, check_versioning
from cloudjar.services.s3.objects import NULL, Object, Stored, Version


@operation(on=bucket_arn)
def put_bucket_versioning(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    configuration = req["VersioningConfiguration"]
    if configuration.get("MFADelete", "Disabled") not in ("Enabled", "Disabled"):
        raise errors.malformed_xml()
    status = configuration.get("Status")
    if status not in ("Enabled", "Suspended"):
        raise AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified", status=400)
    if bucket.object_lock and status == "Suspended":
        words = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise errors.invalid_bucket_state(words)
    mfa_delete = check_versioning(ctx, bucket, req)
    if mfa_delete == ENABLED and "lifecycle" in bucket.configured:
        raise errors.invalid_bucket_state("MFA delete cannot be enabled on a bucket with a lifecycle configuration.")
    ctx.put(replace(bucket, versioning=status, mfa_delete=mfa_delete))


@operation(on=bucket_arn)
def get_bucket_versioning(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    answer = {"Status": bucket.versioning} if bucket.versioning else {}
    return answer | ({"MFADelete": bucket.mfa_delete} if bucket.mfa_delete else {})


@dataclass(slots=True)
class Entry:
    """A version or delete marker in a listing."""

    key: str
    stored: Stored
    latest: bool


def entries(ctx: Context, bucket: Bucket, start: str) -> Iterator[Entry]:
    """All versions and delete markers from a key on: by key, newest first."""
    current: Iterator[Stored] = iter(ctx.where(Object, bucket=bucket.name).starting(start))
    older: Iterator[Stored] = iter(ctx.where(Version, bucket=bucket.name).starting(start))
    last: str | None = None
    for stored in heapq.merge(current, older, key=lambda it: (it.key, it.order)):
        yield Entry(stored.key, stored, stored.key != last)
        last = stored.key


def _first(ctx: Context, bucket: Bucket, prefix: str, key_marker: str, id_marker: str) -> Iterator[Entry]:
    """The versions that come after the markers."""
    if not key_marker:
        return entries(ctx, bucket, prefix)
    if not id_marker:
        return entries(ctx, bucket, max(prefix, key_marker + "\0"))
    return _past(entries(ctx, bucket, max(prefix, key_marker)), key_marker, "" if id_marker == NULL else id_marker)


def _past(entries: Iterator[Entry], key: str, version_id: str) -> Iterator[Entry]:
    waiting = True
    for entry in entries:
        if entry.key != key:
            yield entry
        elif waiting:
            waiting = entry.stored.version_id != version_id
        else:
            yield entry


@operation(on=bucket_arn)
def list_object_versions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    limit = min(read_limit(req), MOST_KEYS)
    prefix, delimiter = req.get("Prefix", ""), req.get("Delimiter", "")
    key_marker, id_marker = req.get("KeyMarker", ""), req.get("VersionIdMarker", "")
    if id_marker and not key_marker:
        raise errors.invalid_argument("A version-id marker cannot be specified without a key marker.", "version-id-marker", id_marker)
    first = _first(ctx, bucket, prefix, key_marker, id_marker)
    page = walk(first, lambda key: entries(ctx, bucket, key), prefix, delimiter, key_marker, limit)
    write, restores = encoder(req), read_optional(req)
    answer: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": write(prefix),
        "KeyMarker": write(key_marker),
        "VersionIdMarker": id_marker,
        "MaxKeys": limit,
        "IsTruncated": page.truncated,
        "Versions": [],
        "DeleteMarkers": [],
        "CommonPrefixes": [{"Prefix": write(text)} for text in page.prefixes],
    }
    for entry in page.items:
        about = {"VersionId": entry.stored.version_id or NULL, "IsLatest": entry.latest}
        if entry.stored.is_delete_marker:
            marker = {"Key": write(entry.key), **about, "LastModified": entry.stored.modified, "Owner": owner(bucket.account)}
            answer["DeleteMarkers"].append(marker)
        else:
            restore = restore_to_wire(ctx, entry.stored) if restores else {}
            answer["Versions"].append({**object_to_wire(bucket, entry.stored, write, with_owner=True), **about, **restore})
    if delimiter:
        answer["Delimiter"] = write(delimiter)
    if "EncodingType" in req:
        answer["EncodingType"] = req["EncodingType"]
    if page.truncated:
        answer["NextKeyMarker"] = write(page.last)
        if page.items and page.items[-1].key == page.last:
            answer["NextVersionIdMarker"] = page.items[-1].stored.version_id or NULL
    return answer
