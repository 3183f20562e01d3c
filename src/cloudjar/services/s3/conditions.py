"""Conditional requests. Source: RFC 9110, 13; "Conditional requests" in the Amazon S3 User Guide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.errors import not_implemented
from cloudjar.services.s3 import errors
from cloudjar.services.s3.objects import Stored


def etag_matches(condition: str, etag: str) -> bool:
    """Whether If-Match or If-None-Match names this entity tag: `*`, or a list of tags with or without quotes."""
    if condition.strip() == "*":
        return True
    return any(_bare(item) == etag for item in condition.split(","))


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')


def modified_since(stored: Stored, moment: datetime) -> bool:
    """HTTP dates carry whole seconds, and so does the comparison."""
    return stored.modified.replace(microsecond=0) > moment


def check_read(req: dict[str, Any], stored: Stored, headers: dict[str, str]) -> None:
    """Raises PreconditionFailed or NotModified (with `headers`) as a GET or HEAD with these conditions gets them."""
    if "IfMatch" in req:
        if not etag_matches(req["IfMatch"], stored.etag):
            raise errors.precondition_failed("If-Match")
    elif "IfUnmodifiedSince" in req and modified_since(stored, req["IfUnmodifiedSince"]):
        raise errors.precondition_failed("If-Unmodified-Since")
    if "IfNoneMatch" in req:
        if etag_matches(req["IfNoneMatch"], stored.etag):
            raise errors.not_modified(headers)
    elif "IfModifiedSince" in req and not modified_since(stored, req["IfModifiedSince"]):
        raise errors.not_modified(headers)


def check_source(req: dict[str, Any], stored: Stored) -> None:
    """Raises PreconditionFailed when a copy's conditions on its source do not hold."""
    if "CopySourceIfMatch" in req:
        if not etag_matches(req["CopySourceIfMatch"], stored.etag):
            raise errors.precondition_failed("x-amz-copy-source-If-Match")
    elif "CopySourceIfUnmodifiedSince" in req and modified_since(stored, req["CopySourceIfUnmodifiedSince"]):
        raise errors.precondition_failed("x-amz-copy-source-If-Unmodified-Since")
    if "CopySourceIfNoneMatch" in req:
        if etag_matches(req["CopySourceIfNoneMatch"], stored.etag):
            raise errors.precondition_failed("x-amz-copy-source-If-None-Match")
    elif "CopySourceIfModifiedSince" in req and not modified_since(stored, req["CopySourceIfModifiedSince"]):
        raise errors.precondition_failed("x-amz-copy-source-If-Modified-Since")


def check_form(req: dict[str, Any], operation: str) -> None:
    """Refuses the conditions that S3 does not take on writes, before any byte is read."""
    if "IfNoneMatch" in req and req["IfNoneMatch"].strip() != "*":
        # S3's own words for If-None-Match with an entity tag on a write.
        raise not_implemented("s3", operation, "If-None-Match with anything but *")


def check_write(req: dict[str, Any], current: Stored | None, key: str) -> None:
    """Raises PreconditionFailed or NoSuchKey when a write's conditions do not hold for what is there now."""
    if "IfNoneMatch" in req and current is not None:
        raise errors.precondition_failed("If-None-Match")
    if "IfMatch" in req:
        if current is None:
            raise errors.no_such_key(key)
        if not etag_matches(req["IfMatch"], current.etag):
            raise errors.precondition_failed("If-Match")


def check_delete(req: dict[str, Any], current: Stored | None, key: str) -> None:
    """The same for a delete, which may also name the time and size."""
    if "IfMatch" in req:
        if current is None:
            # A delete that matches anything is content with nothing.
            if req["IfMatch"].strip() == "*":
                raise errors.precondition_failed("If-Match")
            raise errors.no_such_key(key)
        if not etag_matches(req["IfMatch"], current.etag):
            raise errors.precondition_failed("If-Match")
    if "IfMatchLastModifiedTime" in req and (
        current is None or current.modified.replace(microsecond=0) != req["IfMatchLastModifiedTime"].replace(microsecond=0)
    ):
        raise errors.precondition_failed("x-amz-if-match-last-modified-time")
    if "IfMatchSize" in req and (current is None or current.size != req["IfMatchSize"]):
        raise errors.precondition_failed("x-amz-if-match-size")
