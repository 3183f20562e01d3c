"""Access control lists of buckets and objects, which BucketOwnerEnforced, the default, turns off."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors, public_access
from cloudjar.services.s3.buckets import ENFORCED, OWNERSHIPS, Bucket, bucket_arn, find_bucket, object_arn
from cloudjar.services.s3.configurations import absent, configuration, configure
from cloudjar.services.s3.grants import HEADERS, Grant, from_document, is_public, to_wire, wanted
from cloudjar.services.s3.objects import Stored, find_object

KIND = "acl"


def grants_of(ctx: Context, bucket: Bucket) -> tuple[Grant, ...]:
    """A bucket's list; () for the owner's full control alone."""
    found = configuration(ctx, bucket, KIND) if bucket.ownership != ENFORCED else None
    return tuple((kind, value, permission) for kind, value, permission in found["Grants"]) if found else ()


def set_grants(ctx: Context, bucket: Bucket, grants: tuple[Grant, ...]) -> None:
    """Replaces a bucket's list; raises AccessDenied for a public one that is blocked."""
    _check_public(ctx, bucket, grants)
    configure(ctx, bucket, KIND, {"Grants": grants})


def _check_public(ctx: Context, bucket: Bucket, grants: tuple[Grant, ...]) -> None:
    if is_public(grants) and public_access.effective(ctx, bucket).block_acls:
        words = (
            f"User: {ctx.principal.arn} is not authorized to perform: s3:{ctx.call_info.operation} on resource: "
            f'"{bucket.arn}" because public access control lists (ACLs) are blocked by the '
            "BlockPublicAcls setting in S3 Block Public Access."
        )
        raise AwsError("AccessDenied", words, status=403)


def read_grants(ctx: Context, bucket: Bucket, req: dict[str, Any]) -> tuple[str, tuple[Grant, ...]]:
    """(owner's account, list) of a new object."""
    if bucket.ownership == ENFORCED:
        if not HEADERS.keys().isdisjoint(req) or req.get("ACL", "bucket-owner-full-control") != "bucket-owner-full-control":
            raise errors.acls_disabled()
        return bucket.account, ()
    account = ctx.account
    if bucket.ownership == "BucketOwnerPreferred" and req.get("ACL") == "bucket-owner-full-control":
        account = bucket.account
    grants = wanted(req, account, bucket.account) or ()
    _check_public(ctx, bucket, grants)
    return account, grants


@operation(on=bucket_arn)
def get_bucket_acl(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    return to_wire(grants_of(ctx, bucket), bucket.account)


@operation(on=bucket_arn)
def put_bucket_acl(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    grants = _asked(req, bucket.account, bucket)
    if bucket.ownership == ENFORCED:
        raise errors.acls_disabled()
    set_grants(ctx, bucket, grants)


@operation(on=object_arn)
def get_object_acl(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"))
    if bucket.ownership == ENFORCED:
        return to_wire((), bucket.account)
    return to_wire(stored.grants, owner_of(bucket, stored))


@operation(on=object_arn)
def put_object_acl(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3.events import notify

    bucket = find_bucket(ctx, req)
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"), "PUT")
    if bucket.ownership == ENFORCED:
        if req.get("ACL") != "bucket-owner-full-control":
            raise errors.acls_disabled()
        return {}
    grants = _asked(req, owner_of(bucket, stored), bucket)
    _check_public(ctx, bucket, grants)
    notify(ctx, bucket, "ObjectAcl:Put", ctx.put(replace(stored, grants=grants)))
    return {}


def owner_of(bucket: Bucket, stored: Stored) -> str:
    """The account that owns an object."""
    return bucket.account if bucket.ownership == ENFORCED else stored.account or bucket.account


def _asked(req: dict[str, Any], owner: str, bucket: Bucket) -> tuple[Grant, ...]:
    document = req.get("AccessControlPolicy")
    grants = wanted(req, owner, bucket.account)
    if document and grants is not None:
        words = "This request does not support content"
        raise AwsError("UnexpectedContent", words, status=400)
    if document:
        return from_document(document, owner)
    if grants is None:
        words = "Your request was missing a required header"
        raise AwsError("MissingSecurityHeader", words, status=400, members={"MissingHeaderName": "x-amz-acl"})
    return grants


@operation(on=bucket_arn)
def get_bucket_ownership_controls(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    if not bucket.ownership:
        raise absent(bucket, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


@operation(on=bucket_arn)
def put_bucket_ownership_controls(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    rules = req["OwnershipControls"]["Rules"]
    if len(rules) != 1 or rules[0]["ObjectOwnership"] not in OWNERSHIPS:
        raise errors.malformed_xml()
    ownership = rules[0]["ObjectOwnership"]
    if ownership == ENFORCED and len(grants_of(ctx, bucket)) > 1:
        raise errors.acls_with_ownership()
    ctx.put(replace(bucket, ownership=ownership))


@operation(on=bucket_arn)
def delete_bucket_ownership_controls(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(find_bucket(ctx, req), ownership=""))
