"""ListObjects and ListObjectsV2: keys in UTF-8 order, rolled up at a delimiter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket, owner
from cloudjar.services.s3.checksums import listed
from cloudjar.services.s3.objects import Object, Stored

MOST_KEYS = 1000

PATIENCE = 32
"""So many keys of one common prefix are stepped over before the walk seeks past the rest of them."""


class Keyed(Protocol):
    """Anything that a listing may be of."""

    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


@dataclass(slots=True)
class Page:
    """What one page holds, and the last key or common prefix in it."""

    items: list[Any] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    truncated: bool = False


def walk(first: Iterator[K], seek: Callable[[str], Iterator[K]], prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """One page of keys with `prefix`.

    `first` begins with the first key that may be in it; `seek(key)` begins anew from a key on. A common prefix counts as one. When `after`,
    the marker, is itself a common prefix, that one has been given already.
    """
    page = Page()
    if limit == 0:
        return page
    rows = first
    group = ""
    if delimiter and after.startswith(prefix):
        end = after.find(delimiter, len(prefix))
        if end >= 0 and end + len(delimiter) == len(after):
            group = after
    skipped = 0
    while (item := next(rows, None)) is not None:
        key = item.key
        if not key.startswith(prefix):
            break
        if group and key.startswith(group):
            skipped += 1
            if skipped > PATIENCE:
                following = after_prefix(group)
                if following is None:
                    break
                rows, skipped = seek(following), 0
            continue
        if len(page.items) + len(page.prefixes) == limit:
            page.truncated = True
            break
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end >= 0:
            group, skipped = key[: end + len(delimiter)], 0
            page.prefixes.append(group)
            page.last = group
        else:
            page.items.append(item)
            page.last = key
    return page


def after_prefix(prefix: str) -> str | None:
    """The first text, in UTF-8 order, after all that start with `prefix`; None if there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == 0xD800:
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return None


def encoder(req: dict[str, Any]) -> Callable[[str], str]:
    """How keys are written: as they are, or percent-encoded where the client asked for it."""
    kind = req.get("EncodingType")
    if kind is None:
        return str
    if kind != "url":
        raise errors.invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", kind)
    return lambda text: quote(text, safe="/-_.*")


def read_limit(req: dict[str, Any], member: str = "MaxKeys", name: str = "max-keys") -> int:
    """How many the page may hold; S3 never gives more than 1,000."""
    limit = int(req.get(member, MOST_KEYS))
    if limit < 0:
        raise errors.invalid_argument(f"Argument {name} must be an integer between 0 and 2147483647", name, limit)
    return limit


def object_to_wire(bucket: Bucket, stored: Stored, write: Callable[[str], str], *, with_owner: bool) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "Key": write(stored.key),
        "LastModified": stored.modified.replace(microsecond=0),
        "ETag": f'"{stored.etag}"',
        **listed(stored),
        "Size": stored.size,
    }
    if with_owner:
        wire["Owner"] = owner(bucket.account)
    wire["StorageClass"] = stored.storage_class
    return wire


def read_optional(req: dict[str, Any]) -> bool:
    """Whether a listing is to tell of restores: the one attribute that is told only when it is asked for. InvalidArgument."""
    asked = req.get("OptionalObjectAttributes") or []
    for name in asked:
        if name != "RestoreStatus":
            raise errors.invalid_argument("Invalid attribute name specified", "x-amz-optional-object-attributes", name)
    return bool(asked)


def restore_to_wire(ctx: Context, stored: Stored) -> dict[str, Any]:
    """How an archived object's restore stands; nothing for one that has none."""
    if stored.restoring:
        return {"RestoreStatus": {"IsRestoreInProgress": True}}
    if stored.restored_until is None or stored.restored_until <= ctx.now:
        return {}
    return {"RestoreStatus": {"IsRestoreInProgress": False, "RestoreExpiryDate": stored.restored_until}}


def _page(ctx: Context, bucket: Bucket, req: dict[str, Any], after: str, limit: int) -> Page:
    rows = ctx.where(Object, bucket=bucket.name)
    prefix = req.get("Prefix", "")
    first = rows.starting(max(prefix, after + "\0" if after else ""))
    return walk(iter(first), lambda key: iter(rows.starting(key)), prefix, req.get("Delimiter", ""), after, min(limit, MOST_KEYS))


def _answer(ctx: Context, req: dict[str, Any], bucket: Bucket, page: Page, limit: int, *, with_owner: bool) -> dict[str, Any]:
    write = encoder(req)
    contents = [object_to_wire(bucket, stored, write, with_owner=with_owner) for stored in page.items]
    if read_optional(req):
        contents = [item | restore_to_wire(ctx, stored) for item, stored in zip(contents, page.items, strict=True)]
    answer: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": write(req.get("Prefix", "")),
        "MaxKeys": min(limit, MOST_KEYS),
        "IsTruncated": page.truncated,
        "Contents": contents,
        "CommonPrefixes": [{"Prefix": write(prefix)} for prefix in page.prefixes],
    }
    if req.get("Delimiter"):
        answer["Delimiter"] = write(req["Delimiter"])
    if "EncodingType" in req:
        answer["EncodingType"] = req["EncodingType"]
    return answer


@operation(on=bucket_arn)
def list_objects(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    limit, marker = read_limit(req), req.get("Marker", "")
    page = _page(ctx, bucket, req, marker, limit)
    answer = _answer(ctx, req, bucket, page, limit, with_owner=True)
    write = encoder(req)
    answer["Marker"] = write(marker)
    if page.truncated and req.get("Delimiter"):
        answer["NextMarker"] = write(page.last)
    return answer


@operation(on=bucket_arn)
def list_objects_v2(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    limit, after = read_limit(req), req.get("StartAfter", "")
    token = req.get("ContinuationToken")
    if token is not None:
        if not token:
            raise errors.bad_token()
        try:
            after = decode_token(token, errors.bad_token()).decode()
        except UnicodeDecodeError:
            raise errors.bad_token() from None
    page = _page(ctx, bucket, req, after, limit)
    answer = _answer(ctx, req, bucket, page, limit, with_owner=bool(req.get("FetchOwner")))
    answer["KeyCount"] = len(page.items) + len(page.prefixes)
    if token is not None:
        answer["ContinuationToken"] = token
    if req.get("StartAfter"):
        answer["StartAfter"] = encoder(req)(req["StartAfter"])
    if page.truncated:
        answer["NextContinuationToken"] = encode_token(page.last.encode())
    return answer
