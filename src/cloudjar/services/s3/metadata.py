"""What is stored beside an object's bytes: system and user metadata, storage class, and what is refused."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.services.s3 import errors
from cloudjar.services.s3.acls import read_grants
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.locks import read_lock
from cloudjar.services.s3.tagging import read_tagging_header

SYSTEM = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires", "WebsiteRedirectLocation")
DEFAULT_TYPE = "binary/octet-stream"

LARGEST_METADATA = 2048
STORAGE_CLASSES = frozenset(
    (
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
    )
)
ARCHIVED = frozenset(("GLACIER", "DEEP_ARCHIVE"))
"""Storage classes whose objects are read only after a restore."""

_REFUSED = {
    "ObjectLockEventHold": "event holds",
    "WriteOffsetBytes": "appending to objects",
}


def refuse(req: dict[str, Any], operation: str) -> None:
    """NotImplemented for what a request asks for and cloudjar does not do."""
    if not _REFUSED.keys().isdisjoint(req):
        raise not_implemented("s3", operation, next(words for name, words in _REFUSED.items() if name in req))


def read_metadata(ctx: Context, req: dict[str, Any], bucket: Bucket, operation: str) -> dict[str, Any]:
    """The fields of a new object that its request gives: headers, metadata, storage_class, tags."""
    refuse(req, operation)
    account, grants = read_grants(ctx, bucket, req)
    fields: dict[str, Any] = {"headers": system_metadata(req), "account": account, **read_lock(ctx, bucket, req)}
    if grants:
        fields["grants"] = grants
    metadata = req.get("Metadata")
    if metadata:
        size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
        if size > LARGEST_METADATA:
            raise errors.metadata_too_large(size)
        fields["metadata"] = metadata
    if "StorageClass" in req:
        if req["StorageClass"] not in STORAGE_CLASSES:
            raise errors.invalid_storage_class()
        fields["storage_class"] = req["StorageClass"]
    if "Tagging" in req:
        fields["tags"] = read_tagging_header(req["Tagging"])
    return fields


def system_metadata(req: dict[str, Any]) -> dict[str, Any]:
    """Content-Type and its like; `aws-chunked` is how the body came, not what it is."""
    headers = {name: req[name] for name in SYSTEM if name in req}
    encoding = headers.get("ContentEncoding")
    if encoding is not None and "aws-chunked" in encoding:
        rest = ",".join(item.strip() for item in encoding.split(",") if item.strip() not in ("aws-chunked", ""))
        if rest:
            headers["ContentEncoding"] = rest
        else:
            del headers["ContentEncoding"]
    headers.setdefault("ContentType", DEFAULT_TYPE)
    redirect = headers.get("WebsiteRedirectLocation")
    if redirect is not None and not redirect.startswith(("/", "http://", "https://")):
        words = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
        raise errors.invalid_redirect(words)
    return headers
