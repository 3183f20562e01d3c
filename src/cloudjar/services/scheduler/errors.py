"""Every error of EventBridge Scheduler, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def schedule_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.")


def group_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Schedule group {name} does not exist.")


def resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Resource {arn} does not exist.")


def schedule_exists(name: str) -> AwsError:
    return AwsError("ConflictException", f"Schedule {name} already exists.")


def group_exists(name: str) -> AwsError:
    return AwsError("ConflictException", f"Schedule group {name} already exists.")


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def invalid_expression(text: str) -> AwsError:
    return invalid(f"Invalid Schedule Expression {text}.")
