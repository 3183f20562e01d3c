"""Access Analyzer's errors, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, members={"reason": "other"})


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
