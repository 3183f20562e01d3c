"""Access points: created, described, listed, deleted. How S3 serves them is in services/s3/access_points.

Source: "Managing access to shared datasets with access points" in the Amazon S3 User Guide.
"""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.s3.access_points import ALIAS_END, AccessPoint
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3control import errors
from cloudjar.services.s3control.accounts import check_account
from cloudjar.services.s3control.tags import checked

MOST = 10_000
"""Access points of an account in a Region."""
PAGE = 1000

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_RESERVED_ENDS = (ALIAS_END, "--ol-s3", "--xa-s3", ".mrap")


def point_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on an access point."""
    return ctx.arn("s3", f"accesspoint/{_name(req)}", account=req["AccountId"])


def find_point(ctx: Context, req: dict[str, Any]) -> AccessPoint:
    """The access point that a request names; raises NoSuchAccessPoint."""
    account, name = check_account(ctx, req), _name(req)
    found = ctx.get(AccessPoint, account, ctx.region, name)
    if found is None:
        raise errors.no_such_access_point(name)
    return found


def _name(req: dict[str, Any]) -> str:
    """The name; SDKs take an ARN in its place."""
    return str(req["Name"]).rpartition("accesspoint/")[2]


@operation(on=point_arn)
def create_access_point(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    account, name = check_account(ctx, req), req["Name"]
    if not _NAME.fullmatch(name) or name.endswith(_RESERVED_ENDS):
        raise errors.invalid_request("Your Amazon S3 AccessPoint name is invalid")
    if "VpcConfiguration" in req:
        raise not_implemented("s3control", "CreateAccessPoint", "access points for a VPC alone")
    if "Scope" in req:
        raise not_implemented("s3control", "CreateAccessPoint", "scopes, which only directory buckets have")
    bucket = ctx.get(Bucket, req["Bucket"])
    owner = req.get("BucketAccountId", account)
    if bucket is None or bucket.account != owner:
        raise errors.invalid_request("Amazon S3 AccessPoint can only be created for existing bucket")
    if bucket.region != ctx.region:
        raise errors.invalid_request("Amazon S3 AccessPoint can only be created for a bucket in the same Region")
    if ctx.get(AccessPoint, account, ctx.region, name) is not None:
        raise errors.exists(name)
    if ctx.where(AccessPoint, account=account, region=ctx.region).count() >= MOST:
        raise errors.too_many()
    wanted = req.get("PublicAccessBlockConfiguration")
    tags = checked({}, req.get("Tags") or [])
    point = ctx.put(
        AccessPoint(
            account=account,
            region=ctx.region,
            name=name,
            alias=f"{name[:20].rstrip('-')}-{ctx.ids.text(_LETTERS, 34)}{ALIAS_END}",
            bucket=bucket.name,
            bucket_account=owner,
            created=ctx.now,
            block_acls=_blocks(wanted, "BlockPublicAcls"),
            ignore_acls=_blocks(wanted, "IgnorePublicAcls"),
            block_policy=_blocks(wanted, "BlockPublicPolicy"),
            restrict=_blocks(wanted, "RestrictPublicBuckets"),
        )
    )
    ctx.set_tags(point.arn, tags)
    return {"AccessPointArn": point.arn, "Alias": point.alias}


def _blocks(wanted: dict[str, Any] | None, member: str) -> bool:
    """A new access point blocks everything, unless its configuration says otherwise: then what it leaves out is off."""
    return True if wanted is None else bool(wanted.get(member, False))


@operation(on=point_arn)
def get_access_point(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    point = find_point(ctx, req)
    host = f"{point.region}.amazonaws.com"
    return {
        **point_to_wire(point),
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": point.block_acls,
            "IgnorePublicAcls": point.ignore_acls,
            "BlockPublicPolicy": point.block_policy,
            "RestrictPublicBuckets": point.restrict,
        },
        "CreationDate": point.created,
        "Endpoints": {
            "ipv4": f"s3-accesspoint.{host}",
            "dualstack": f"s3-accesspoint.dualstack.{host}",
            "fips": f"s3-accesspoint-fips.{host}",
            "fips_dualstack": f"s3-accesspoint-fips.dualstack.{host}",
        },
    }


def point_to_wire(point: AccessPoint) -> dict[str, Any]:
    return {
        "Name": point.name,
        "NetworkOrigin": "Internet",
        "Bucket": point.bucket,
        "AccessPointArn": point.arn,
        "Alias": point.alias,
        "BucketAccountId": point.bucket_account,
    }


@operation(on=point_arn)
def delete_access_point(ctx: Context, req: dict[str, Any]) -> None:
    point = find_point(ctx, req)
    ctx.set_tags(point.arn, {})
    ctx.delete(point)


@operation()
def list_access_points(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    account = check_account(ctx, req)
    if "DataSourceId" in req or "DataSourceType" in req:
        raise not_implemented("s3control", "ListAccessPoints", "data sources other than buckets")
    rows = ctx.where(AccessPoint, account=account, region=ctx.region)
    if "Bucket" in req:
        rows = rows.filtered(lambda point: point.bucket == req["Bucket"])
    if "NextToken" in req:
        rows = rows.starting(decode_token(req["NextToken"], errors.invalid_token()).decode("utf-8", "replace") + "\0")
    limit = req.get("MaxResults") or PAGE
    shown: list[AccessPoint] = []
    answer: dict[str, Any] = {}
    for point in rows:
        if len(shown) == limit:
            answer["NextToken"] = encode_token(shown[-1].name.encode())
            break
        shown.append(point)
    return {**answer, "AccessPointList": [point_to_wire(point) for point in shown]}
