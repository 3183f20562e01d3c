"""Block Public Access of buckets. Source: "Blocking public access to your Amazon S3 storage", S3 User Guide."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.s3.access_points import of_account
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket

if TYPE_CHECKING:
    from cloudjar.identity.policy import PolicyDocument, Statement

_NARROWING = frozenset(
    {
        "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:sourceip", "aws:principalorgid",
        "aws:principalorgpaths", "aws:userid", "aws:principalarn", "aws:principalaccount", "aws:vpcsourceip", "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)  # fmt: skip
"""Keys that, held to fixed values, make a statement for everybody one for a few."""


@record("s3.public_access", key="bucket", scope="world")
class PublicAccess(Record):
    """What a bucket refuses to the public. A bucket without this record has the default of new ones: it refuses all."""

    bucket: str
    bucket_created: datetime
    """Which bucket of that name."""
    block_acls: bool = True
    ignore_acls: bool = True
    block_policy: bool = True
    restrict: bool = True
    configured: bool = True
    """False after DeletePublicAccessBlock: everything is open, and there is nothing to get."""


def of(ctx: Context, bucket: Bucket) -> PublicAccess:
    """A bucket's setting."""
    found = ctx.get(PublicAccess, bucket.name)
    return found if found is not None and found.bucket_created == bucket.created else PublicAccess(bucket.name, bucket.created)


def effective(ctx: Context, bucket: Bucket) -> PublicAccess:
    """What is refused at a bucket: what it refuses itself, and what its account does."""
    own, account = of(ctx, bucket), of_account(ctx, bucket.account)
    return replace(
        own,
        block_acls=own.block_acls or account.block_acls,
        ignore_acls=own.ignore_acls or account.ignore_acls,
        block_policy=own.block_policy or account.block_policy,
        restrict=own.restrict or account.restrict,
    )


def is_public(document: PolicyDocument) -> bool:
    """Whether a policy lets in everybody."""
    return any(statement.allow and _for_everybody(statement) for statement in document.statements)


def _for_everybody(statement: Statement) -> bool:
    named = statement.not_principals is not None or any(value == "*" for _, value in statement.principals or ())
    narrowed = any(
        condition.key.lower() in _NARROWING and not any("*" in value or value.endswith("/0") for value in condition.values)
        for condition in statement.conditions
    )
    return named and not narrowed


@operation(on=bucket_arn)
def put_public_access_block(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    wanted = req["PublicAccessBlockConfiguration"]
    ctx.put(
        PublicAccess(
            bucket.name,
            bucket.created,
            wanted.get("BlockPublicAcls", False),
            wanted.get("IgnorePublicAcls", False),
            wanted.get("BlockPublicPolicy", False),
            wanted.get("RestrictPublicBuckets", False),
        )
    )


@operation(on=bucket_arn)
def get_public_access_block(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = of(ctx, find_bucket(ctx, req))
    if not found.configured:
        words = "The public access block configuration was not found"
        raise AwsError("NoSuchPublicAccessBlockConfiguration", words, status=404, members={"BucketName": found.bucket})
    return {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": found.block_acls,
            "IgnorePublicAcls": found.ignore_acls,
            "BlockPublicPolicy": found.block_policy,
            "RestrictPublicBuckets": found.restrict,
        }
    }


@operation(on=bucket_arn)
def delete_public_access_block(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    ctx.put(PublicAccess(bucket.name, bucket.created, False, False, False, False, configured=False))
