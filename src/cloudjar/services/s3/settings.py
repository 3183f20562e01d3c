"""Settings of a bucket that are as every new bucket has them: what AWS answers when nobody has set anything.

To set them otherwise is refused with NotImplemented until there is something behind it; reading them, and removing what is not there,
is answered truthfully, because tools such as Terraform read all of them.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket, object_arn, owner
from cloudjar.services.s3.objects import find_object

OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def _absent(bucket: Bucket, code: str, message: str) -> AwsError:
    return AwsError(code, message, status=404, members={"BucketName": bucket.name})


# Ownership and access control lists


@operation(on=bucket_arn)
def get_bucket_ownership_controls(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    if not bucket.ownership:
        raise _absent(bucket, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


@operation(on=bucket_arn)
def put_bucket_ownership_controls(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    rules = req["OwnershipControls"]["Rules"]
    if len(rules) != 1 or rules[0]["ObjectOwnership"] not in OWNERSHIPS:
        raise errors.malformed_xml()
    ctx.put(replace(bucket, ownership=rules[0]["ObjectOwnership"]))


@operation(on=bucket_arn)
def delete_bucket_ownership_controls(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(find_bucket(ctx, req), ownership=""))


def _full_control(bucket: Bucket) -> dict[str, Any]:
    grantee = {"Type": "CanonicalUser", **owner(bucket.account)}
    return {"Owner": owner(bucket.account), "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


@operation(on=bucket_arn)
def get_bucket_acl(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _full_control(find_bucket(ctx, req))


@operation(on=object_arn)
def get_object_acl(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    find_object(ctx, bucket, req["Key"], req.get("VersionId"))
    return _full_control(bucket)


@operation(on=bucket_arn)
def put_bucket_acl(ctx: Context, req: dict[str, Any]) -> None:
    _refuse_acl(find_bucket(ctx, req), "PutBucketAcl")


@operation(on=object_arn)
def put_object_acl(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    find_object(ctx, bucket, req["Key"], req.get("VersionId"), "PUT")
    if req.get("ACL") != "bucket-owner-full-control":
        _refuse_acl(bucket, "PutObjectAcl")
    return {}


def _refuse_acl(bucket: Bucket, operation_name: str) -> None:
    if bucket.ownership == "BucketOwnerEnforced":
        raise errors.acls_disabled()
    raise not_implemented("s3", operation_name, "access control lists")


# What a new bucket does not have


@operation(on=bucket_arn)
def get_bucket_lifecycle_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    raise _absent(find_bucket(ctx, req), "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")


@operation(on=bucket_arn)
def delete_bucket_lifecycle(ctx: Context, req: dict[str, Any]) -> None:
    find_bucket(ctx, req)


@operation(on=bucket_arn)
def get_bucket_replication(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    raise _absent(find_bucket(ctx, req), "ReplicationConfigurationNotFoundError", "The replication configuration was not found")


@operation(on=bucket_arn)
def delete_bucket_replication(ctx: Context, req: dict[str, Any]) -> None:
    find_bucket(ctx, req)


@operation(on=bucket_arn)
def get_object_lock_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    words = "Object Lock configuration does not exist for this bucket"
    raise _absent(find_bucket(ctx, req), "ObjectLockConfigurationNotFoundError", words)


@operation(on=bucket_arn)
def get_bucket_accelerate_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    find_bucket(ctx, req)
    return {}


@operation(on=bucket_arn)
def get_bucket_request_payment(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    find_bucket(ctx, req)
    return {"Payer": "BucketOwner"}
