"""Manifests: the lists of objects that jobs work through, read from S3 or made from a bucket."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.objects import NULL, Object, Stored
from cloudjar.services.s3.payload import as_body
from cloudjar.services.s3.replication import is_eligible
from cloudjar.services.s3.versions import entries

LARGEST = 1 << 30
"""Bytes of a manifest."""


class Listed(NamedTuple):
    """One line of a manifest, with its key as it stands there."""

    bucket: str
    key: str
    version: str

    @property
    def plain_key(self) -> str:
        """Keys stand URL-encoded in manifests."""
        return unquote_plus(self.key)


class BadManifest(Exception):
    """A manifest that cannot be used: (code, why)."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


async def read(role: Context, manifest: dict[str, Any]) -> list[Listed]:
    """What a manifest lists. Raises BadManifest."""
    location, spec = manifest["Location"], manifest["Spec"]
    bucket, _, key = location["ObjectArn"].rpartition(":::")[2].partition("/")
    data, etag = await _fetch(role, bucket, key, location.get("ObjectVersionId"))
    if location["ETag"].strip('"') != etag:
        raise BadManifest("ManifestETagMismatch", "The ETag of the manifest object does not match the ETag of the job's manifest")
    if spec["Format"] == "S3BatchOperations_CSV_20180820":
        return list(_rows(data, spec["Fields"]))
    return await _inventory(role, data)


async def _fetch(role: Context, bucket: str, key: str, version: str | None = None) -> tuple[bytes, str]:
    named = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    try:
        answer = await role.call_async("s3", "GetObject", named)
    except AwsError as error:
        raise BadManifest("ManifestNotReadable", f"Reading the manifest is forbidden or failed: {error.code}: {error.message}") from None
    return await as_body(answer["Body"]).read(LARGEST), str(answer["ETag"]).strip('"')


async def _inventory(role: Context, data: bytes) -> list[Listed]:
    """An inventory's manifest names the lists, and what their columns are."""
    try:
        manifest = json.loads(data)
        columns = [name.strip() for name in manifest["fileSchema"].split(",")]
        bucket = manifest["destinationBucket"].rpartition(":")[2]
        files = [file["key"] for file in manifest["files"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadManifest("InvalidManifestContent", "The manifest is no inventory report's manifest") from None
    found: list[Listed] = []
    for key in files:
        try:
            text = gzip.decompress((await _fetch(role, bucket, key))[0])
        except (OSError, EOFError):
            raise BadManifest("InvalidManifestContent", f"The inventory list {key} is not compressed with gzip") from None
        found += _rows(text, [name if name in ("Bucket", "Key", "VersionId") else "Ignore" for name in columns])
    return found


def _rows(data: bytes, fields: list[str]) -> Iterator[Listed]:
    try:
        lines = csv.reader(io.StringIO(data.decode()), strict=True)
        for number, row in enumerate(lines, 1):
            if not row:
                continue
            if len(row) != len(fields):
                raise BadManifest("InvalidManifestContent", f"Line {number} of the manifest has {len(row)} columns, not {len(fields)}")
            named = dict(zip(fields, row, strict=True))
            if not named["Bucket"] or not named["Key"]:
                raise BadManifest("InvalidManifestContent", f"Line {number} of the manifest lacks a bucket or a key")
            yield Listed(named["Bucket"], named["Key"], named.get("VersionId", ""))
    except (UnicodeDecodeError, csv.Error):
        raise BadManifest("InvalidManifestContent", "The manifest is no CSV in UTF-8") from None


def generate(ctx: Context, role: Context, generator: dict[str, Any], replicating: bool) -> list[Listed]:
    """What a generator lists of its bucket: all versions for replication, else the newest. Raises BadManifest."""
    name = generator["SourceBucket"].rpartition(":")[2]
    bucket = ctx.get(Bucket, name)
    if bucket is None or generator.get("ExpectedBucketOwner", bucket.account) != bucket.account:
        raise BadManifest("NoSuchBucket", f"The source bucket {name} does not exist, or is not owned by the account that was expected")
    if not ctx.world.host.allowed(role, "s3:PutInventoryConfiguration", bucket.arn):
        raise BadManifest("AccessDenied", f"The job's role may not list {name}: it needs s3:PutInventoryConfiguration")
    wanted = generator.get("Filter") or {}
    listed: Iterator[Stored] = (
        (entry.stored for entry in entries(ctx, bucket, "")) if replicating else iter(ctx.where(Object, bucket=bucket.name))
    )
    return [
        Listed(name, quote(stored.key), (stored.version_id or NULL) if bucket.versioning else "")
        for stored in listed
        if not stored.is_delete_marker and _passes(ctx, bucket, stored, wanted)
    ]


def _passes(ctx: Context, bucket: Bucket, stored: Stored, wanted: dict[str, Any]) -> bool:
    names = wanted.get("KeyNameConstraint") or {}
    tests = (
        ("MatchAnyPrefix", stored.key.startswith),
        ("MatchAnySuffix", stored.key.endswith),
        ("MatchAnySubstring", stored.key.__contains__),
    )
    return (
        all(any(test(text) for text in names[member]) for member, test in tests if names.get(member))
        and ("CreatedAfter" not in wanted or stored.modified > wanted["CreatedAfter"])
        and ("CreatedBefore" not in wanted or stored.modified < wanted["CreatedBefore"])
        and stored.size > wanted.get("ObjectSizeGreaterThanBytes", -1)
        and ("ObjectSizeLessThanBytes" not in wanted or stored.size < wanted["ObjectSizeLessThanBytes"])
        and (not wanted.get("MatchAnyStorageClass") or stored.storage_class in wanted["MatchAnyStorageClass"])
        and (not wanted.get("ObjectReplicationStatuses") or (stored.replication or "NONE") in wanted["ObjectReplicationStatuses"])
        and ("EligibleForReplication" not in wanted or is_eligible(ctx, bucket, stored) == wanted["EligibleForReplication"])
        and all(_encrypted_so(stored, each) for each in wanted.get("MatchAnyObjectEncryption") or ())
    )


def _encrypted_so(stored: Stored, wanted: dict[str, Any]) -> bool:
    """Every object here is encrypted: with S3's own keys, where nothing else is said."""
    [(kind, about)] = wanted.items()
    found = stored.encryption
    if kind == "NOTSSE":
        return False
    if kind == "SSES3":
        return found is None
    if found is None or found.algorithm != {"SSEKMS": "aws:kms", "DSSEKMS": "aws:kms:dsse", "SSEC": "customer"}[kind]:
        return False
    return about.get("KmsKeyArn", found.key_arn) == found.key_arn and about.get("BucketKeyEnabled", found.bucket_key) == found.bucket_key


def to_csv(listed: list[Listed]) -> bytes:
    """A generated list as its file."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(listed)
    return text.getvalue().encode()
