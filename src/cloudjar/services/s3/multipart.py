"""Multipart uploads. Source: "Uploading and copying objects using multipart upload" in the Amazon S3 User Guide."""

from __future__ import annotations

from cloudjar.kernel.context import Context


def drop_uploads(ctx: Context, bucket: str) -> None:
    """Forgets a bucket's unfinished uploads."""
