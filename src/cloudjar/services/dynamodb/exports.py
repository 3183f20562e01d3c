"""Exports to S3: a table as it was at an instant, in DynamoDB JSON, with AWS's manifests."""

from __future__ import annotations

import base64
import gzip
import hashlib
from datetime import datetime
from typing import Any

import msgspec

from cloudjar.kernel import keys, paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.dynamodb import errors, incremental, ion, recovery, storage, tables
from cloudjar.services.dynamodb.schema import table_arn
from cloudjar.services.dynamodb.values import Item
from cloudjar.wire.http import BufferedBody
from cloudjar.wire.values import to_iso8601_millis

ITEMS_IN_A_FILE = 20_000


@record("dynamodb.export", key="id", indexes={"table": ("table_name", "id"), "token": "token"})
class Export(Record):
    """An export. `number` names the space that holds the items while they are written."""

    id: str
    table_name: str
    table_id: str
    number: int
    started: datetime
    instant: datetime
    bucket: str
    prefix: str
    principal: Principal
    token: str | None = None
    request: bytes = b""
    sse: dict[str, str] = {}
    status: str = "IN_PROGRESS"
    ended: datetime | None = None
    items: int = 0
    size: int = 0
    manifest: str = ""
    failure_code: str = ""
    failure: str = ""
    since: datetime | None = None
    """From when an incremental export tells of changes, before its `instant`."""
    view: str = ""
    format: str = "DYNAMODB_JSON"

    @property
    def kind(self) -> str:
        """The ExportType."""
        return "FULL_EXPORT" if self.since is None else "INCREMENTAL_EXPORT"


def on_export(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req.get("ExportArn") or req.get("TableArn") or "*")


def export_arn(ctx: Context, export: Export) -> str:
    """An export's ARN."""
    return f"{table_arn(ctx, export.table_name)}/export/{export.id}"


@operation(on=on_export)
def export_table_to_point_in_time(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("FilterSpecification"):
        raise not_implemented("dynamodb", "ExportTableToPointInTime", "filtered exports")
    there, table = recovery.source_table(ctx, req["TableArn"])
    token = req.get("ClientToken")
    request = hashlib.sha256(msgspec.msgpack.encode({**req, "ClientToken": ""})).digest()
    if token:
        known = there.where(Export, token=token).first()
        if known is not None:
            if known.request != request:
                raise AwsError("ExportConflictException", "Export was requested before with this client token and other parameters")
            return {"ExportDescription": export_to_wire(there, known)}
    since, instant, view = None, req.get("ExportTime"), ""
    if req.get("ExportType") == "INCREMENTAL_EXPORT":
        since, instant, view = incremental.period(there, req)
        recovery.check_instant(there, table, since, "InvalidExportTimeException")
    elif req.get("IncrementalExportSpecification"):
        raise errors.invalid("IncrementalExportSpecification can only be specified for an incremental export")
    recovery.check_instant(there, table, instant, "InvalidExportTimeException")
    sse = {}
    if req.get("S3SseAlgorithm"):
        sse["ServerSideEncryption"] = "aws:kms" if req["S3SseAlgorithm"] == "KMS" else "AES256"
    if req.get("S3SseKmsKeyId"):
        sse["SSEKMSKeyId"] = req["S3SseKmsKeyId"]
    export = Export(
        f"{keys.microseconds(ctx.now) // 1000:017d}-{ctx.ids.hex(8)}",
        table.name,
        table.id,
        recovery.as_of(there, table, instant) if since is None else incremental.changes(there, table, since, instant or ctx.now, view),
        ctx.now,
        instant or ctx.now,
        req["S3Bucket"],
        req.get("S3Prefix") or "",
        ctx.principal,
        token=token,
        request=request,
        sse=sse,
        since=since,
        view=view,
        format=req.get("ExportFormat") or "DYNAMODB_JSON",
    )
    there.put(export)
    there.effect(write, export.id)
    return {"ExportDescription": export_to_wire(there, export)}


@effect
async def write(ctx: Context, export_id: str) -> None:
    """Writes an export's files; as whoever asked for it."""
    with ctx.transaction():
        export = ctx.get(Export, export_id)
    if export is None or export.status != "IN_PROGRESS":
        return
    try:
        done = await _write_files(ctx, export)
    except AwsError as problem:
        done = replace(export, status="FAILED", failure_code=problem.code, failure=problem.message)
    with ctx.transaction():
        ctx.put(replace(done, ended=ctx.now))
        ctx.after(tables.purge, export.number)


async def _write_files(ctx: Context, export: Export) -> Export:
    caller = ctx.at(principal=export.principal)
    place = f"{export.prefix.rstrip('/')}/AWSDynamoDB".lstrip("/")
    folder = f"{place}/{export.id}"
    # Full exports have their data beside their manifests; those that are incremental share one folder for it.
    data_folder = f"{folder}/data" if export.since is None else f"{place}/data"

    suffix = "ion" if export.format == "ION" else "json"

    async def put(name: str, data: bytes) -> str:
        req = {
            "Bucket": export.bucket,
            "Key": name if "/" in name else f"{folder}/{name}",
            "Body": BufferedBody(data),
            "ContentLength": len(data),
            **export.sse,
        }
        answer = await caller.call_async("s3", "PutObject", req)
        return str(answer.get("ETag", "")).strip('"')

    await put("_started", b"")
    manifest: list[bytes] = []
    start: bytes | None = b""
    items = size = 0
    while start is not None:
        with ctx.transaction():
            lines, weight, start = _lines(ctx, export, start)
            table_id = ctx.ids.text("abcdefghijklmnopqrstuvwxyz234567", 26)
        if not lines and manifest:
            break
        data = gzip.compress(b"".join(lines), mtime=0)
        etag = await put(f"{data_folder}/{table_id}.{suffix}.gz", data)
        entry = {
            "itemCount": len(lines),
            "md5Checksum": _md5(data),
            "etag": etag,
            "dataFileS3Key": f"{data_folder}/{table_id}.{suffix}.gz",
        }
        manifest.append(msgspec.json.encode(entry) + b"\n")
        items, size = items + len(lines), size + weight
    files = b"".join(manifest)
    await put("manifest-files.json", files)
    await put("manifest-files.md5", _md5(files).encode())
    done = replace(export, status="COMPLETED", items=items, size=size, manifest=f"{folder}/manifest-summary.json")
    with ctx.transaction():
        summary = msgspec.json.encode(_summary(ctx, done, f"{folder}/manifest-files.json"))
    await put("manifest-summary.json", summary)
    await put("manifest-summary.md5", _md5(summary).encode())
    return done


def _lines(ctx: Context, export: Export, start: bytes) -> tuple[list[bytes], int, bytes | None]:
    """The lines of one file, the bytes of their items, and where the next file starts."""
    lines: list[bytes] = []
    size = 0
    for key, raw in storage.walk(ctx, export.number, start):
        if len(lines) == ITEMS_IN_A_FILE:
            return lines, size, key
        stored = storage.unpack(raw)
        size += stored.size
        if export.format == "ION":
            lines.append(ion.line({"Item": stored.attributes}) if export.since is None else _changed(stored.attributes))
            continue
        # msgspec writes bytes in Base64, as DynamoDB JSON has them.
        line = {"Item": stored.attributes} if export.since is None else stored.attributes
        lines.append(msgspec.json.encode(line) + b"\n")
    return lines, size, None


def _changed(members: dict[str, Item]) -> bytes:
    """A line of an incremental export in Ion."""
    return ion.line({"Record": {name: {"M": item} for name, item in members.items()}})


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _summary(ctx: Context, export: Export, files: str) -> dict[str, Any]:
    times: dict[str, Any] = {"exportTime": to_iso8601_millis(export.instant)}
    if export.since is not None:
        times = {"exportFromTime": to_iso8601_millis(export.since), "exportToTime": to_iso8601_millis(export.instant)}
    return {
        "version": "2020-06-30" if export.since is None else "2023-08-01",
        "exportArn": export_arn(ctx, export),
        "startTime": to_iso8601_millis(export.started),
        "endTime": to_iso8601_millis(ctx.now),
        "tableArn": table_arn(ctx, export.table_name),
        "tableId": export.table_id,
        **times,
        "s3Bucket": export.bucket,
        "s3Prefix": export.prefix or None,
        "s3SseAlgorithm": "KMS" if export.sse.get("ServerSideEncryption") == "aws:kms" else "AES256",
        "s3SseKmsKeyId": export.sse.get("SSEKMSKeyId"),
        "manifestFilesS3Key": files,
        "billedSizeBytes": export.size,
        "itemCount": export.items,
        "outputFormat": export.format,
        **({"outputView": export.view} if export.view else {}),
        "exportType": export.kind,
    }


def export_to_wire(ctx: Context, export: Export) -> dict[str, Any]:
    """An ExportDescription."""
    wire: dict[str, Any] = {
        "ExportArn": export_arn(ctx, export),
        "ExportStatus": export.status,
        "StartTime": export.started,
        "TableArn": table_arn(ctx, export.table_name),
        "TableId": export.table_id,
        "S3Bucket": export.bucket,
        "S3SseAlgorithm": "KMS" if export.sse.get("ServerSideEncryption") == "aws:kms" else "AES256",
        "ExportFormat": export.format,
        "ExportType": export.kind,
        "ClientToken": export.token,
        "S3Prefix": export.prefix or None,
        "EndTime": export.ended,
    }
    if export.since is None:
        wire["ExportTime"] = export.instant
    else:
        period = {"ExportFromTime": export.since, "ExportToTime": export.instant, "ExportViewType": export.view}
        wire["IncrementalExportSpecification"] = period
    if export.status == "COMPLETED":
        wire |= {"ExportManifest": export.manifest, "BilledSizeBytes": export.size, "ItemCount": export.items}
    if export.status == "FAILED":
        wire |= {"FailureCode": export.failure_code, "FailureMessage": export.failure}
    return wire


@operation(on=on_export)
def describe_export(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    export = ctx.get(Export, req["ExportArn"].rpartition("/")[2])
    if export is None or export_arn(ctx, export) != req["ExportArn"]:
        raise AwsError("ExportNotFoundException", f"Export not found: {req['ExportArn']}")
    return {"ExportDescription": export_to_wire(ctx, export)}


@operation(on=on_export)
def list_exports(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Export)
    if req.get("TableArn"):
        rows = ctx.where(Export, table_name=req["TableArn"].rpartition("/")[2])
    if req.get("NextToken"):
        rows = rows.resuming(paging.decode_token(req["NextToken"], errors.invalid("NextToken is not valid")))
    limit = req.get("MaxResults") or 25
    found: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"ExportSummaries": found}
    last = b""
    for position, export in rows.positions():
        if len(found) == limit:
            answer["NextToken"] = paging.encode_token(last)
            break
        found.append({"ExportArn": export_arn(ctx, export), "ExportStatus": export.status, "ExportType": export.kind})
        last = position
    return answer
