"""Every error of CloudWatch Logs, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def group_not_found() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def stream_not_found() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The specified resource does not exist: {arn}")


def group_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")


def group_protected() -> AwsError:
    return AwsError("ValidationException", "The log group has deletion protection enabled. Disable it before you delete the log group.")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def one_of_name_and_identifier() -> AwsError:
    return invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")


def invalid_retention(days: int) -> AwsError:
    return invalid(f"Invalid value for parameter: retentionInDays. {days} is not a valid retention period.")


def invalid_token() -> AwsError:
    return invalid("The specified nextToken is invalid.")


def events_out_of_order() -> AwsError:
    return invalid("Log events in a single PutLogEvents request must be in chronological order.")


def batch_too_long() -> AwsError:
    return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")


def batch_too_large(size: int, limit: int) -> AwsError:
    return invalid(f"Upload too large: {size} bytes exceeds limit of {limit}")


def event_too_large(size: int, limit: int) -> AwsError:
    return invalid(f"Log event too large: {size} bytes exceeds limit of {limit}")


def bad_pattern(message: str) -> AwsError:
    return invalid(f"Invalid filter pattern: {message}")


def filter_not_found(kind: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The specified {kind} filter does not exist.")


def limit_exceeded() -> AwsError:
    return AwsError("LimitExceededException", "Resource limit exceeded.")


def cannot_invoke() -> AwsError:
    return invalid("Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.")


def malformed_query(message: str) -> AwsError:
    return AwsError("MalformedQueryException", message)


def query_not_found(query: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Query {query} does not exist.")


def key_not_allowed(arn: str) -> AwsError:
    return AwsError("AccessDeniedException", f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'")


def not_authorized(who: str, action: str, arn: str) -> AwsError:
    message = (
        f"User: {who} is not authorized to perform: {action} on resource: {arn} because no identity-based policy allows the {action} action"
    )
    return AwsError("AccessDeniedException", message)


def invalid_policy(message: str) -> AwsError:
    return invalid(f"Invalid policy document: {message}.")


def no_policy_on_group() -> AwsError:
    return AwsError("ResourceNotFoundException", "Data protection policy does not exist on log group.")


def account_policy_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Policy with name [{name}] does not exist.")


def invalid_transformer(message: str) -> AwsError:
    return invalid(f"Invalid transformer configuration: {message}.")


def only_standard() -> AwsError:
    return AwsError("ValidationException", "This operation is supported only for log groups of the Standard log class.")
