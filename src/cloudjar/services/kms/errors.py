"""Every error of KMS, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import Principal


def key_not_found(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Key '{arn}' does not exist")


def invalid_key_id(identifier: str) -> AwsError:
    return AwsError("NotFoundException", f"Invalid keyId '{identifier}'")


def invalid_arn(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Invalid arn {arn}")


def alias_not_found(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Alias {arn} is not found.")


def alias_exists(arn: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")


def invalid_alias_name() -> AwsError:
    return AwsError("ValidationException", "Invalid identifier")


def reserved_alias() -> AwsError:
    return AwsError("NotAuthorizedException", "")


def alias_characters(name: str) -> AwsError:
    return invalid(f"{name} contains invalid characters for an alias")


def alias_of_other_kind() -> AwsError:
    return AwsError("ValidationException", "The current and new KMS key must be the same type and have the same key usage.")


def access_denied(principal: Principal, action: str, arn: str) -> AwsError:
    return AwsError(
        "AccessDeniedException",
        f"User: {principal.arn} is not authorized to perform: {action} on resource: {arn} because the resource does not exist in this "
        "Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
        status=400,
    )


def ciphertext_of_unknown_key() -> AwsError:
    return AwsError(
        "AccessDeniedException",
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to "
        "access.",
        status=400,
    )


# Key states


def disabled(arn: str) -> AwsError:
    return AwsError("DisabledException", f"{arn} is disabled.")


def wrong_state(arn: str, state: str) -> AwsError:
    words = {
        "PendingDeletion": "is pending deletion",
        "PendingImport": "is pending import",
        "PendingReplicaDeletion": "is pending replica deletion",
        "Disabled": "is disabled",
    }
    return AwsError("KMSInvalidStateException", f"{arn} {words.get(state, 'is ' + state.lower())}.")


def not_pending_deletion(arn: str) -> AwsError:
    return AwsError("KMSInvalidStateException", f"{arn} is not pending deletion.")


def wrong_origin(arn: str, origin: str) -> AwsError:
    return AwsError("UnsupportedOperationException", f"{arn} origin is {origin} which is not valid for this operation.")


def wrong_key_kind(arn: str) -> AwsError:
    return AwsError("UnsupportedOperationException", f"The operation is not supported for the key spec of {arn}.")


# Values


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def unsupported(message: str) -> AwsError:
    return AwsError("UnsupportedOperationException", message)


def two_specs() -> AwsError:
    return invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")


def usage_needed() -> AwsError:
    return invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")


def usage_and_spec(usage: str, spec: str) -> AwsError:
    return invalid(f"KeyUsage {usage} is not compatible with KeySpec {spec}")


def wrong_usage(arn: str, usage: str, operation: str) -> AwsError:
    return AwsError("InvalidKeyUsageException", f"{arn} key usage is {usage} which is not valid for {operation}.")


def wrong_algorithm(algorithm: str, spec: str) -> AwsError:
    return AwsError("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}.")


def plaintext_too_long(algorithm: str, spec: str, limit: int) -> AwsError:
    return invalid(f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {limit} bytes.")


def digest_length(algorithm: str) -> AwsError:
    return invalid(f"Digest is invalid length for algorithm {algorithm}.")


def message_type(message_type_: str, algorithm: str) -> AwsError:
    return invalid(f"MessageType {message_type_} is not valid for algorithm {algorithm}.")


def context_with_asymmetric_key() -> AwsError:
    return invalid("EncryptionContext is not supported with asymmetric keys.")


def bytes_or_spec() -> AwsError:
    return invalid("Please specify either number of bytes or key spec.")


def bytes_needed() -> AwsError:
    return invalid("NumberOfBytes is required.")


def key_id_needed() -> AwsError:
    return invalid("KeyId is required for asymmetric encryption algorithms.")


def ciphertext_needed() -> AwsError:
    return invalid("1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")


def invalid_ciphertext() -> AwsError:
    return AwsError("InvalidCiphertextException", "")


def incorrect_key() -> AwsError:
    return AwsError("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")


def invalid_signature() -> AwsError:
    return AwsError("KMSInvalidSignatureException", "")


def invalid_mac() -> AwsError:
    return AwsError("KMSInvalidMacException", "")


def invalid_public_key() -> AwsError:
    return invalid("The public key is not valid, or is not on the curve of the KMS key.")


def dry_run() -> AwsError:
    return AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


def invalid_marker() -> AwsError:
    return AwsError("InvalidMarkerException", "Could not deserialize marker.")


# Policies, grants and tags


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def lockout() -> AwsError:
    return malformed_policy("The new key policy will not allow you to update the key policy in the future.")


def policy_too_long() -> AwsError:
    return AwsError("LimitExceededException", "The key policy is longer than 32768 bytes.")


def no_such_policy(name: str) -> AwsError:
    return AwsError("NotFoundException", f"No such policy exists: {name}")


def invalid_principal(principal: str) -> AwsError:
    return AwsError("InvalidArnException", f"ARN does not refer to a valid principal: {principal}")


def grant_not_found(identifier: str) -> AwsError:
    return AwsError("NotFoundException", f"Grant Id: {identifier} is not found")


def invalid_grant_token() -> AwsError:
    return AwsError("InvalidGrantTokenException", "The grant token is not valid.")


def key_store_not_found(which: str) -> AwsError:
    return AwsError("CustomKeyStoreNotFoundException", f"Custom key store {which} is not found.")


def repeated_tags() -> AwsError:
    return AwsError("TagException", "Duplicate tag keys")


# Imported material


def invalid_import_token() -> AwsError:
    return AwsError("InvalidImportTokenException", "")


def expired_import_token() -> AwsError:
    return AwsError("ExpiredImportTokenException", "")


def incorrect_material(message: str) -> AwsError:
    return AwsError("IncorrectKeyMaterialException", message)


def too_many_rotations(arn: str) -> AwsError:
    return AwsError("LimitExceededException", f"The limit of 25 on-demand rotations has been reached for {arn}.")


def replica_exists(region: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"A replica of this key already exists in {region}.")
