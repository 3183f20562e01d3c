"""Inventories: lists of a bucket's objects, delivered as CSV every night or every Sunday, with a manifest.

Source: "Amazon S3 Inventory" in the Amazon S3 User Guide.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.services.s3 import errors
from cloudjar.services.s3.analyses import delete_numbered, get_numbered, list_numbered, put_numbered
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import configuration
from cloudjar.services.s3.objects import Object, Stored
from cloudjar.services.s3.versions import entries

KIND = "inventory"
PRINCIPAL = "s3.amazonaws.com"
FIELDS = {
    "Size": lambda it: str(it.size),
    "LastModifiedDate": lambda it: it.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "StorageClass": lambda it: it.storage_class,
    "ETag": lambda it: it.etag,
    "IsMultipartUploaded": lambda it: "true" if it.parts else "false",
    "ReplicationStatus": lambda it: it.replication,
    "EncryptionStatus": lambda it: "SSE-S3" if it.encryption is None else "SSE-C" if it.encryption.customer_md5 else "SSE-KMS",
    "ObjectLockRetainUntilDate": lambda it: it.lock_until.strftime("%Y-%m-%dT%H:%M:%S.000Z") if it.lock_until else "",
    "ObjectLockMode": lambda it: it.lock_mode,
    "ObjectLockLegalHoldStatus": lambda it: it.legal_hold,
    "BucketKeyStatus": lambda it: "ENABLED" if it.encryption is not None and it.encryption.bucket_key else "DISABLED",
    "ChecksumAlgorithm": lambda it: it.checksum.algorithm if it.checksum else "",
}
"""Optional field -> its text in the list."""


@operation(on=bucket_arn)
def put_bucket_inventory_configuration(ctx: Context, req: dict[str, Any]) -> None:
    wanted = req["InventoryConfiguration"]
    destination = wanted["Destination"]["S3BucketDestination"]
    if destination["Format"] != "CSV":
        raise not_implemented("s3", "PutBucketInventoryConfiguration", f"{destination['Format']} inventories")
    unknown = [name for name in wanted.get("OptionalFields") or () if name not in FIELDS]
    if unknown:
        raise not_implemented("s3", "PutBucketInventoryConfiguration", f"the field {unknown[0]}")
    if "SSEKMS" in (destination.get("Encryption") or {}):
        raise not_implemented("s3", "PutBucketInventoryConfiguration", "encrypted inventories")
    if not destination["Bucket"].startswith("arn:") or wanted["Schedule"]["Frequency"] not in ("Daily", "Weekly"):
        raise errors.malformed_xml()
    put_numbered(ctx, req, KIND, wanted)
    _schedule(ctx, find_bucket(ctx, req), req["Id"], wanted)


@operation(on=bucket_arn)
def get_bucket_inventory_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return get_numbered(ctx, req, KIND, "InventoryConfiguration")


@operation(on=bucket_arn)
def delete_bucket_inventory_configuration(ctx: Context, req: dict[str, Any]) -> None:
    delete_numbered(ctx, req, KIND)


@operation(on=bucket_arn)
def list_bucket_inventory_configurations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return list_numbered(ctx, req, KIND, "InventoryConfigurationList")


def _schedule(ctx: Context, bucket: Bucket, identifier: str, wanted: dict[str, Any]) -> None:
    midnight = ctx.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if wanted["Schedule"]["Frequency"] == "Weekly":
        midnight += timedelta(days=(6 - midnight.weekday()) % 7)
    ctx.at(account=bucket.account, region=bucket.region).after(take, bucket.name, identifier, wanted, at=midnight)


@timer
def take(ctx: Context, name: str, identifier: str, planned: dict[str, Any]) -> None:
    """Takes an inventory, unless the configuration has changed since: then another timer is there for it."""
    bucket = ctx.get(Bucket, name)
    wanted = configuration(ctx, bucket, KIND, identifier) if bucket is not None else None
    if bucket is None or wanted is None or wanted != planned:
        return
    _schedule(ctx, bucket, identifier, wanted)
    if wanted["IsEnabled"]:
        data = gzip.compress(_table(_rows(ctx, bucket, wanted)).encode(), mtime=0)
        ctx.effect(deliver, name, wanted, data, ctx.ids.uuid(), ctx.now)


def _rows(ctx: Context, bucket: Bucket, wanted: dict[str, Any]) -> Iterable[list[str]]:
    prefix = (wanted.get("Filter") or {}).get("Prefix", "")
    fields = [FIELDS[name] for name in wanted.get("OptionalFields") or ()]
    if wanted["IncludedObjectVersions"] == "Current":
        for stored in ctx.where(Object, bucket=bucket.name).starting(prefix):
            if not stored.key.startswith(prefix):
                return
            yield [bucket.name, quote(stored.key), *[text(stored) for text in fields]]
        return
    for entry in entries(ctx, bucket, prefix):
        found: Stored = entry.stored
        if not found.key.startswith(prefix):
            return
        flags = ["true" if entry.latest else "false", "true" if found.is_delete_marker else "false"]
        yield [bucket.name, quote(found.key), found.version_id, *flags, *[text(found) for text in fields]]


def _table(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue()


@effect
async def deliver(ctx: Context, name: str, wanted: dict[str, Any], data: bytes, unique: str, now: datetime) -> None:
    """Puts the list, its manifest and the manifest's checksum; what the destination's policy refuses is lost, as S3's is."""
    destination = wanted["Destination"]["S3BucketDestination"]
    target = destination["Bucket"].rpartition(":")[2]
    base = "/".join(part for part in (destination.get("Prefix", ""), name, wanted["Id"]) if part)
    data_key = f"{base}/data/{unique}.csv.gz"
    versions = ["VersionId", "IsLatest", "IsDeleteMarker"] if wanted["IncludedObjectVersions"] == "All" else []
    manifest = json.dumps(
        {
            "sourceBucket": name,
            "destinationBucket": destination["Bucket"],
            "version": "2016-11-30",
            "creationTimestamp": str(int(now.timestamp() * 1000)),
            "fileFormat": "CSV",
            "fileSchema": ", ".join(["Bucket", "Key", *versions, *(wanted.get("OptionalFields") or ())]),
            "files": [{"key": data_key, "size": len(data), "MD5checksum": _md5(data)}],
        }
    ).encode()
    folder = f"{base}/{now:%Y-%m-%dT%H-%MZ}"
    owner = {"ExpectedBucketOwner": destination["AccountId"]} if "AccountId" in destination else {}
    caller = ctx.as_service(PRINCIPAL, f"arn:{ctx.partition}:s3:::{name}")
    try:
        for key, body in (
            (data_key, data),
            (f"{folder}/manifest.json", manifest),
            (f"{folder}/manifest.checksum", _md5(manifest).encode()),
        ):
            request = {"Bucket": target, "Key": key, "Body": body, "ACL": "bucket-owner-full-control", **owner}
            await caller.call_async("s3", "PutObject", request)
    except AwsError as error:
        if error.code not in ("AccessDenied", "NoSuchBucket"):
            raise


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
