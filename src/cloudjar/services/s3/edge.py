"""What HTTP asks of S3 besides its operations: preflights and websites before, CORS headers and access logs after.

The pipeline calls `claims` and `answer` before it looks for an operation, `check_body` where a body is not a stream, and `finish`
when an answer is ready.
"""

from __future__ import annotations

from hashlib import md5
from typing import Any
from urllib.parse import unquote

from cloudjar.kernel.context import Context
from cloudjar.services.s3 import request_metrics
from cloudjar.services.s3.access_logs import Entry, LoggedBuckets, note
from cloudjar.services.s3.access_points import may_be_one
from cloudjar.services.s3.buckets import reached
from cloudjar.services.s3.checksums import ALGORITHMS
from cloudjar.services.s3.cors import answer_headers, preflight
from cloudjar.services.s3.payload import check_claim, check_md5
from cloudjar.services.s3.website_hosts import website_bucket
from cloudjar.wire.http import Request, Response


def claims(request: Request) -> bool:
    """Whether no operation is meant."""
    return request.method == "OPTIONS" or website_bucket(request.host) is not None


async def answer(ctx: Context, request: Request, path: str) -> Response:
    """The answer to what `claims` took; `path` begins with the bucket. Raises AwsError."""
    site = website_bucket(request.host)
    name, _, key = path.removeprefix("/").partition("/") if site is None else (site, "", request.path[1:])
    if request.method == "OPTIONS":
        with ctx.transaction():
            return Response(200, preflight(ctx, name, key, request.headers))
    # Most jars never serve a website.
    from cloudjar.services.s3.websites import serve

    return await serve(ctx, name, unquote(key), request)


def check_body(request: Request, operation: str, body: bytes) -> None:
    """Holds an XML body against what its headers say of it; raises InvalidDigest, BadDigest, InvalidRequest."""
    claimed = request.headers.get("content-md5")
    if claimed is not None:
        check_md5(claimed, md5(body, usedforsecurity=False).digest())
    if operation == "CompleteMultipartUpload":
        return  # its checksum headers speak of the object, not of the body
    for algorithm in ALGORITHMS:
        value = request.headers.get(f"x-amz-checksum-{algorithm.lower()}")
        if value is not None:
            check_claim(algorithm, value, body)


def finish(
    ctx: Context, request: Request, path: str, response: Response, operation: str, req: dict[str, Any], error: str, seconds: float
) -> None:
    """Adds what a browser wants to know, and notes the call for the access log. The last four: what the pipeline knows of it."""
    if operation == "HeadBucket" and response.status in (301, 400, 403):
        # Who may not look in is told where the bucket is, all the same: clients find their way by it.
        with ctx.transaction():
            bucket = reached(ctx, unquote(path.split("/", 2)[1]))
        if bucket is not None:
            response.headers["x-amz-bucket-region"] = bucket.region
    origin = request.headers.get("origin")
    name = path.split("/", 2)[1]
    if may_be_one(name) or name[:6] == "arn%3A":
        name = _bucket_name(ctx, unquote(name))
    if origin and request.method != "OPTIONS":
        with ctx.transaction():
            response.headers.update(answer_headers(ctx, website_bucket(request.host) or name, origin, request.method))
    measured = ctx.world.part(request_metrics.MeasuredBuckets).of(name)
    logged = name in ctx.world.part(LoggedBuckets).names
    if logged or measured:
        entry = Entry(operation, req.get("Key") or "", req.get("VersionId") or "", error, seconds)
        if measured:
            request_metrics.tell(ctx, name, measured, request, response, entry)
        if logged:
            note(ctx, name, request, response, entry)


def _bucket_name(ctx: Context, name: str) -> str:
    """The bucket that an access point stands for."""
    with ctx.transaction():
        bucket = reached(ctx, name)
    return bucket.name if bucket is not None else name
