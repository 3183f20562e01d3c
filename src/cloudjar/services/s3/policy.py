"""What the judge asks of S3: who owns a bucket, which its ARN does not say, and what its policy is."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.s3 import access_points, errors, public_access
from cloudjar.services.s3.acls import grants_of, owner_of
from cloudjar.services.s3.bucket_policies import policy_of
from cloudjar.services.s3.buckets import ENFORCED, Bucket
from cloudjar.services.s3.condition_keys import condition_keys, resource_tags
from cloudjar.services.s3.grants import USER, statements
from cloudjar.services.s3.names import canonical_user
from cloudjar.services.s3.objects import Object

__all__ = ["condition_keys", "resource_policy", "resource_tags"]

_UPLOADS = frozenset({"PutObject", "CopyObject", "CreateMultipartUpload"})
_POLICY_OPERATIONS = frozenset({"PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"})


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The owner and policy of the bucket in an ARN; NoSuchBucket where there is none, which S3 tells everybody."""
    if access_points.is_arn(arn):
        return _of_access_point(ctx, arn)
    name = arn.split(":", 5)[-1].partition("/")[0]
    bucket = ctx.get(Bucket, name)
    if bucket is None:
        if ctx.call_info.service == "s3" and ctx.call_info.operation != "CreateBucket":
            raise errors.no_such_bucket(name)
        return None
    if ctx.call_info.operation == "CreateBucket":
        # Whose name it is already, the operation says.
        return None
    return _of_bucket(ctx, bucket, arn)


def _of_access_point(ctx: Context, arn: str) -> ResourcePolicy | None:
    """An access point's policy, and beneath it the bucket's, which must let a request in as well."""
    point = access_points.find(ctx, arn)
    bucket = ctx.get(Bucket, point.bucket) if point is not None else None
    if point is None or bucket is None or bucket.account != point.bucket_account:
        raise errors.no_such_access_point(arn.partition("/object/")[0])
    document: str | None = point.policy or None
    outside = ctx.principal.account != point.account and ctx.principal.kind != "service"
    if document and point.public and outside and (point.restrict or access_points.of_account(ctx, point.account).restrict):
        document = _denials_only(document)
    key = access_points.key_in(arn)
    behind = f"{bucket.arn}/{key}" if key else bucket.arn
    return ResourcePolicy(point.account, document, point.arn, beneath=(behind, _of_bucket(ctx, bucket, behind)))


def _of_bucket(ctx: Context, bucket: Bucket, arn: str) -> ResourcePolicy:
    """A bucket's policy, as it is for this caller."""
    found = policy_of(ctx, bucket)
    granted = _granted(ctx, bucket, arn) if bucket.ownership != ENFORCED else []
    # The root user of a bucket's account can always mend a policy that locks everybody out.
    rescue = ctx.principal.kind == "root" and ctx.principal.account == bucket.account and ctx.call_info.operation in _POLICY_OPERATIONS
    if found is None or rescue:
        return ResourcePolicy(bucket.account, _with(None, granted), arn)
    document: str | None = found.document
    outside = ctx.principal.account != bucket.account and ctx.principal.kind != "service"
    if found.public and outside and public_access.effective(ctx, bucket).restrict:
        document = _denials_only(found.document)
    return ResourcePolicy(bucket.account, _with(document, granted), arn)


def _granted(ctx: Context, bucket: Bucket, arn: str) -> list[dict[str, Any]]:
    """What access control lists give to a caller from outside, as statements."""
    who = ctx.principal
    if who.account == bucket.account or who.kind == "service":
        return []
    ignore = public_access.effective(ctx, bucket).ignore_acls
    found = statements(grants_of(ctx, bucket), who, of_object=False, ignore_public=ignore)
    key = arn.split(":", 5)[-1].partition("/")[2]
    stored = ctx.get(Object, bucket.name, key) if key else None
    if stored is not None:
        grants = stored.grants or ((USER, canonical_user(owner_of(bucket, stored)), "FULL_CONTROL"),)
        found += statements(grants, who, of_object=True, ignore_public=ignore)
    if ctx.call_info.operation in _UPLOADS:
        # Who may write a bucket may say what the new object's list is.
        for statement in found:
            if "s3:PutObject" in statement["Action"]:
                statement["Action"] = [*statement["Action"], "s3:PutObjectAcl"]
    return found


def _with(document: str | None, more: list[dict[str, Any]]) -> str | None:
    """A policy with further statements."""
    if not more:
        return document
    read: dict[str, Any] = json.loads(document) if document else {"Version": "2012-10-17", "Statement": []}
    given = read["Statement"] if isinstance(read["Statement"], list) else [read["Statement"]]
    return json.dumps({**read, "Statement": given + more})


def _denials_only(document: str) -> str | None:
    """A public policy as it holds for others than the bucket's account while RestrictPublicBuckets is on."""
    read: dict[str, Any] = json.loads(document)
    statements = read["Statement"] if isinstance(read["Statement"], list) else [read["Statement"]]
    left = [statement for statement in statements if statement["Effect"] == "Deny"]
    return json.dumps({**read, "Statement": left}) if left else None
