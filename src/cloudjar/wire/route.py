"""Which service, Region and protocol a request is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Route:
    """Where a request goes. Nothing here is checked yet: the signature is identity's to judge."""

    service: str
    """botocore's directory name."""
    protocol: str
    region: str | None = None
    access_key: str | None = None
    virtual_bucket: str | None = None
    """The bucket that the host named; `path` already begins with it."""
    path: str = "/"
    """The path for the parser: the request's own, or "/BUCKET" and the request's own."""
    operation: str = ""
    """The operation's name, where a header or the path says it (json, cbor)."""
    signing_name: str | None = None
    presigned: bool = False
