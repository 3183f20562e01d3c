"""Server access logs: a line for each call on a logged bucket, delivered in batches as objects of the target bucket.

Source: "Amazon S3 server access log format" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.records import Record, record
from cloudjar.kernel.world import World
from cloudjar.services.s3 import names
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import Configuration, configuration, configure, unconfigure
from cloudjar.wire.http import FileBody, Request, Response

KIND = "logging"
PRINCIPAL = "logging.s3.amazonaws.com"
BATCH_SECONDS = 60
"""How long lines wait for others. S3 takes hours, "best effort"."""
MOST_LINES = 1000
"""Lines of one log object."""


@record("s3.log_line", key=("bucket", "id"), scope="world")
class LogLine(Record):
    """A line that waits for its delivery."""

    bucket: str
    id: str
    text: str


class Entry(msgspec.Struct):
    """What the request alone does not say of a call."""

    operation: str
    key: str
    version_id: str
    error: str
    seconds: float


class LoggedBuckets:
    """The names of a world's buckets that are logged, in memory, because every call asks."""

    def __init__(self, world: World) -> None:
        with world.reading() as ctx:
            self.names = {found.bucket for found in ctx.where(Configuration, kind=KIND)}


@operation(on=bucket_arn)
def put_bucket_logging(ctx: Context, req: dict[str, Any]) -> None:
    bucket = find_bucket(ctx, req)
    wanted = req["BucketLoggingStatus"].get("LoggingEnabled")
    logged = ctx.world.part(LoggedBuckets).names
    if wanted is None:
        unconfigure(ctx, bucket, KIND)
        ctx.on_commit(lambda: logged.discard(bucket.name))
        return
    if wanted.get("TargetGrants"):
        raise AwsError("NotImplemented", "cloudjar does not implement s3:PutBucketLogging: target grants", status=501)
    target = ctx.get(Bucket, wanted["TargetBucket"])
    if target is None or target.account != bucket.account:
        words = (
            "The target bucket for logging does not exist"
            if target is None
            else "The owner for the bucket to be logged and the target bucket must be the same."
        )
        raise AwsError("InvalidTargetBucketForLogging", words, status=400, members={"TargetBucket": wanted["TargetBucket"]})
    if target.region != bucket.region:
        words = "The target bucket must be in the same location as the source bucket"
        raise AwsError("CrossLocationLoggingProhibited", words, status=403)
    configure(ctx, bucket, KIND, wanted)
    ctx.on_commit(lambda: logged.add(bucket.name))


@operation(on=bucket_arn)
def get_bucket_logging(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = configuration(ctx, find_bucket(ctx, req), KIND)
    return {"LoggingEnabled": found} if found is not None else {}


def note(ctx: Context, name: str, request: Request, response: Response, entry: Entry) -> None:
    """Keeps a line of a call on a bucket, if it is still logged."""
    with ctx.transaction():
        bucket = ctx.get(Bucket, name)
        if bucket is None or configuration(ctx, bucket, KIND) is None:
            return
        waits = ctx.where(LogLine, bucket=name).first() is not None
        sequence = f"{ctx.now.timestamp():017.6f}{ctx.ids.hex(8)}"
        ctx.put(LogLine(name, sequence, _line(ctx, bucket, request, response, entry)))
        if not waits:
            ctx.at(account=bucket.account, region=bucket.region).after(collect, name, seconds=BATCH_SECONDS)


def _line(ctx: Context, bucket: Bucket, request: Request, response: Response, entry: Entry) -> str:
    sent = response.body.length if isinstance(response.body, FileBody) else len(response.body) if isinstance(response.body, bytes) else 0
    size = response.headers.get("content-length", "") or str(sent)
    who = ctx.principal
    requester = "-" if who.kind == "anonymous" else names.canonical_user(who.account) if who.kind == "root" else who.arn
    query = f"?{request.query}" if request.query else ""
    kind = "OBJECT" if entry.key else "BUCKET"
    milliseconds = max(1, round(entry.seconds * 1000))
    fields = [
        names.canonical_user(bucket.account),
        bucket.name,
        f"[{ctx.now:%d/%b/%Y:%H:%M:%S +0000}]",
        request.peer,
        requester,
        ctx.call_info.request_id or "-",
        f"REST.{request.method}.{kind}" if not entry.operation else f"REST.{request.method}.{_resource(entry.operation, kind)}",
        quote(quote(entry.key)) if entry.key else "-",
        f'"{request.method} {request.path}{query} HTTP/1.1"',
        str(response.status),
        entry.error or "-",
        size if size != "0" else "-",
        "-",
        str(milliseconds),
        str(milliseconds),
        f'"{request.headers.get("referer", "-")}"',
        f'"{request.headers.get("user-agent", "-")}"',
        entry.version_id or "-",
        ctx.call_info.request_id or "-",
        "SigV4" if "authorization" in request.headers or "X-Amz-Signature" in request.query else "-",
        "-",
        "QueryString" if "X-Amz-Signature" in request.query else "AuthHeader" if "authorization" in request.headers else "-",
        request.host or "-",
        "-",
        "-",
        "-",
    ]
    return " ".join(fields)


_RESOURCES = {
    "Versioning": "VERSIONING",
    "Policy": "BUCKETPOLICY",
    "Acl": "ACL",
    "Lifecycle": "LIFECYCLE",
    "Tagging": "TAGGING",
    "Part": "PART",
}


def _resource(operation_name: str, kind: str) -> str:
    if operation_name in ("CreateMultipartUpload", "ListMultipartUploads"):
        return "UPLOADS"
    if operation_name in ("CompleteMultipartUpload", "AbortMultipartUpload", "ListParts"):
        return "UPLOAD"
    if operation_name == "DeleteObjects":
        return "MULTI_OBJECT_DELETE"
    found = next((word for part, word in _RESOURCES.items() if part in operation_name), kind)
    return f"OBJECT_{found}" if found == "TAGGING" and kind == "OBJECT" else found


@timer
def collect(ctx: Context, name: str) -> None:
    """Takes up the lines that wait, and has them delivered."""
    bucket = ctx.get(Bucket, name)
    wanted = configuration(ctx, bucket, KIND) if bucket is not None else None
    lines = [line for line, _ in zip(ctx.where(LogLine, bucket=name), range(MOST_LINES), strict=False)]
    if not lines:
        return
    for line in lines:
        ctx.delete(line)
    if ctx.where(LogLine, bucket=name).first() is not None:
        ctx.after(collect, name)
    if bucket is not None and wanted is not None:
        key = log_key(ctx.now, ctx.ids.hex(16).upper(), bucket, wanted)
        text = "".join(f"{line.text}\n" for line in lines)
        ctx.effect(deliver, wanted["TargetBucket"], key, text, bucket.arn)


def log_key(now: datetime, unique: str, bucket: Bucket, wanted: dict[str, Any]) -> str:
    """The name of a log object: simple, or partitioned by date."""
    stamp = f"{now:%Y-%m-%d-%H-%M-%S}-{unique}"
    if "PartitionedPrefix" in (wanted.get("TargetObjectKeyFormat") or {}):
        return f"{wanted['TargetPrefix']}{bucket.account}/{bucket.region}/{bucket.name}/{now:%Y/%m/%d}/{stamp}"
    return f"{wanted['TargetPrefix']}{stamp}"


@effect
async def deliver(ctx: Context, target: str, key: str, text: str, source_arn: str) -> None:
    """Puts a log object; one that the target's policy refuses is lost, as S3's is."""
    try:
        caller = ctx.as_service(PRINCIPAL, source_arn)
        await caller.call_async("s3", "PutObject", {"Bucket": target, "Key": key, "Body": text.encode(), "ContentType": "text/plain"})
    except AwsError as error:
        if error.code not in ("AccessDenied", "NoSuchBucket"):
            raise
