"""Names of buckets and keys. Source: "General purpose bucket naming rules" in the Amazon S3 User Guide."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from cloudjar.services.s3 import errors

LONGEST_KEY = 1024

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED_STARTS = ("xn--", "sthree-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Raises InvalidBucketName for what no bucket may be called."""
    if (
        not _BUCKET.fullmatch(name)
        or ".." in name
        or _ADDRESS.fullmatch(name)
        or name.startswith(_RESERVED_STARTS)
        or name.endswith(_RESERVED_ENDS)
    ):
        raise errors.invalid_bucket_name(name)


def check_new_bucket_name(name: str, namespace: str, account: str, region: str) -> None:
    """The same for a bucket that is to be made: in an account's own namespace it has to say whose and where, and elsewhere must not."""
    check_bucket_name(name)
    if namespace not in ("global", "account-regional"):
        raise errors.invalid_argument(f"Invalid x-amz-bucket-namespace header: {namespace}", "x-amz-bucket-namespace", namespace)
    ending = f"-{account}-{region}-an"
    if name.endswith(ending) != (namespace == "account-regional") or (name.endswith("-an") and not name.endswith(ending)):
        raise errors.invalid_bucket_name(name)


def check_key(key: str) -> None:
    """Raises KeyTooLongError for keys of more than 1,024 bytes of UTF-8."""
    if len(key) * 4 > LONGEST_KEY:
        size = len(key.encode())
        if size > LONGEST_KEY:
            raise errors.key_too_long(size)


@lru_cache(maxsize=256)
def canonical_user(account: str) -> str:
    """The 64 letters that S3 knows an account by."""
    return hashlib.sha256(f"canonical user {account}".encode()).hexdigest()
