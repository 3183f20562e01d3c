"""Request metrics of buckets that ask for them. Source: "Amazon S3 request metrics" in the user guide."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.world import World
from cloudjar.services.s3.access_logs import Entry
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.configurations import Configuration
from cloudjar.services.s3.gauges import NAMESPACE
from cloudjar.wire.http import FileBody, Request, Response

KIND = "metrics"
_BY_METHOD = {"GET": "GetRequests", "PUT": "PutRequests", "DELETE": "DeleteRequests", "HEAD": "HeadRequests", "POST": "PostRequests"}


class MeasuredBuckets:
    """The filters of a world's measured buckets, in memory, because every call asks: by bucket, the id and prefix of each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._filters: dict[str, list[tuple[str, str]]] | None = None

    def of(self, name: str) -> list[tuple[str, str]]:
        """The filters of a bucket."""
        if self._filters is None:
            self._filters = {}
            with self._world.reading() as ctx:
                for found in ctx.where(Configuration, kind=KIND):
                    prefix = _prefix(found)
                    if prefix is not None:
                        self._filters.setdefault(found.bucket, []).append((found.id, prefix))
        return self._filters.get(name, [])

    def forget(self) -> None:
        """They may have changed."""
        self._filters = None


def changed(ctx: Context) -> None:
    """A bucket's metrics configurations have changed, once this transaction has committed."""
    ctx.on_commit(ctx.world.part(MeasuredBuckets).forget)


def _prefix(found: Configuration) -> str | None:
    """The keys that a configuration is about; None where it asks for tags or access points, which are not looked at."""
    chosen = found.value.get("Filter") or {}
    return "" if not chosen else chosen["Prefix"] if list(chosen) == ["Prefix"] else None


def tell(ctx: Context, name: str, filters: list[tuple[str, str]], request: Request, response: Response, entry: Entry) -> None:
    """A call on a measured bucket has been answered."""
    with ctx.transaction():
        bucket = ctx.get(Bucket, name)
    if bucket is None:
        return
    there = ctx.at(account=bucket.account, region=bucket.region)
    body = response.body
    sent = (
        body.length
        if isinstance(body, FileBody)
        else len(body)
        if isinstance(body, bytes)
        else int(response.headers.get("content-length", 0))
    )
    taken = request.headers.get("x-amz-decoded-content-length") or request.headers.get("content-length") or "0"
    milliseconds = round(entry.seconds * 1000, 2)
    kind = "ListRequests" if entry.operation.startswith("List") else _BY_METHOD.get(request.method)
    for identifier, prefix in filters:
        if not entry.key.startswith(prefix):
            continue
        dimensions = (("BucketName", name), ("FilterId", identifier))
        there.metric(NAMESPACE, "AllRequests", dimensions)
        if kind:
            there.metric(NAMESPACE, kind, dimensions)
        there.metric(NAMESPACE, "4xxErrors", dimensions, float(400 <= response.status < 500))
        there.metric(NAMESPACE, "5xxErrors", dimensions, float(response.status >= 500))
        there.metric(NAMESPACE, "TotalRequestLatency", dimensions, milliseconds, "Milliseconds")
        there.metric(NAMESPACE, "FirstByteLatency", dimensions, milliseconds, "Milliseconds")
        if request.method == "GET" and sent:
            there.metric(NAMESPACE, "BytesDownloaded", dimensions, float(sent), "Bytes")
        if request.method in ("PUT", "POST") and taken.isdecimal() and int(taken):
            there.metric(NAMESPACE, "BytesUploaded", dimensions, float(int(taken)), "Bytes")
