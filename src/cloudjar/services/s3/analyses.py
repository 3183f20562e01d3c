"""Metrics configurations, which request_metrics.py acts on, and analytics, whose effect at AWS no client of S3 sees."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import bucket_arn, find_bucket
from cloudjar.services.s3.configurations import configuration, configurations, configure, unconfigure
from cloudjar.services.s3.request_metrics import changed

PAGE = 100
MOST = 1000


def put_numbered(ctx: Context, req: dict[str, Any], kind: str, value: dict[str, Any]) -> None:
    """Puts one of a bucket's configurations of a kind, which the path and the body name alike."""
    bucket = find_bucket(ctx, req)
    if value.get("Id") != req["Id"]:
        raise errors.invalid_argument("Id in the request and in the configuration must be the same", "Id", req["Id"])
    known = configurations(ctx, bucket, kind)
    if len(known) >= MOST and all(found.id != req["Id"] for found in known):
        raise AwsError(
            "TooManyConfigurations", "You are attempting to create a new configuration but have already reached the limit.", status=400
        )
    configure(ctx, bucket, kind, value, req["Id"])


def get_numbered(ctx: Context, req: dict[str, Any], kind: str, member: str) -> dict[str, Any]:
    found = configuration(ctx, find_bucket(ctx, req), kind, req["Id"])
    if found is None:
        raise _no_such()
    return {member: found}


def delete_numbered(ctx: Context, req: dict[str, Any], kind: str) -> None:
    if not unconfigure(ctx, find_bucket(ctx, req), kind, req["Id"]):
        raise _no_such()


def list_numbered(ctx: Context, req: dict[str, Any], kind: str, member: str) -> dict[str, Any]:
    token = req.get("ContinuationToken")
    after = decode_token(token, errors.bad_token()).decode("utf-8", "replace") if token else ""
    found = [item for item in configurations(ctx, find_bucket(ctx, req), kind) if item.id > after]
    answer: dict[str, Any] = {"IsTruncated": len(found) > PAGE}
    if found:
        answer[member] = [item.value for item in found[:PAGE]]
    if token:
        answer["ContinuationToken"] = token
    if len(found) > PAGE:
        answer["NextContinuationToken"] = encode_token(found[PAGE - 1].id.encode())
    return answer


def _no_such() -> AwsError:
    return AwsError("NoSuchConfiguration", "The specified configuration does not exist.", status=404)


@operation(on=bucket_arn)
def put_bucket_metrics_configuration(ctx: Context, req: dict[str, Any]) -> None:
    put_numbered(ctx, req, "metrics", req["MetricsConfiguration"])
    changed(ctx)


@operation(on=bucket_arn)
def get_bucket_metrics_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return get_numbered(ctx, req, "metrics", "MetricsConfiguration")


@operation(on=bucket_arn)
def delete_bucket_metrics_configuration(ctx: Context, req: dict[str, Any]) -> None:
    delete_numbered(ctx, req, "metrics")
    changed(ctx)


@operation(on=bucket_arn)
def list_bucket_metrics_configurations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return list_numbered(ctx, req, "metrics", "MetricsConfigurationList")


@operation(on=bucket_arn)
def put_bucket_analytics_configuration(ctx: Context, req: dict[str, Any]) -> None:
    if "DataExport" in req["AnalyticsConfiguration"]["StorageClassAnalysis"]:
        raise not_implemented("s3", "PutBucketAnalyticsConfiguration", "exports")
    put_numbered(ctx, req, "analytics", req["AnalyticsConfiguration"])


@operation(on=bucket_arn)
def get_bucket_analytics_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return get_numbered(ctx, req, "analytics", "AnalyticsConfiguration")


@operation(on=bucket_arn)
def delete_bucket_analytics_configuration(ctx: Context, req: dict[str, Any]) -> None:
    delete_numbered(ctx, req, "analytics")


@operation(on=bucket_arn)
def list_bucket_analytics_configurations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return list_numbered(ctx, req, "analytics", "AnalyticsConfigurationList")
