"""Static websites: plain GETs answered with a bucket's objects, as the anonymous public may read them.

Source: "Hosting a static website using Amazon S3" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import format_datetime
from html import escape
from typing import Any
from urllib.parse import quote

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.configurations import absent, configuration
from cloudjar.services.s3.website_configurations import KIND
from cloudjar.wire.http import FileBody, Request, Response

_HEADERS = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentRange": "content-range",
    "ContentType": "content-type",
    "ETag": "etag",
    "VersionId": "x-amz-version-id",
}
_REASONS = {301: "Moved Permanently", 302: "Found", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


@dataclass(slots=True)
class Visit:
    """One request to a website."""

    ctx: Context
    bucket: str
    request: Request
    configuration: dict[str, Any] = field(default_factory=dict)


async def serve(ctx: Context, name: str, key: str, request: Request) -> Response:
    """The answer to a request to a website's host. Never an AwsError: people read it in a browser."""
    visit = Visit(ctx, name, request)
    try:
        with ctx.transaction():
            bucket = ctx.get(Bucket, name)
            if bucket is None:
                raise errors.no_such_bucket(name)
            found = configuration(ctx, bucket, KIND)
            if found is None:
                raise absent(bucket, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
        visit.configuration = found
        if request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed(request.method, "OBJECT")
        return _bodiless(request, await _page(visit, key))
    except AwsError as error:
        return _bodiless(request, _own_page(error))


def _bodiless(request: Request, response: Response) -> Response:
    """To HEAD goes the length of the body alone."""
    if request.method != "HEAD":
        return response
    if isinstance(response.body, bytes):
        response.headers.setdefault("content-length", str(len(response.body)))
    elif isinstance(response.body, FileBody):
        response.headers.setdefault("content-length", str(response.body.length))
        response.body.close()
    response.body = b""
    return response


async def _page(visit: Visit, key: str) -> Response:
    everything = visit.configuration.get("RedirectAllRequestsTo")
    if everything is not None:
        return _moved(f"{everything.get('Protocol') or visit.request.scheme}://{everything['HostName']}/{quote(key)}", 301)
    rule = _rule(visit, key, None)
    if rule is not None:
        return _redirected(visit, rule, key)
    suffix = visit.configuration["IndexDocument"]["Suffix"]
    wanted = key + suffix if not key or key.endswith("/") else key
    try:
        return await _object(visit, wanted, 200)
    except AwsError as error:
        status = error.status or 400
        if status == 304:
            return Response(304, dict(error.headers))
        if status in (403, 404) and not wanted.endswith(suffix) and await _exists(visit, f"{key}/{suffix}"):
            return _moved(f"/{quote(key)}/", 302)
        rule = _rule(visit, wanted, status)
        if rule is not None:
            return _redirected(visit, rule, wanted)
        return await _error_page(visit, error, status)


async def _object(visit: Visit, key: str, status: int) -> Response:
    req = {"Bucket": visit.bucket, "Key": key}
    if status == 200:
        headers = visit.request.headers
        req |= {member: headers[name] for member, name in (("IfNoneMatch", "if-none-match"), ("Range", "range")) if name in headers}
    found = await visit.ctx.call_async("s3", "GetObject", req)
    if "WebsiteRedirectLocation" in found:
        if isinstance(found["Body"], FileBody):
            found["Body"].close()
        return _moved(found["WebsiteRedirectLocation"], 301)
    answer = {header: str(found[member]) for member, header in _HEADERS.items() if member in found}
    answer["last-modified"] = format_datetime(found["LastModified"], usegmt=True)
    answer["content-length"] = str(found["ContentLength"])
    answer |= {f"x-amz-meta-{name}": value for name, value in found["Metadata"].items()}
    return Response(206 if "ContentRange" in found and status == 200 else status, answer, found["Body"])


async def _exists(visit: Visit, key: str) -> bool:
    try:
        await visit.ctx.call_async("s3", "HeadObject", {"Bucket": visit.bucket, "Key": key})
    except AwsError:
        return False
    return True


async def _error_page(visit: Visit, error: AwsError, status: int) -> Response:
    document = visit.configuration.get("ErrorDocument")
    if document is not None and 400 <= status < 500:
        try:
            return await _object(visit, document["Key"], status)
        except AwsError as second:
            return _own_page(error, second)
    return _own_page(error)


def _rule(visit: Visit, key: str, status: int | None) -> dict[str, Any] | None:
    """The first routing rule for a key; those for errors count once there is one."""
    for rule in visit.configuration.get("RoutingRules") or ():
        condition = rule.get("Condition") or {}
        code = condition.get("HttpErrorCodeReturnedEquals")
        if (
            (code is None) == (status is None)
            and (code is None or int(code) == status)
            and key.startswith(condition.get("KeyPrefixEquals", ""))
        ):
            return dict(rule)
    return None


def _redirected(visit: Visit, rule: dict[str, Any], key: str) -> Response:
    redirect = rule["Redirect"]
    if "ReplaceKeyWith" in redirect:
        key = redirect["ReplaceKeyWith"]
    elif "ReplaceKeyPrefixWith" in redirect:
        prefix = (rule.get("Condition") or {}).get("KeyPrefixEquals", "")
        key = redirect["ReplaceKeyPrefixWith"] + key.removeprefix(prefix)
    host = redirect.get("HostName") or visit.request.host
    target = f"{redirect.get('Protocol') or visit.request.scheme}://{host}/{quote(key)}"
    return _moved(target, int(redirect.get("HttpRedirectCode", 301)))


def _moved(location: str, status: int) -> Response:
    return Response(status, {"location": location})


def _own_page(error: AwsError, second: AwsError | None = None) -> Response:
    """S3's own page for an error, and for what went wrong with the bucket's."""
    status = error.status or 400
    title = f"{status} {_REASONS.get(status, 'Error')}"
    lines = ["<html>", f"<head><title>{title}</title></head>", "<body>", f"<h1>{title}</h1>", *_listed(error)]
    if second is not None:
        lines += ["<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>", *_listed(second)]
    body = "\n".join([*lines, "<hr/>", "</body>", "</html>", ""]).encode()
    headers = {"content-type": "text/html; charset=utf-8", "x-amz-error-code": error.code, "x-amz-error-message": error.message}
    return Response(status, headers, body)


def _listed(error: AwsError) -> list[str]:
    items = {"Code": error.code, "Message": error.message, **error.members}
    return ["<ul>", *[f"<li>{escape(name)}: {escape(str(value))}</li>" for name, value in items.items()], "</ul>"]
