"""Every error of EventBridge Pipes, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def not_found(name: str) -> AwsError:
    return AwsError("NotFoundException", f"Pipe {name} does not exist.")


def exists(name: str) -> AwsError:
    return AwsError("ConflictException", f"Pipe {name} already exists.", members={"resourceId": name, "resourceType": "Pipe"})


def busy(name: str, state: str) -> AwsError:
    members = {"resourceId": name, "resourceType": "Pipe"}
    return AwsError("ConflictException", f"Pipe {name} is in state {state}: another operation on it is in progress.", members=members)


def invalid(field: str, message: str) -> AwsError:
    return AwsError("ValidationException", message, members={"fieldList": [{"name": field, "message": message}]})


def quota(most: int) -> AwsError:
    members = {"resourceId": "", "resourceType": "Pipe", "serviceCode": "pipes", "quotaCode": "L-F73C3A6D"}
    return AwsError("ServiceQuotaExceededException", f"The number of pipes exceeds the limit of {most}.", status=402, members=members)


def invalid_token() -> AwsError:
    return invalid("NextToken", "The NextToken is not valid.")
