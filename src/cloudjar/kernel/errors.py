"""The one exception that becomes an AWS error on the wire."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An AWS error answer: raised anywhere below the pipeline, rendered by the call's protocol.

    `code` is the error's wire code ("NoSuchBucket"). `status` is the HTTP status; None means the one that the
    service's model declares for the code, else 400. `members` are the error shape's own members, in AWS spelling,
    for example `{"Type": "User"}` or S3's `{"BucketName": ...}`.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int | None = None,
        members: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}
        self.headers = headers or {}


def not_implemented(service: str, operation: str, detail: str = "") -> AwsError:
    """The plain refusal: cloudjar does not do this. HTTP 501 in every protocol."""
    return AwsError("NotImplemented", f"cloudjar does not implement {service}:{operation}{': ' + detail if detail else ''}", status=501)
