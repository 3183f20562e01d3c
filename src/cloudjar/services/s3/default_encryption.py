"""A bucket's default encryption."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import bucket_arn, find_bucket
from cloudjar.services.s3.configurations import configuration, configure, unconfigure
from cloudjar.services.s3.encryption import KIND, KMS, check_algorithm

_NEW = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}


@operation(on=bucket_arn)
def get_bucket_encryption(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rule = configuration(ctx, find_bucket(ctx, req), KIND) or _NEW
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


@operation(on=bucket_arn)
def put_bucket_encryption(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    rules = req["ServerSideEncryptionConfiguration"]["Rules"]
    if len(rules) != 1:
        raise errors.malformed_xml()
    rule = rules[0]
    wanted = rule.get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    check_algorithm(wanted["SSEAlgorithm"], "PutBucketEncryption")
    if "KMSMasterKeyID" in wanted and wanted["SSEAlgorithm"] not in KMS:
        words = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        raise errors.invalid_argument(words, "ApplyServerSideEncryptionByDefault", wanted["KMSMasterKeyID"])
    kept = {"ApplyServerSideEncryptionByDefault": wanted, "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled"))}
    if "BlockedEncryptionTypes" in rule:
        kept["BlockedEncryptionTypes"] = rule["BlockedEncryptionTypes"]
    configure(ctx, bucket, KIND, kept)


@operation(on=bucket_arn)
def delete_bucket_encryption(ctx: Context, req: dict[str, Any]) -> None:
    unconfigure(ctx, find_bucket(ctx, req), KIND)
