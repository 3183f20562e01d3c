"""Bucket policies."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from cloudjar.identity.policy import PolicyDocument, PolicyProblem, parse
from cloudjar.identity.service_reference import find_action, known_actions
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.s3 import public_access
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket

LARGEST = 20 * 1024
"""Bytes of a bucket policy."""
_EVERYTHING = frozenset({"bucket", "object"})


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


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message, status=400)


def _no_policy(bucket: str) -> AwsError:
    return AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", status=404, members={"BucketName": bucket})


def _check(text: str, bucket: Bucket) -> PolicyDocument:
    if len(text.encode()) > LARGEST:
        raise _malformed("Policies must be no larger than 20 KB")
    try:
        document = parse(text, "resource")
    except PolicyProblem as problem:
        raise _malformed(problem.message) from None
    for statement in document.statements:
        for arn in statement.resources or statement.not_resources or ():
            name = arn.split(":", 5)[-1].partition("/")[0]
            # A pattern in place of the name can stand for no bucket but this one.
            if arn != "*" and ":s3:" in arn and name != bucket.name and "*" not in name and "?" not in name and "$" not in name:
                raise _malformed("Policy has invalid resource")
        for action in statement.actions or statement.not_actions or ():
            kinds = _kinds(action.lower())
            if not kinds:
                raise _malformed("Policy has invalid action")
            if statement.actions and statement.resources and not any(_may_be(arn) & kinds for arn in statement.resources):
                raise _malformed("Action does not apply to any resource(s) in statement")
    return document


@lru_cache(maxsize=256)
def _kinds(pattern: str) -> frozenset[str]:
    """What the actions of that pattern are about: "bucket", "object" or both; nothing if S3 has no such actions."""
    if pattern == "*" or pattern.startswith("s3-"):
        return _EVERYTHING
    prefix, _, name = pattern.partition(":")
    if prefix != "s3":
        return frozenset()
    found = [find_action(f"s3:{known}") for known in known_actions("s3") if fnmatchcase(known.lower(), name.replace("[", "[[]"))]
    # What has no resource of S3's own in the reference is asked about anywhere.
    kinds = [{resource.name for resource in spec.resources} & _EVERYTHING or _EVERYTHING for spec in found if spec is not None]
    return frozenset().union(*kinds)


def _may_be(arn: str) -> frozenset[str]:
    """Whether an ARN or pattern can be a bucket's, an object's, or either's."""
    name, slash, _ = arn.split(":", 5)[-1].partition("/")
    if slash and "*" not in name:
        return frozenset({"object"})
    return _EVERYTHING if "*" in arn or "$" in arn else frozenset({"bucket"})


@operation(on=bucket_arn)
def put_bucket_policy(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    public = public_access.is_public(_check(req["Policy"], bucket))
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
