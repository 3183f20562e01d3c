"""Access Analyzer's errors, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, members={"reason": "other"})


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def not_found(kind: str, id: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{kind} {id} not found", members={"resourceId": id, "resourceType": kind})


def conflict(kind: str, id: str) -> AwsError:
    return AwsError("ConflictException", f"{kind} {id} already exists", members={"resourceId": id, "resourceType": kind})


def too_many(kind: str, id: str) -> AwsError:
    message = f"The maximum number of resources of type {kind} has been reached."
    return AwsError("ServiceQuotaExceededException", message, members={"resourceId": id, "resourceType": kind})
