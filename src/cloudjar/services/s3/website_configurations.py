"""What a bucket serves as a website. Source: PutBucketWebsite in the Amazon S3 API Reference."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import bucket_arn, find_bucket
from cloudjar.services.s3.configurations import absent, configuration, configure, unconfigure

KIND = "website"
MOST_RULES = 50


@operation(on=bucket_arn)
def put_bucket_website(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    wanted = req["WebsiteConfiguration"]
    if "RedirectAllRequestsTo" in wanted:
        if len(wanted) > 1:
            words = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            raise errors.invalid_argument(words, "RedirectAllRequestsTo", "not null")
        _check_protocol(wanted["RedirectAllRequestsTo"])
    else:
        if "IndexDocument" not in wanted:
            raise errors.invalid_argument("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
        suffix = wanted["IndexDocument"]["Suffix"]
        if not suffix or "/" in suffix:
            raise errors.invalid_argument("The IndexDocument Suffix is not well formed", "IndexDocument", suffix)
        if "ErrorDocument" in wanted and not wanted["ErrorDocument"]["Key"]:
            raise errors.invalid_argument("The ErrorDocument Key is not well formed", "ErrorDocument", "")
    rules = wanted.get("RoutingRules") or ()
    if len(rules) > MOST_RULES:
        raise errors.invalid_request(
            f"{len(rules)} routing rules provided, the number of routing rules in a website configuration is limited to 50."
        )
    for rule in rules:
        _check(rule)
    configure(ctx, bucket, KIND, wanted)


def _check(rule: dict[str, Any]) -> None:
    redirect, condition = rule["Redirect"], rule.get("Condition") or {}
    if not redirect:
        raise errors.malformed_xml()
    if "ReplaceKeyWith" in redirect and "ReplaceKeyPrefixWith" in redirect:
        raise errors.invalid_request("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
    _check_protocol(redirect)
    code = redirect.get("HttpRedirectCode")
    if code is not None and not (code.isdecimal() and 300 < int(code) < 400):
        words = f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
        raise errors.invalid_request(words)
    error = condition.get("HttpErrorCodeReturnedEquals")
    if error is not None and not (error.isdecimal() and 400 <= int(error) < 600):
        words = f"The provided HTTP error code ({error}) is not valid. Valid codes are 4XX or 5XX."
        raise errors.invalid_request(words)


def _check_protocol(redirect: dict[str, Any]) -> None:
    if redirect.get("Protocol", "http") not in ("http", "https"):
        words = "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."
        raise errors.invalid_request(words)


@operation(on=bucket_arn)
def get_bucket_website(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    found = configuration(ctx, bucket, KIND)
    if found is None:
        raise absent(bucket, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
    return found


@operation(on=bucket_arn)
def delete_bucket_website(ctx: Context, req: dict[str, Any]) -> None:
    unconfigure(ctx, find_bucket(ctx, req), KIND)
