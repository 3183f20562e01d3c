"""What the judge asks of S3: who owns a bucket, which its ARN does not say, and what its policy is."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.services.s3 import errors, public_access
from cloudjar.services.s3.bucket_policies import policy_of
from cloudjar.services.s3.buckets import Bucket

_POLICY_OPERATIONS = frozenset({"PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"})


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The owner and policy of the bucket in an ARN; NoSuchBucket where there is none, which S3 tells everybody."""
    name = arn.split(":", 5)[-1].partition("/")[0]
    bucket = ctx.get(Bucket, name)
    if bucket is None:
        if ctx.call_info.service == "s3" and ctx.call_info.operation != "CreateBucket":
            raise errors.no_such_bucket(name)
        return None
    if ctx.call_info.operation == "CreateBucket":
        # Whose name it is already, the operation says.
        return None
    found = policy_of(ctx, bucket)
    # The root user of a bucket's account can always mend a policy that locks everybody out.
    rescue = ctx.principal.kind == "root" and ctx.principal.account == bucket.account and ctx.call_info.operation in _POLICY_OPERATIONS
    if found is None or rescue:
        return ResourcePolicy(bucket.account)
    document: str | None = found.document
    outside = ctx.principal.account != bucket.account and ctx.principal.kind != "service"
    if found.public and outside and public_access.of(ctx, bucket).restrict:
        document = _denials_only(found.document)
    return ResourcePolicy(bucket.account, document, arn)


def _denials_only(document: str) -> str | None:
    """A public policy as it holds for others than the bucket's account while RestrictPublicBuckets is on."""
    read: dict[str, Any] = json.loads(document)
    statements = read["Statement"] if isinstance(read["Statement"], list) else [read["Statement"]]
    left = [statement for statement in statements if statement["Effect"] == "Deny"]
    return json.dumps({**read, "Statement": left}) if left else None
