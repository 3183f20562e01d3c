"""Who pays, and which road requests take: requester pays, and transfer acceleration."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import PAYMENT, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import configuration, configure, unconfigure

ACCELERATE = "accelerate"


@operation(on=bucket_arn)
def put_bucket_request_payment(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    payer = req["RequestPaymentConfiguration"]["Payer"]
    if payer not in ("Requester", "BucketOwner"):
        raise errors.malformed_xml()
    if payer == "Requester":
        configure(ctx, bucket, PAYMENT, {"Payer": payer})
    else:
        unconfigure(ctx, bucket, PAYMENT)


@operation(on=bucket_arn)
def get_bucket_request_payment(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return configuration(ctx, find_bucket(ctx, req), PAYMENT) or {"Payer": "BucketOwner"}


@operation(on=bucket_arn)
def put_bucket_accelerate_configuration(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    status = req["AccelerateConfiguration"].get("Status")
    if status not in ("Enabled", "Suspended"):
        raise errors.malformed_xml()
    if "." in bucket.name:
        raise errors.invalid_request("S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
    configure(ctx, bucket, ACCELERATE, {"Status": status})


@operation(on=bucket_arn)
def get_bucket_accelerate_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return configuration(ctx, find_bucket(ctx, req), ACCELERATE) or {}
