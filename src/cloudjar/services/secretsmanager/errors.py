"""Every error of Secrets Manager, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def secret_not_found() -> AwsError:
    return AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def value_not_found(what: str, which: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Secrets Manager can't find the specified secret value for {what}: {which}")


def no_such_version(which: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Secrets Manager can't find the specified secret version: {which}.")


def secret_exists(name: str) -> AwsError:
    return AwsError("ResourceExistsException", f"The operation failed because the secret {name} already exists.")


def name_is_being_deleted() -> AwsError:
    return request("You can't create this secret because a secret with this name is already scheduled for deletion.")


def token_in_use(token: str, arn: str) -> AwsError:
    return AwsError(
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}.",
    )


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def request(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


def bad_name() -> AwsError:
    return AwsError(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    )


def two_values() -> AwsError:
    return parameter("You can't specify both a binary secret value and a string secret value in the same secret.")


def no_value() -> AwsError:
    return request("You must provide either SecretString or SecretBinary.")


def marked_for_deletion() -> AwsError:
    return request("You can't perform this operation on the secret because it was marked for deletion.")


def already_marked() -> AwsError:
    return request("You can't perform this operation on the secret because it was already scheduled for deletion.")


def bad_window() -> AwsError:
    return parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")


def window_and_force() -> AwsError:
    return parameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")


def still_replicated(name: str, regions: list[str]) -> AwsError:
    return request(f"You can't delete secret {name} that still has replica regions {regions}")


def is_replica() -> AwsError:
    return request("Operation not permitted on a replica secret. Call must be made in primary secret's region.")


def is_cross_account_replica() -> AwsError:
    return request("Operation not permitted on a cross-account replica secret. Call must be made on the primary secret.")


def not_with_cross_account_primary(member: str) -> AwsError:
    return parameter(f"You can't use {member} in conjunction with CrossAccountPrimaryARN.")


def bad_cross_account_primary() -> AwsError:
    return parameter("CrossAccountPrimaryARN must be the ARN of a secret in another account, in the same Region and partition.")


def customer_key_needed() -> AwsError:
    return parameter("A cross-account replica secret must be encrypted with a customer managed key.")


def bad_cross_account_replica() -> AwsError:
    return parameter("CrossAccountReplicaARN must be the ARN of a secret in another account, in the same Region and partition.")


def not_meant_for_primary(arn: str) -> AwsError:
    return request(f"The secret {arn} was not created as a cross-account replica of this secret.")


def not_associated(arn: str) -> AwsError:
    return request(f"The secret {arn} is not a cross-account replica of this secret.")


def one_cross_account_replica() -> AwsError:
    return AwsError("LimitExceededException", "A secret can have at most one cross-account replica.")


def other_organization() -> AwsError:
    return request("The replica secret's account is not in the same organization as the primary secret's account.")


def still_associated(name: str, arn: str) -> AwsError:
    return request(f"You can't delete secret {name} that is still associated with the cross-account replica {arn}")


def access_denied(who: str, action: str, arn: str) -> AwsError:
    return AwsError("AccessDeniedException", f"User: {who} is not authorized to perform: {action} on resource: {arn}", status=400)


def is_no_replica() -> AwsError:
    return request("Operation not permitted on a primary secret. Call must be made in the replica secret's region.")


# Staging labels


def stage_is_elsewhere(stage: str, version: str) -> AwsError:
    return parameter(
        f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {version}, so you must "
        "explicitly reference that version in RemoveFromVersionId."
    )


def stage_is_not_there(stage: str, version: str) -> AwsError:
    return parameter(f"The staging label {stage} is not attached to version {version}.")


def current_only_moves() -> AwsError:
    return parameter("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")


def too_many_stages() -> AwsError:
    return AwsError("LimitExceededException", "A version of a secret can have at most 20 staging labels.")


# Encryption


def encryption_failed(message: str) -> AwsError:
    return AwsError("EncryptionFailure", f"Secrets Manager can't encrypt the secret value: {message}")


def decryption_failed(message: str) -> AwsError:
    return AwsError("DecryptionFailure", f"Secrets Manager can't decrypt the secret value: {message}")


# Policies


def default_policy_only(name: str) -> AwsError:
    return parameter(f"You can't change the resource policy {name}: only the policy named default can be attached and deleted.")


def policy_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Secrets Manager can't find the resource policy {name}.")


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def public_policy() -> AwsError:
    return AwsError("PublicPolicyException", "You can't grant broad access to the secret: the resource policy allows public access.")


# Rotation


def no_rotation_function() -> AwsError:
    return request("No Lambda rotation function ARN is associated with this secret.")


def rotation_in_progress() -> AwsError:
    return request("A previous rotation isn't complete. That rotation will be reattempted.")


def function_refused() -> AwsError:
    return AwsError(
        "AccessDeniedException",
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal "
        "secretsmanager.amazonaws.com.",
        status=400,
    )


def bad_schedule(message: str) -> AwsError:
    return parameter(f"The schedule expression is not valid: {message}")


# Lists and passwords


def invalid_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken value is invalid.")


def list_or_filters() -> AwsError:
    return parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")


def password_too_short() -> AwsError:
    return parameter("Password length is too short based on the required types.")


def no_characters() -> AwsError:
    return parameter("No characters are left to make a password of.")


def default_key_of_another_account() -> AwsError:
    words = "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."
    return request(words)
