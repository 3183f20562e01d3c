"""Bucket policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.s3 import public_access
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket


@record("s3.bucket_policy", key="bucket", scope="world")
class BucketPolicy(Record):
    """The policy of a bucket."""

    bucket: str
    bucket_created: datetime
    """Which bucket of that name: a policy goes with its bucket."""
    document: str
    public: bool = False


def policy_of(ctx: Context, bucket: Bucket) -> BucketPolicy | None:
    """A bucket's policy, if it has one."""
    found = ctx.get(BucketPolicy, bucket.name)
    return found if found is not None and found.bucket_created == bucket.created else None


def _no_policy(bucket: str) -> AwsError:
    return AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", status=404, members={"BucketName": bucket})


@operation(on=bucket_arn)
def put_bucket_policy(ctx: Context, req: dict[str, Any]) -> None:
    # Every call on a bucket reads its policy; few write one.
    from cloudjar.services.s3.policy_grammar import checked

    bucket = find_bucket(ctx, req)
    public = public_access.is_public(checked(req["Policy"], bucket))
    if public and public_access.effective(ctx, bucket).block_policy:
        words = (
            f"User: {ctx.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{bucket.arn}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.'
        )
        raise AwsError("AccessDenied", words, status=403)
    ctx.put(BucketPolicy(bucket.name, bucket.created, req["Policy"], public))


@operation(on=bucket_arn)
def get_bucket_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    found = policy_of(ctx, bucket)
    if found is None:
        raise _no_policy(bucket.name)
    return {"Policy": found.document}


@operation(on=bucket_arn)
def get_bucket_policy_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    found = policy_of(ctx, bucket)
    if found is None:
        raise _no_policy(bucket.name)
    return {"PolicyStatus": {"IsPublic": found.public}}


@operation(on=bucket_arn)
def delete_bucket_policy(ctx: Context, req: dict[str, Any]) -> None:
    found = policy_of(ctx, find_bucket(ctx, req))
    if found is not None:
        ctx.delete(found)
