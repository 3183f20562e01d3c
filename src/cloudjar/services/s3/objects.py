"""Objects: how they are kept, found, stored and removed, with and without versions.

A key's newest version is an `Object`, unless it is a delete marker. Everything else (older versions, and all delete markers) is a
`Version`, newest first. So plain reads, puts and listings touch one table, and versions cost only those who use them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from cloudjar.kernel.blobs import Blob
from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import ALNUM
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket

NULL = "null"
"""How the wire names the version that has no id of its own; records say ""."""


class Extent(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """`length` bytes of a blob from `start` on. An object's bytes are its extents, one after the other."""

    blob: Blob
    start: int
    length: int
    nonce: bytes = b""
    """Where the blob is encrypted: the counter that it begins with."""


class Encryption(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """How an object is encrypted, where not with S3's own keys."""

    algorithm: str
    """ "aws:kms", "aws:kms:dsse", or "customer"."""
    key_arn: str = ""
    wrapped: bytes = b""
    """The data key as KMS wrapped it; of a customer's key, a salted digest."""
    context: dict[str, str] = {}
    bucket_key: bool = False
    customer_md5: str = ""
    salt: bytes = b""


class Checksum(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A checksum of an object or part: ("CRC32", base64, "FULL_OBJECT" or "COMPOSITE")."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class PartInfo(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of a part once its upload is complete."""

    number: int
    size: int
    checksum: str = ""


def blob_ids(stored: Any) -> Iterable[str]:
    """The files that an object's bytes are in."""
    return {extent.blob.id for extent in stored.extents if extent.blob.id}


class Stored(Record, kw_only=True):
    """One version of an object, or a delete marker."""

    bucket: str
    key: str
    modified: datetime
    version_id: str = ""
    order: int = 0
    """Negative and falling with each version of a key, so that newer ones sort first."""
    etag: str = ""
    """Without its quotes."""
    size: int = 0
    extents: tuple[Extent, ...] = ()
    headers: dict[str, Any] = {}
    """System metadata by AWS's member names: ContentType, CacheControl, ..."""
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum: Checksum | None = None
    parts: tuple[PartInfo, ...] = ()
    account: str = ""
    """The account that stored it."""
    is_delete_marker: bool = False
    encryption: Encryption | None = None
    lock_mode: str = ""
    """ "GOVERNANCE" or "COMPLIANCE", until `lock_until`."""
    lock_until: datetime | None = None
    legal_hold: str = ""
    """ "ON", "OFF", or "" for never set."""
    grants: tuple[tuple[str, str, str], ...] = ()
    """(type, id or URI, permission) of its access control list; () for the owner's full control alone."""
    replication: str = ""
    """ "PENDING", "COMPLETED", "FAILED" or "REPLICA"."""
    upload_id: str = ""
    """The multipart upload that made it, so that completing it once more gets the same answer."""
    restoring: bool = False
    restored_until: datetime | None = None
    """Until when an archived object's copy can be read."""
    accessed: datetime | None = None
    """When an object of the class INTELLIGENT_TIERING was last read, to the day; None for never since it was stored."""
    archive_tier: str = ""
    """The tier that Intelligent-Tiering archived it to: "ARCHIVE_ACCESS" or "DEEP_ARCHIVE_ACCESS"."""


@record("s3.object", key=("bucket", "key"), scope="world", blobs=blob_ids)
class Object(Stored, kw_only=True):
    """The newest version of a key."""


@record(
    "s3.version",
    key=("bucket", "key", "order"),
    scope="world",
    indexes={"id": ("bucket", "key", "version_id")},
    blobs=blob_ids,
)
class Version(Stored, kw_only=True):
    """An older version, or a delete marker."""


def as_version(stored: Stored) -> Version:
    """The same in the table of older versions."""
    return Version(**{name: getattr(stored, name) for name in stored.__struct_fields__})


def as_object(stored: Stored) -> Object:
    """The same in the table of newest versions."""
    return Object(**{name: getattr(stored, name) for name in stored.__struct_fields__})


def shown_version(bucket: Bucket, stored: Stored) -> str | None:
    """The version id that an answer carries; None in a bucket that never had versions."""
    return (stored.version_id or NULL) if bucket.versioning else None


# Finding


def find_object(ctx: Context, bucket: Bucket, key: str, version_id: str | None = None, method: str = "GET") -> Stored:
    """The object as a reader sees it. Raises NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker asked for by its id."""
    if version_id is None:
        current = ctx.get(Object, bucket.name, key)
        if current is not None:
            return current
        newest = newest_version(ctx, bucket, key) if bucket.versioning else None
        if newest is not None:
            _check_may_list(ctx, bucket)
            raise errors.no_such_key(key, x_amz_delete_marker="true", x_amz_version_id=newest.version_id or NULL)
        _check_may_list(ctx, bucket)
        raise errors.no_such_key(key)
    found = find_version(ctx, bucket, key, version_id)
    if found is None:
        raise errors.no_such_version(key, version_id)
    if found.is_delete_marker:
        stamp = last_modified_header(found)
        headers = {"x_amz_delete_marker": "true", "x_amz_version_id": version_id, "allow": "DELETE", "last_modified": stamp}
        raise errors.method_not_allowed(method, "DeleteMarker", **headers)
    return found


def _check_may_list(ctx: Context, bucket: Bucket) -> None:
    """Who may not list a bucket does not learn which keys it lacks."""
    owns = ctx.principal.kind == "root" and ctx.principal.account == bucket.account
    if not owns and not ctx.world.host.allowed(ctx, "s3:ListBucket", bucket.reached_by or bucket.arn):
        raise errors.access_denied()


def find_version(ctx: Context, bucket: Bucket, key: str, version_id: str) -> Stored | None:
    """The version or delete marker of that id on the wire; raises InvalidArgument for what no version was ever called."""
    wanted = "" if version_id == NULL else version_id
    if version_id != NULL and not (len(version_id) == 32 and version_id.isalnum()):
        words = "Version id cannot be the empty string" if not version_id else "Invalid version id specified"
        raise errors.invalid_argument(words, "versionId", version_id)
    current = ctx.get(Object, bucket.name, key)
    if current is not None and current.version_id == wanted:
        return current
    return ctx.where(Version, bucket=bucket.name, key=key, version_id=wanted).first()


def newest_version(ctx: Context, bucket: Bucket, key: str) -> Version | None:
    """The newest of what lies in the table of older versions."""
    return ctx.where(Version, bucket=bucket.name, key=key).first()


def last_modified_header(stored: Stored) -> str:
    """When it was stored, as an HTTP date."""
    from email.utils import format_datetime

    return format_datetime(stored.modified, usegmt=True)


# Storing


def store(ctx: Context, bucket: Bucket, stored: Object) -> Object:
    """Makes `stored` its key's newest version, by the bucket's rules for versions; gives it with its version id."""
    if not bucket.versioning:
        return ctx.put(stored)
    current = ctx.get(Object, bucket.name, stored.key)
    return ctx.put(replace(stored, **_step_aside(ctx, bucket, stored.key, current)))


def _step_aside(ctx: Context, bucket: Bucket, key: str, current: Object | None) -> dict[str, Any]:
    """Makes room for a new newest version; gives its version id and order."""
    older = newest_version(ctx, bucket, key)
    order = min(current.order if current else 0, older.order if older else 0) - 1
    enabled = bucket.versioning == "Enabled"
    if current is not None and (enabled or current.version_id):
        ctx.put(as_version(current))
    if enabled:
        return {"version_id": ctx.ids.text(ALNUM, 32), "order": order}
    # There is one null version at most.
    for null in list(ctx.where(Version, bucket=bucket.name, key=key, version_id="")):
        ctx.delete(null)
    return {"version_id": "", "order": order}


# Removing


def remove(ctx: Context, bucket: Bucket, key: str, current: Object | None) -> Version | None:
    """Deletes a key: for good, or behind a delete marker, which is returned."""
    if not bucket.versioning:
        if current is not None:
            ctx.delete(current)
        return None
    place = _step_aside(ctx, bucket, key, current)
    if current is not None:
        ctx.delete(current)
    marker = Version(bucket=bucket.name, key=key, modified=ctx.now, account=ctx.account, is_delete_marker=True, **place)
    return ctx.put(marker)


def remove_version(ctx: Context, bucket: Bucket, found: Stored) -> None:
    """Deletes one version for good; what lay below it comes to light."""
    ctx.delete(found)
    newest = newest_version(ctx, bucket, found.key)
    if newest is not None and not newest.is_delete_marker and ctx.get(Object, bucket.name, found.key) is None:
        ctx.delete(newest)
        ctx.put(as_object(newest))
