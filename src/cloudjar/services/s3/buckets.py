"""Buckets: created, found, listed, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.s3 import access_points, errors, names

US_EAST_1 = "us-east-1"
ENFORCED = "BucketOwnerEnforced"
OWNERSHIPS = (ENFORCED, "BucketOwnerPreferred", "ObjectWriter")
PAYMENT = "payment"
"""The kind of configuration that a bucket has whose requesters pay."""
ABAC = "abac"
"""The kind of configuration that a bucket has whose tags access is judged by."""
EU = "EU"
"""The old name of eu-west-1, which CreateBucket still takes and GetBucketLocation still gives back."""


@record("s3.bucket", key="name", scope="world", indexes={"account": ("account", "name")})
class Bucket(Record):
    """A bucket and those of its settings that every request needs."""

    name: str
    account: str
    region: str
    created: datetime
    location: str = ""
    """The constraint as it was given, "" for us-east-1."""
    versioning: str = ""
    """ "" for never, else "Enabled" or "Suspended"."""
    ownership: str = "BucketOwnerEnforced"
    event_bridge: bool = False
    notifies: bool = False
    object_lock: bool = False
    configured: tuple[str, ...] = ()
    """The kinds of `Configuration` that the bucket has."""
    mfa_delete: str = ""
    """ "" for never set, else "Enabled" or "Disabled"."""
    reached_by: str = ""
    """The ARN of the access point that a request came through; never stored."""

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"


def bucket_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on a bucket."""
    name = req["Bucket"]
    if access_points.may_be_one(name):
        return access_points.asked_about(ctx, name)[0]
    return f"arn:{ctx.partition}:s3:::{name}"


def object_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on an object."""
    name = req["Bucket"]
    if access_points.may_be_one(name):
        return access_points.asked_about(ctx, name)[1] + str(req["Key"])
    return f"arn:{ctx.partition}:s3:::{name}/{req['Key']}"


def find_bucket(ctx: Context, req: dict[str, Any]) -> Bucket:
    """The bucket that a request names, as the caller may reach it: it is there, in this Region, and owned by whom the caller expects."""
    bucket = ctx.get(Bucket, req["Bucket"]) or _through_access_point(ctx, req["Bucket"])
    if bucket.region != ctx.region and ctx.principal.kind != "anonymous":
        raise errors.permanent_redirect(bucket.name, bucket.region)
    check_owner(bucket, req.get("ExpectedBucketOwner"))
    outside = PAYMENT in bucket.configured and ctx.principal.account != bucket.account and ctx.principal.kind != "service"
    # Who does not say that they pay, and the anonymous, who cannot, are turned away.
    if outside and (req.get("RequestPayer") != "requester" or ctx.principal.kind == "anonymous"):
        raise errors.access_denied()
    return bucket


def _through_access_point(ctx: Context, name: str) -> Bucket:
    """The bucket behind what no bucket is called; raises NoSuchBucket, NoSuchAccessPoint, InvalidBucketName, MethodNotAllowed."""
    bucket = reached(ctx, name)
    if bucket is None:
        if name[:4] == "arn:":
            raise errors.no_such_access_point(name)
        if not name.endswith(access_points.ALIAS_END):
            names.check_bucket_name(name)
        raise errors.no_such_bucket(name)
    if ctx.call_info.operation not in access_points.SERVED:
        raise errors.method_not_allowed(ctx.call_info.operation, "ACCESS_POINT")
    return bucket


def reached(ctx: Context, name: str) -> Bucket | None:
    """The bucket of that name, or the one behind the access point of that ARN, alias or host; None if there is none."""
    bucket = ctx.get(Bucket, name)
    if bucket is not None or not access_points.may_be_one(name):
        return bucket
    point = access_points.find(ctx, name)
    behind = ctx.get(Bucket, point.bucket) if point is not None else None
    if point is None or behind is None or behind.account != point.bucket_account:
        return None
    return replace(behind, reached_by=point.arn)


def charged(ctx: Context, bucket: Bucket) -> dict[str, str]:
    """The member that tells a requester who pays."""
    pays = PAYMENT in bucket.configured and ctx.principal.account != bucket.account
    return {"RequestCharged": "requester"} if pays else {}


def check_owner(bucket: Bucket, expected: str | None) -> None:
    """Raises AccessDenied when a caller expected another account's bucket."""
    if expected is not None and expected != bucket.account:
        raise errors.access_denied()


def owner(account: str) -> dict[str, str]:
    """An account as S3 shows it."""
    return {"ID": names.canonical_user(account)}


@operation(on=bucket_arn)
def create_bucket(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Bucket"]
    region, constraint = _placement(ctx, req.get("CreateBucketConfiguration") or {})
    names.check_new_bucket_name(name, req.get("BucketNamespace", "global"), ctx.account, region)
    ownership = req.get("ObjectOwnership", ENFORCED)
    if ownership not in OWNERSHIPS:
        raise errors.invalid_argument("Invalid x-amz-object-ownership header: " + ownership, "x-amz-object-ownership", ownership)
    grants = [member for member in req if member.startswith("Grant")]
    # What speaks of an object's bucket owner means nothing for a bucket: S3 ignores it.
    listed = req.get("ACL", "private") not in ("private", "bucket-owner-read", "bucket-owner-full-control") or bool(grants)
    if listed and ownership == ENFORCED:
        raise errors.acls_with_ownership()
    existing = ctx.get(Bucket, name)
    if existing is not None:
        if existing.account != ctx.account:
            raise errors.bucket_exists(name)
        # In us-east-1 alone, for old clients' sake, creating one's own bucket again succeeds.
        if existing.region != US_EAST_1 or region != US_EAST_1:
            raise errors.bucket_is_yours(name)
        return {"Location": f"/{name}", "BucketArn": existing.arn}
    bucket = ctx.put(Bucket(name, ctx.account, region, ctx.now, constraint, ownership=ownership))
    if req.get("ObjectLockEnabledForBucket"):
        # Locks are on versions, so versioning comes with them.
        bucket = ctx.put(replace(bucket, object_lock=True, versioning="Enabled"))
    if listed:
        from cloudjar.services.s3.acls import set_grants
        from cloudjar.services.s3.grants import wanted

        set_grants(ctx, bucket, wanted(req, bucket.account, bucket.account) or ())
    tags = (req.get("CreateBucketConfiguration") or {}).get("Tags")
    if tags:
        from cloudjar.services.s3.tagging import read_tags

        ctx.set_tags(bucket.arn, read_tags(tags, limit=50))
    location = f"/{name}" if region == US_EAST_1 else f"{ctx.call_info.url}/{name}/"
    return {"Location": location, "BucketArn": bucket.arn}


def _placement(ctx: Context, configuration: dict[str, Any]) -> tuple[str, str]:
    """The Region of a new bucket, and the constraint that asked for it."""
    for member in ("Location", "Bucket"):
        if configuration.get(member):
            raise not_implemented("s3", "CreateBucket", "directory buckets")
    constraint = configuration.get("LocationConstraint", "")
    wanted = "eu-west-1" if constraint == EU else constraint
    if ctx.region == US_EAST_1:
        # The global endpoint makes buckets anywhere, but has no constraint of its own.
        if wanted == US_EAST_1 or (wanted and not _looks_like_region(wanted)):
            raise errors.invalid_location(constraint)
        return wanted or US_EAST_1, constraint
    if not wanted:
        raise errors.illegal_location("unspecified")
    if wanted != ctx.region:
        raise errors.illegal_location(constraint)
    return wanted, constraint


def _looks_like_region(text: str) -> bool:
    area, _, number = text.rpartition("-")
    return number.isdecimal() and area.count("-") >= 1 and area.replace("-", "").isalpha()


@operation(on=bucket_arn)
def delete_bucket(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.s3.configurations import drop_configurations
    from cloudjar.services.s3.multipart import drop_uploads
    from cloudjar.services.s3.objects import Object, Version

    bucket = find_bucket(ctx, req)
    if access_points.attached(ctx, bucket.name):
        raise errors.access_points_attached(bucket.name)
    if ctx.where(Object, bucket=bucket.name).first() is not None:
        raise errors.bucket_not_empty(bucket.name)
    if ctx.where(Version, bucket=bucket.name).first() is not None:
        raise errors.versions_remain(bucket.name)
    drop_uploads(ctx, bucket.name)
    drop_configurations(ctx, bucket)
    ctx.set_tags(bucket.arn, {})
    ctx.delete(bucket)


@operation(on=bucket_arn)
def head_bucket(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    return {"BucketRegion": bucket.region, "AccessPointAlias": bool(bucket.reached_by), "BucketArn": bucket.arn}


@operation(on=bucket_arn)
def get_bucket_location(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = reached(ctx, req["Bucket"])
    if bucket is None:
        raise errors.no_such_bucket(req["Bucket"])
    check_owner(bucket, req.get("ExpectedBucketOwner"))
    return {"LocationConstraint": bucket.location or None}


@operation()
def list_buckets(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    prefix, region = req.get("Prefix", ""), req.get("BucketRegion")
    limit = req.get("MaxBuckets", 10_000)
    if not 1 <= limit <= 10_000:
        words = "Argument max-buckets must be an integer between 1 and 10000"
        raise errors.invalid_argument(words, "max-buckets", limit)
    rows = ctx.where(Bucket, account=ctx.account).starting(prefix)
    token = req.get("ContinuationToken")
    if token:
        rows = rows.starting(decode_token(token, errors.bad_token()).decode("utf-8", "replace") + "\0")
    found: list[Bucket] = []
    answer: dict[str, Any] = {"Owner": owner(ctx.account)}
    for bucket in rows:
        if not bucket.name.startswith(prefix):
            break
        if region is not None and bucket.region != region:
            continue
        if len(found) == limit:
            answer["ContinuationToken"] = encode_token(found[-1].name.encode())
            break
        found.append(bucket)
    # Without paging members the answer is S3's older one, without the buckets' Regions.
    detailed = any(member in req for member in ("MaxBuckets", "ContinuationToken", "Prefix", "BucketRegion"))
    answer["Buckets"] = [bucket_to_wire(bucket, detailed) for bucket in found]
    if prefix:
        answer["Prefix"] = prefix
    return answer


def bucket_to_wire(bucket: Bucket, detailed: bool) -> dict[str, Any]:
    wire: dict[str, Any] = {"Name": bucket.name, "CreationDate": bucket.created.replace(microsecond=0)}
    if detailed:
        wire["BucketRegion"] = bucket.region
    wire["BucketArn"] = bucket.arn
    return wire
