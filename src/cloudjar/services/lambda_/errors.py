"""Every error that Lambda answers with, once."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.errors import AwsError


def _user(code: str, message: str, **members: Any) -> AwsError:
    return AwsError(code, message, members={"Type": "User", **members})


def function_not_found(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Function not found: {arn}")


def alias_not_found(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Cannot find alias arn: {arn}")


def layer_not_found(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"The resource you requested does not exist. Layer version {arn} does not exist.")


def no_policy() -> AwsError:
    return _user("ResourceNotFoundException", "The resource you requested does not exist.")


def no_statement(statement: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Statement {statement} is not found in resource policy.")


def policy_too_large(size: int, limit: int) -> AwsError:
    return _user("PolicyLengthExceededException", f"The final policy size ({size}) is bigger than the limit ({limit}).")


def execution_not_found(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Durable execution not found: {arn}")


def execution_exists(name: str) -> AwsError:
    message = f"An execution with the name {name} was already started with a different payload."
    return AwsError("DurableExecutionAlreadyStartedException", message, members={"Type": "User"})


def execution_not(status: str, what: str) -> AwsError:
    return _user("ResourceConflictException", f"A durable execution that is {status} cannot be {what}.")


def callback_not_found(callback: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Callback not found: {callback}")


def callback_over(callback: str) -> AwsError:
    return _user("CallbackTimeoutException", f"Callback {callback} has timed out or was completed before.")


def no_event_invoke_config(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig")


def other_region(region: str, here: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Functions from '{region}' are not reachable in this region ('{here}')")


def function_exists(name: str) -> AwsError:
    return _user("ResourceConflictException", f"Function already exist: {name}")


def alias_exists(arn: str) -> AwsError:
    return _user("ResourceConflictException", f"Alias already exists: {arn}")


def statement_exists(statement: str) -> AwsError:
    return _user(
        "ResourceConflictException",
        f"The statement id ({statement}) provided already exists. Please provide a new statement id, or remove the existing statement.",
    )


def version_has_aliases(aliases: list[str]) -> AwsError:
    return _user("ResourceConflictException", f"Version is referenced by aliases: [{', '.join(aliases)}]. Delete or update them first.")


def invalid(message: str) -> AwsError:
    return _user("InvalidParameterValueException", message)


def validation(value: object, member: str, constraint: str) -> AwsError:
    text = f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    return AwsError("ValidationException", text, status=400)


def role_not_assumable() -> AwsError:
    return invalid("The role defined for the function cannot be assumed by Lambda.")


def role_not_assumable_now() -> AwsError:
    return AwsError("AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.", status=403)


def revision_mismatch(kind: str) -> AwsError:
    return _user(
        "PreconditionFailedException",
        f"The Revision Id provided does not match the latest Revision Id. Call the {kind} API to retrieve the latest Revision Id",
    )


def bad_zip() -> AwsError:
    return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")


def unzipped_too_large(limit: int) -> AwsError:
    return invalid(f"Unzipped size must be smaller than {limit} bytes")


def s3_error(code: str, message: str) -> AwsError:
    return invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")


def payload_too_large(size: int, kind: str, limit: int) -> AwsError:
    return _user("RequestTooLargeException", f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)")


def request_too_large(limit: int, operation: str) -> AwsError:
    return AwsError(
        "RequestEntityTooLargeException", f"Request must be smaller than {limit} bytes for the {operation} operation", status=413
    )


def payload_not_json(detail: str) -> AwsError:
    return _user("InvalidRequestContentException", f"Could not parse request body into json: Could not parse payload into json: {detail}")


def throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", "Rate Exceeded.", members={"Type": "User", "Reason": reason})


def storage_exceeded() -> AwsError:
    return _user("CodeStorageExceededException", "Code storage limit exceeded.")


def service_failed(message: str) -> AwsError:
    return AwsError("ServiceException", message, status=500, members={"Type": "Service"})


def mapping_exists(source: str, function: str, uuid: str) -> AwsError:
    return _user(
        "ResourceConflictException",
        f'An event source mapping with event source arn (" {source} ") and function (" {function} ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}",
    )


def mapping_in_use(state: str) -> AwsError:
    return _user("ResourceInUseException", f"Cannot change the event source mapping because it is in state {state}.")


def url_exists(arn: str) -> AwsError:
    return _user(
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {arn}]. "
        "Error message:  FunctionUrlConfig exists for this Lambda function",
    )


def recursive(name: str) -> AwsError:
    return _user(
        "RecursiveInvocationException", f"Lambda has detected the function {name} being invoked in a recursive loop and stopped it."
    )


def snapshot_not_ready() -> AwsError:
    text = "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE."
    return AwsError("SnapStartNotReadyException", text, status=409, members={"Type": "User"})


def in_state(state: str) -> AwsError:
    return _user(
        "ResourceConflictException",
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}",
    )


def not_restored(status: str) -> AwsError:
    if status == "timeout":
        text = "Lambda couldn't restore the snapshot within the timeout limit."
        return AwsError("SnapStartTimeoutException", text, status=408, members={"Type": "User"})
    text = "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."
    return AwsError("SnapStartException", text, status=400, members={"Type": "User"})


def key_not_usable(error: AwsError) -> AwsError:
    return invalid(
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. "
        f"Please check your KMS key settings. KMS Exception: {error.code} KMS Message: {error.message}"
    )


_UNDECRYPTED = {
    "DisabledException": ("KMSDisabledException", "the KMS key used is disabled"),
    "NotFoundException": ("KMSNotFoundException", "the KMS key was not found"),
    "KMSInvalidStateException": ("KMSInvalidStateException", "the state of the KMS key used is not valid for Decrypt"),
}


def package_key_not_usable(error: AwsError) -> AwsError:
    return invalid(
        "Lambda was unable to encrypt your deployment package because the KMS key is invalid for GenerateDataKey. "
        f"Please check your KMS key settings. KMS Exception: {error.code} KMS Message: {error.message}"
    )


def filter_key_not_usable(error: AwsError) -> AwsError:
    return invalid(
        "Lambda was unable to encrypt your filter criteria because the KMS key is invalid for Encrypt. "
        f"Please check your KMS key settings. KMS Exception: {error.code} KMS Message: {error.message}"
    )


def cannot_decrypt(error: AwsError, what: str = "environment variables") -> AwsError:
    code, why = _UNDECRYPTED.get(error.code, ("KMSAccessDeniedException", "KMS access was denied"))
    text = (
        f"Lambda was unable to decrypt the {what} because {why}. Please check the function's KMS key settings. "
        f"KMS Exception: {error.code} KMS Message: {error.message}"
    )
    return AwsError(code, text, status=502, members={"Type": "Service"})
