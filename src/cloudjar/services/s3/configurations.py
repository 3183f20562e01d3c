"""A bucket's configurations, as they were put: what most of S3's bucket settings are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.s3.buckets import Bucket


@record("s3.configuration", key=("bucket", "kind", "id"), scope="world", indexes={"kind": ("kind", "bucket", "id")})
class Configuration(Record):
    """One configuration of one kind ("cors"); an id where a bucket may have several of a kind."""

    bucket: str
    kind: str
    id: str
    bucket_created: datetime
    """Which bucket of that name: a configuration goes with its bucket."""
    value: dict[str, Any]
    """In AWS's spelling, as the answer to a Get has it."""


def configuration(ctx: Context, bucket: Bucket, kind: str, identifier: str = "") -> dict[str, Any] | None:
    """What is configured, or None. Costs nothing for a bucket that has none of the kind."""
    if kind not in bucket.configured:
        return None
    found = ctx.get(Configuration, bucket.name, kind, identifier)
    return found.value if found is not None and found.bucket_created == bucket.created else None


def configurations(ctx: Context, bucket: Bucket, kind: str) -> list[Configuration]:
    """All of one kind, by id."""
    if kind not in bucket.configured:
        return []
    return [found for found in ctx.where(Configuration, bucket=bucket.name, kind=kind) if found.bucket_created == bucket.created]


def configure(ctx: Context, bucket: Bucket, kind: str, value: dict[str, Any], identifier: str = "") -> Bucket:
    """Puts a configuration in place of the one before; gives the bucket as it is now."""
    ctx.put(Configuration(bucket.name, kind, identifier, bucket.created, value))
    if kind in bucket.configured:
        return bucket
    return ctx.put(replace(bucket, configured=(*bucket.configured, kind)))


def unconfigure(ctx: Context, bucket: Bucket, kind: str, identifier: str = "") -> bool:
    """Removes a configuration; says whether there was one."""
    if kind not in bucket.configured:
        return False
    found = ctx.get(Configuration, bucket.name, kind, identifier)
    if found is not None:
        ctx.delete(found)
    if ctx.where(Configuration, bucket=bucket.name, kind=kind).first() is None:
        ctx.put(replace(bucket, configured=tuple(name for name in bucket.configured if name != kind)))
    return found is not None


def drop_configurations(ctx: Context, bucket: Bucket) -> None:
    """Forgets all of a bucket's configurations."""
    for found in list(ctx.where(Configuration, bucket=bucket.name)):
        ctx.delete(found)


def absent(bucket: Bucket, code: str, message: str) -> AwsError:
    """The error of a Get for what was never put."""
    return AwsError(code, message, status=404, members={"BucketName": bucket.name})
