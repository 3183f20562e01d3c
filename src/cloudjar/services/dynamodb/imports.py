"""Imports from S3: a new table from DynamoDB JSON or CSV files."""

from __future__ import annotations

import base64
import binascii
import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from cloudjar.kernel import keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.dynamodb import errors, ion, storage, tables, values
from cloudjar.services.dynamodb.schema import Table, table_arn
from cloudjar.services.dynamodb.values import Item, Value
from cloudjar.services.dynamodb.writes import change

WRITTEN_AT_ONCE = 500


@record("dynamodb.import", key="id", indexes={"table": ("table_name", "id"), "token": "token"})
class Import(Record):
    """An import."""

    id: str
    table_name: str
    table_number: int
    table_id: str
    started: datetime
    request: dict[str, Any]
    principal: Principal
    token: str | None = None
    digest: bytes = b""
    status: str = "IN_PROGRESS"
    ended: datetime | None = None
    processed: int = 0
    imported: int = 0
    failed: int = 0
    size: int = 0
    failure_code: str = ""
    failure: str = ""


def on_import(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    wanted = req.get("TableCreationParameters")
    return table_arn(ctx, wanted["TableName"]) if wanted else str(req.get("ImportArn") or req.get("TableArn") or "*")


def import_arn(ctx: Context, job: Import) -> str:
    """An import's ARN."""
    return f"{table_arn(ctx, job.table_name)}/import/{job.id}"


@operation(on=on_import)
def import_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("InputCompressionType") == "ZSTD":
        raise not_implemented("dynamodb", "ImportTable", "InputCompressionType ZSTD")
    wanted = req["TableCreationParameters"]
    if wanted.get("VectorIndexes"):
        raise not_implemented("dynamodb", "ImportTable", "VectorIndexes")
    token = req.get("ClientToken")
    digest = hashlib.sha256(msgspec.msgpack.encode({**req, "ClientToken": ""})).digest()
    if token:
        known = ctx.where(Import, token=token).first()
        if known is not None:
            if known.digest != digest:
                raise AwsError("ImportConflictException", "Import was requested before with this client token and other parameters")
            return {"ImportTableDescription": import_to_wire(ctx, known)}
    name = wanted["TableName"]
    table = tables.new_table(ctx, name, wanted)
    if ctx.get(Table, name) is not None:
        raise errors.table_exists(name)
    ctx.put(table)
    job = Import(
        f"{keys.microseconds(ctx.now) // 1000:017d}-{ctx.ids.hex(8)}",
        name,
        table.number,
        table.id,
        ctx.now,
        req,
        ctx.principal,
        token=token,
        digest=digest,
    )
    ctx.put(job)
    ctx.effect(read, job.id)
    return {"ImportTableDescription": import_to_wire(ctx, job)}


@effect
async def read(ctx: Context, job_id: str) -> None:
    """Reads an import's files into its table, as whoever asked for it; then the table is active."""
    with ctx.transaction():
        job = ctx.get(Import, job_id)
    if job is None or job.status != "IN_PROGRESS":
        return
    job = replace(job, processed=0, imported=0, failed=0, size=0)
    try:
        job = replace(await _read_files(ctx, job), status="COMPLETED")
    except AwsError as problem:
        job = replace(job, status="FAILED", failure_code=problem.code, failure=problem.message)
    with ctx.transaction():
        ctx.put(replace(job, ended=ctx.now))
        tables.activate(ctx, job.table_name, job.table_number)


async def _read_files(ctx: Context, job: Import) -> Import:
    caller = ctx.at(principal=job.principal)
    source = job.request["S3BucketSource"]
    options = {"Bucket": source["S3Bucket"], "Prefix": source.get("S3KeyPrefix") or ""}
    while True:
        listed = await caller.call_async("s3", "ListObjectsV2", options)
        for found in listed.get("Contents") or ():
            answer = await caller.call_async("s3", "GetObject", {"Bucket": source["S3Bucket"], "Key": found["Key"]})
            job = _file(ctx, job, await _whole(answer["Body"]))
        if not listed.get("NextContinuationToken"):
            return job
        options = {**options, "ContinuationToken": listed["NextContinuationToken"]}


async def _whole(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"".join([chunk async for chunk in body])


def _file(ctx: Context, job: Import, data: bytes) -> Import:
    """Writes the items of one file, some in each transaction."""
    if job.request.get("InputCompressionType") == "GZIP":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            raise AwsError("ItemValidationError", "A file could not be decompressed") from None
    job = replace(job, size=job.size + len(data))
    batch: list[Item | None] = []
    with ctx.transaction():
        table = ctx.get(Table, job.table_name)
    if table is None or table.number != job.table_number:
        raise AwsError("ResourceNotFoundException", "The table is gone")
    for found in _items(job.request, table, data):
        batch.append(found)
        if len(batch) == WRITTEN_AT_ONCE:
            job = _written(ctx, job, table, batch)
            batch = []
    return _written(ctx, job, table, batch)


def _written(ctx: Context, job: Import, table: Table, batch: list[Item | None]) -> Import:
    imported = 0
    with ctx.transaction():
        for found in batch:
            if found is None:
                continue
            try:
                size = values.settle_item(found)
                key = table.checked_item_key(found)
            except AwsError:
                continue  # counted as an error, as AWS does
            if size <= values.LARGEST_ITEM:
                change(ctx, table, key, storage.read(ctx, table.number, key), found, size)
                imported += 1
    counts = {"processed": job.processed + len(batch), "imported": job.imported + imported}
    return replace(job, **counts, failed=job.failed + len(batch) - imported)


def _items(req: dict[str, Any], table: Table, data: bytes) -> Iterator[Item | None]:
    """The items of a file; None for what is none."""
    if req["InputFormat"] == "CSV":
        yield from _csv(req, table, data)
        return
    if req["InputFormat"] == "ION":
        yield from ion.items(data.decode("utf-8", "replace"))
        return
    for line in data.splitlines():
        if line.strip():
            yield json_item(line)


def json_item(line: bytes) -> Item | None:
    """The item in a line of DynamoDB JSON, {"Item": {...}}; None if there is none."""
    try:
        held = msgspec.json.decode(line)
        found = held["Item"]
        return {name: _from_json(value) for name, value in found.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError, RecursionError, binascii.Error):
        return None


def _from_json(value: Any) -> Value:
    """A value as the API has it: binaries as bytes, and nothing of a wrong type."""
    ((kind, held),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(held, validate=True)}
    if kind == "BS":
        return {"BS": [base64.b64decode(member, validate=True) for member in held]}
    if kind == "M":
        return {"M": {name: _from_json(inner) for name, inner in held.items()}}
    if kind == "L":
        return {"L": [_from_json(inner) for inner in held]}
    if kind in ("SS", "NS") and all(isinstance(member, str) for member in held):
        return {kind: held}
    if (kind in ("S", "N") and isinstance(held, str)) or (kind in ("BOOL", "NULL") and isinstance(held, bool)):
        return {kind: held}
    raise ValueError(kind)


def _csv(req: dict[str, Any], table: Table, data: bytes) -> Iterator[Item | None]:
    options = (req.get("InputFormatOptions") or {}).get("Csv") or {}
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""), delimiter=options.get("Delimiter") or ",")
    names: list[str] | None = options.get("HeaderList")
    try:
        for row in rows:
            if names is None:
                names = row
            elif len(row) > len(names):
                yield None
            else:
                # All that is no key is text; an empty field is no attribute.
                yield {name: _field(table.types.get(name, "S"), text) for name, text in zip(names, row, strict=False) if text}
    except csv.Error:
        yield None


def _field(kind: str, text: str) -> Value:
    if kind != "B":
        return {kind: text}
    try:
        return {"B": base64.b64decode(text, validate=True)}
    except (binascii.Error, ValueError):
        return {"S": text}  # which the key's type then refuses


def import_to_wire(ctx: Context, job: Import) -> dict[str, Any]:
    """An ImportTableDescription."""
    copied = ("S3BucketSource", "InputFormat", "InputFormatOptions", "TableCreationParameters")
    wire = {
        "ImportArn": import_arn(ctx, job),
        "ImportStatus": job.status,
        "TableArn": table_arn(ctx, job.table_name),
        "TableId": job.table_id,
        "ClientToken": job.token,
        **{member: job.request[member] for member in copied if member in job.request},
        "InputCompressionType": job.request.get("InputCompressionType") or "NONE",
        "StartTime": job.started,
        "EndTime": job.ended,
        "ErrorCount": job.failed,
        "ProcessedSizeBytes": job.size,
        "ProcessedItemCount": job.processed,
        "ImportedItemCount": job.imported,
    }
    if job.status == "FAILED":
        wire |= {"FailureCode": job.failure_code, "FailureMessage": job.failure}
    return wire


@operation(on=on_import)
def describe_import(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    job = ctx.get(Import, req["ImportArn"].rpartition("/")[2])
    if job is None or import_arn(ctx, job) != req["ImportArn"]:
        raise AwsError("ImportNotFoundException", f"Import not found: {req['ImportArn']}")
    return {"ImportTableDescription": import_to_wire(ctx, job)}


@operation(on=on_import)
def list_imports(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Import)
    if req.get("TableArn"):
        rows = ctx.where(Import, table_name=req["TableArn"].rpartition("/")[2])
    if req.get("NextToken"):
        try:
            rows = rows.resuming(bytes.fromhex(req["NextToken"]).rstrip(b"\xff"))
        except ValueError:
            raise errors.invalid("NextToken is not valid") from None
    limit = req.get("PageSize") or 25
    found: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"ImportSummaryList": found}
    last = b""
    for position, job in rows.positions():
        if len(found) == limit:
            # The model wants at least 112 hexadecimal digits, in groups of 16.
            answer["NextToken"] = last.ljust(max(56, -(-len(last) // 8) * 8), b"\xff").hex()
            break
        wire = import_to_wire(ctx, job)
        kept = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "InputFormat", "StartTime", "EndTime")
        found.append({member: wire[member] for member in kept})
        last = position
    return answer
