"""The host names of static websites. Source: "Website endpoints" in the Amazon S3 User Guide."""

from __future__ import annotations

import re

_HOST = re.compile(
    r"(.+)\.s3-website(?:[.-][a-z0-9-]+)?\.(?:localhost|localhost\.localstack\.cloud|amazonaws\.com(?:\.cn)?)(?::\d+)?", re.IGNORECASE
)


def website_bucket(host: str) -> str | None:
    """The bucket in BUCKET.s3-website-REGION.amazonaws.com, or in BUCKET.s3-website.localhost with any port; None for other hosts."""
    if ".s3-website" not in host:
        return None
    match = _HOST.fullmatch(host)
    return match[1].lower() if match else None
