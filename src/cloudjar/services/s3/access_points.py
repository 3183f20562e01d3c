"""Access points as S3 meets them: who stands in a bucket's place, and what accounts and access points refuse to the public.

S3 Control, another endpoint of S3, makes and changes these records; it imports this module alone.
Source: "Managing access to shared datasets with access points" in the Amazon S3 User Guide.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context, partition_of
from cloudjar.kernel.records import Record, record

ALIAS_END = "-s3alias"
SERVED = frozenset(
    {
        "AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject", "DeleteObjects",
        "DeleteObjectTagging", "GetBucketAcl", "GetBucketCors", "GetBucketLocation", "GetBucketNotificationConfiguration",
        "GetBucketPolicy", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention",
        "GetObjectTagging", "HeadBucket", "HeadObject", "ListMultipartUploads", "ListObjects", "ListObjectsV2", "ListObjectVersions",
        "ListParts", "PutObject", "PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "RestoreObject",
        "UploadPart", "UploadPartCopy",
    }
)  # fmt: skip
"""Operations that access points take. Source: "Access point compatibility with S3 operations", S3 User Guide."""

_ARN = re.compile(r"arn:aws[a-z-]*:s3:([a-z0-9-]+):(\d{12}):accesspoint[/:]([a-z0-9-]+)(?:/.*)?", re.DOTALL)
_HOST = re.compile(r"([a-z0-9-]+)-(\d{12})")


@record("s3.access_point", key=("account", "region", "name"), scope="world", indexes={"alias": "alias", "bucket": "bucket"})
class AccessPoint(Record):
    """A name of its own for a bucket, with a policy of its own."""

    account: str
    region: str
    name: str
    alias: str
    bucket: str
    bucket_account: str
    created: datetime
    block_acls: bool = True
    ignore_acls: bool = True
    block_policy: bool = True
    restrict: bool = True
    policy: str = ""
    public: bool = False
    """Whether the policy lets in everybody."""

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:s3:{self.region}:{self.account}:accesspoint/{self.name}"


@record("s3.account_public_access", key="account", scope="world")
class AccountPublicAccess(Record):
    """What an account refuses to the public, for all of its buckets and access points."""

    account: str
    block_acls: bool = False
    ignore_acls: bool = False
    block_policy: bool = False
    restrict: bool = False


def of_account(ctx: Context, account: str) -> AccountPublicAccess:
    """An account's setting; nothing is refused where there is none."""
    return ctx.get(AccountPublicAccess, account) or AccountPublicAccess(account)


def may_be_one(name: str) -> bool:
    """Whether what stands in a bucket's place can be an access point: its ARN, its alias, or the first label of its host."""
    return name[:4] == "arn:" or name[-8:] == ALIAS_END or (name[-12:].isdecimal() and _HOST.fullmatch(name) is not None)


def find(ctx: Context, name: str) -> AccessPoint | None:
    """The access point that stands in a bucket's place."""
    match = _ARN.fullmatch(name)
    if match is not None:
        return ctx.get(AccessPoint, match[2], match[1], match[3])
    if name.endswith(ALIAS_END):
        return ctx.where(AccessPoint, alias=name).first()
    match = _HOST.fullmatch(name)
    return ctx.get(AccessPoint, match[2], ctx.region, match[1]) if match is not None else None


def asked_about(ctx: Context, name: str) -> tuple[str, str]:
    """The ARN of the bucket or access point of that name, and what an object's key comes after."""
    if may_be_one(name):
        point = find(ctx, name)
        if point is not None:
            return point.arn, f"{point.arn}/object/"
        if name[:4] == "arn:":
            return name, f"{name}/object/"
    return f"arn:{ctx.partition}:s3:::{name}", f"arn:{ctx.partition}:s3:::{name}/"


def is_arn(arn: str) -> bool:
    """Whether an ARN is an access point's or that of an object in one: unlike a bucket's, it has an account."""
    return arn.split(":", 5)[4] != "" if arn.count(":") >= 5 else False


def key_in(arn: str) -> str:
    """The key in an object's ARN, a bucket's or an access point's; "" for none."""
    return arn.split(":", 5)[-1].partition("/object/" if is_arn(arn) else "/")[2]


def condition_keys(point: AccessPoint) -> dict[str, Any]:
    """The keys that tell policies how a request came."""
    return {
        "s3:dataaccesspointarn": point.arn,
        "s3:dataaccesspointaccount": point.account,
        "s3:accesspointnetworkorigin": "Internet",
    }


def attached(ctx: Context, bucket: str) -> bool:
    """Whether a bucket has access points."""
    return ctx.where(AccessPoint, bucket=bucket).first() is not None
