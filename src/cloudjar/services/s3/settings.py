"""Settings of a bucket that are as every new bucket has them: what AWS answers when nobody has set anything.

To set them otherwise is refused with NotImplemented until there is something behind it; reading them, and removing what is not there,
is answered truthfully, because tools such as Terraform read all of them.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket

OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def _absent(bucket: Bucket, code: str, message: str) -> AwsError:
    return AwsError(code, message, status=404, members={"BucketName": bucket.name})


# What a new bucket does not have


@operation(on=bucket_arn)
def get_bucket_replication(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    raise _absent(find_bucket(ctx, req), "ReplicationConfigurationNotFoundError", "The replication configuration was not found")


@operation(on=bucket_arn)
def delete_bucket_replication(ctx: Context, req: dict[str, Any]) -> None:
    find_bucket(ctx, req)


@operation(on=bucket_arn)
def get_bucket_accelerate_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    find_bucket(ctx, req)
    return {}


@operation(on=bucket_arn)
def get_bucket_request_payment(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    find_bucket(ctx, req)
    return {"Payer": "BucketOwner"}
