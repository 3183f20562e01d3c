"""Every error of CloudWatch, in AWS's words."""

from __future__ import annotations

import json

from cloudjar.kernel.errors import AwsError


def invalid_value(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def invalid_combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def missing(message: str) -> AwsError:
    return AwsError("MissingParameter", message)


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def invalid_token() -> AwsError:
    return AwsError("InvalidNextToken", "The next token specified is invalid.")


def alarm_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Unknown alarm: {name}")


def alarms_not_found(names: list[str]) -> AwsError:
    return AwsError("ResourceNotFound", f"Unknown alarms: {', '.join(names)}")


def invalid_json(message: str) -> AwsError:
    return AwsError("InvalidFormat", message)


def resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Unknown resource: {arn}", members={"ResourceId": arn})


def dashboard_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Dashboard {name} does not exist", status=404)


def bad_dashboard(problems: list[tuple[str, str]]) -> AwsError:
    """`problems` are (path, message)."""
    told = [{"dataPath": path, "message": message} for path, message in problems]
    return AwsError(
        "InvalidParameterInput",
        f"The dashboard body is invalid, there are {len(told)} validation errors:\n{json.dumps(told, indent=2)}",
        members={"dashboardValidationMessages": [{"DataPath": path, "Message": message} for path, message in problems]},
    )


def dashboard_is_no_json() -> AwsError:
    message = "The field DashboardBody must be a valid JSON object"
    return AwsError("InvalidParameterInput", message, members={"dashboardValidationMessages": [{"DataPath": "/", "Message": message}]})


def detector_not_found() -> AwsError:
    return AwsError("ResourceNotFoundException", "Unknown anomaly detector", members={"ResourceType": "AnomalyDetector"})
