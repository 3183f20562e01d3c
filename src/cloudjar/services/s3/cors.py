"""Cross-origin resource sharing. Source: "Using cross-origin resource sharing (CORS)" in the Amazon S3 User Guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import absent, configuration, configure, unconfigure

KIND = "cors"
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
MOST_RULES = 100


@operation(on=bucket_arn)
def put_bucket_cors(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    rules = req["CORSConfiguration"]["CORSRules"]
    if not 1 <= len(rules) <= MOST_RULES:
        raise errors.malformed_xml()
    for rule in rules:
        _check(rule)
    configure(ctx, bucket, KIND, {"CORSRules": rules})


def _check(rule: dict[str, Any]) -> None:
    for method in rule["AllowedMethods"]:
        if method not in METHODS:
            raise errors.invalid_request(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for member, name in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
        for value in rule.get(member) or ():
            if value.count("*") > 1:
                raise errors.invalid_request(f'{name} "{value}" can not have more than one wildcard.')
    for header in rule.get("ExposeHeaders") or ():
        if "*" in header:
            words = f'ExposeHeader "{header}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            raise errors.invalid_request(words)


@operation(on=bucket_arn)
def get_bucket_cors(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    found = configuration(ctx, bucket, KIND)
    if found is None:
        raise absent(bucket, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
    return found


@operation(on=bucket_arn)
def delete_bucket_cors(ctx: Context, req: dict[str, Any]) -> None:
    unconfigure(ctx, find_bucket(ctx, req), KIND)


def _forbidden(words: str, method: str, resource_type: str) -> AwsError:
    return AwsError("AccessForbidden", words, status=403, members={"Method": method, "ResourceType": resource_type})


def preflight(ctx: Context, name: str, key: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that answer an OPTIONS request. Raises BadRequest or AccessForbidden."""
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if not origin:
        raise errors.bad_request("Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise errors.bad_request(f"Invalid Access-Control-Request-Method: {method or 'null'}")
    resource_type = "OBJECT" if key else "BUCKET"
    bucket = ctx.get(Bucket, name) if name else None
    if bucket is None:
        raise _forbidden("CORSResponse: Bucket not found", method, resource_type)
    found = configuration(ctx, bucket, KIND)
    if found is None:
        raise _forbidden("CORSResponse: CORS is not enabled for this bucket.", method, resource_type)
    wanted = [item.strip().lower() for item in headers.get("access-control-request-headers", "").split(",") if item.strip()]
    for rule in found["CORSRules"]:
        allowed = _allowed(rule, origin, method)
        if allowed and all(any(_matches(pattern.lower(), item) for pattern in rule.get("AllowedHeaders") or ()) for item in wanted):
            if wanted:
                allowed["access-control-allow-headers"] = ", ".join(wanted)
            return allowed
    # The misspelling is S3's.
    words = (
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
        "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
    )
    raise _forbidden(words, method, resource_type)


def answer_headers(ctx: Context, name: str, origin: str, method: str) -> dict[str, str]:
    """What the answer to a plain request with an Origin carries; nothing where no rule is for it."""
    bucket = ctx.get(Bucket, name) if name else None
    found = configuration(ctx, bucket, KIND) if bucket is not None else None
    for rule in found["CORSRules"] if found else ():
        allowed = _allowed(rule, origin, method)
        if allowed:
            return allowed
    return {}


def _allowed(rule: dict[str, Any], origin: str, method: str) -> dict[str, str]:
    matching = next((pattern for pattern in rule["AllowedOrigins"] if _matches(pattern, origin)), None)
    if matching is None or method not in rule["AllowedMethods"]:
        return {}
    headers = {
        "access-control-allow-origin": "*" if matching == "*" else origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
    }
    if rule.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
    if "MaxAgeSeconds" in rule:
        headers["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    if matching != "*":
        headers["access-control-allow-credentials"] = "true"
    headers["vary"] = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
    return headers


def _matches(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
