"""Every error of Systems Manager, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError

_NAME_RULES = (
    "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers "
    "and the following 3 symbols .-_"
)


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def parameter_not_found() -> AwsError:
    return AwsError("ParameterNotFound", "")


def version_not_found(name: str, selector: str) -> AwsError:
    return AwsError(
        "ParameterVersionNotFound", f"Systems Manager could not find version {selector} of {name}. Verify the version and try again."
    )


def label_not_found(name: str, label: str) -> AwsError:
    return AwsError("ParameterVersionNotFound", f"Systems Manager could not find label {label} of {name}. Verify the label and try again.")


def parameter_exists() -> AwsError:
    return AwsError(
        "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    )


# Names


def reserved_name(name: str) -> AwsError:
    return AwsError("AccessDeniedException", f"No access to reserved parameter name: {name}.", status=400)


def bad_name(prefix: str) -> AwsError:
    return invalid(f'Parameter name: can\'t be prefixed with "{prefix}" (case-insensitive). {_NAME_RULES}')


def not_qualified() -> AwsError:
    return invalid("Parameter name must be a fully qualified name.")


def name_too_long(limit: int) -> AwsError:
    return invalid(f"Parameter name is too long: with the ARN before it, it can have at most {limit} characters.")


def too_deep() -> AwsError:
    return AwsError(
        "HierarchyLevelLimitExceededException",
        "A hierarchy can have a maximum of 15 levels. For more information, see Requirements and constraints for parameter names in the "
        "AWS Systems Manager User Guide.",
    )


def bad_path() -> AwsError:
    return invalid(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be "
        'prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - '
        "(hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "
        '"/". Valid example: /get/parameters2-/by1./path0_.'
    )


# Values


def type_needed() -> AwsError:
    return invalid("A parameter type is required when you create a parameter.")


def type_changes() -> AwsError:
    return AwsError(
        "HierarchyTypeMismatchException",
        "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String "
        "type to a SecureString type. You must create a new, unique parameter.",
    )


def empty_value() -> AwsError:
    return invalid(
        "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1"
    )


def nested_value() -> AwsError:
    return invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.')


def too_long_for_standard() -> AwsError:
    return invalid(
        "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the "
        "parameter to use the advanced-parameter tier. For more information, see "
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
    )


def too_long_for_advanced() -> AwsError:
    return invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")


def no_downgrade() -> AwsError:
    return invalid(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the "
        "standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter."
    )


def tags_with_overwrite() -> AwsError:
    return invalid(
        "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To "
        "update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."
    )


def key_without_secure_string() -> AwsError:
    return invalid("KeyId is required for SecureString type parameter only.")


def bad_pattern(pattern: str) -> AwsError:
    return AwsError("InvalidAllowedPatternException", f"The regular expression is not valid: {pattern}")


def pattern_mismatch(pattern: str) -> AwsError:
    return AwsError("ParameterPatternMismatchException", f"Parameter value, cannot be validated against allowedPattern: {pattern}")


def too_many_versions(name: str, oldest: int) -> AwsError:
    return AwsError(
        "ParameterMaxVersionLimitExceeded",
        f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. Version {oldest}, the "
        "oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, "
        "and try again.",
    )


def not_of_data_type(data_type: str) -> AwsError:
    return invalid(f"The parameter value does not conform to the data type {data_type}.")


def bad_data_type(name: str) -> AwsError:
    return invalid(f"The following data type is not supported: {name} (Data type names are all lowercase.)")


def invalid_key(message: str) -> AwsError:
    return AwsError("InvalidKeyId", message)


# Labels, policies, filters, tags


def too_many_labels(name: str, version: int) -> AwsError:
    return AwsError(
        "ParameterVersionLabelLimitExceeded",
        f"An error occurred while labelling version {version} of {name}: a parameter version can have a maximum of ten labels.",
    )


def policies_need_advanced() -> AwsError:
    return invalid("Parameter policies can only be used with parameters of the advanced-parameter tier.")


def bad_policies(message: str) -> AwsError:
    return AwsError("InvalidPolicyAttributeException", message)


def bad_policy_type(name: str) -> AwsError:
    return AwsError(
        "InvalidPolicyTypeException",
        f"The policy type is not supported: {name}. Use Expiration, ExpirationNotification or NoChangeNotification.",
    )


def incompatible_policies() -> AwsError:
    return AwsError("IncompatiblePolicyException", "An ExpirationNotification policy needs an Expiration policy.")


def too_many_policies() -> AwsError:
    return AwsError(
        "PoliciesLimitExceededException",
        "You specified more than the maximum number of allowed policies for the parameter. The maximum is 10.",
    )


def bad_filter_key(key: str) -> AwsError:
    return AwsError("InvalidFilterKey", f"The specified filter key is not valid here: {key}.")


def bad_filter_option(option: str, key: str) -> AwsError:
    return AwsError("InvalidFilterOption", f"The following filter option is not valid: {option}. It does not go with the key {key}.")


def bad_filter_value(message: str) -> AwsError:
    return AwsError("InvalidFilterValue", message)


def two_kinds_of_filters() -> AwsError:
    return invalid("You can use either Filters or ParameterFilters in a single request.")


def invalid_token() -> AwsError:
    return AwsError("InvalidNextToken", "The specified token is not valid.")


def resource_not_found(identifier: str) -> AwsError:
    return AwsError(
        "InvalidResourceId", f"The resource ID {identifier!r} is not valid. Verify that you entered the correct ID and try again."
    )


def secret_needs_decryption() -> AwsError:
    return invalid("WithDecryption flag must be True for retrieving a Secret Manager secret.")


# Resource policies


def bad_resource_policy(message: str) -> AwsError:
    return AwsError("ResourcePolicyInvalidParameterException", message)


def malformed_resource_policy(message: str) -> AwsError:
    return AwsError("MalformedResourcePolicyDocumentException", message)


def too_many_resource_policies() -> AwsError:
    return AwsError("ResourcePolicyLimitExceededException", "A parameter can have one resource policy. Name its PolicyId to change it.")


def no_such_resource_policy(policy_id: str) -> AwsError:
    return AwsError("ResourcePolicyNotFoundException", f"The resource policy {policy_id} does not exist.")


def resource_policy_has_changed() -> AwsError:
    return AwsError("ResourcePolicyConflictException", "The hash provided in the call does not match the stored hash.")


def shared_resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The resource {arn} does not exist.")


def no_such_setting(setting: str) -> AwsError:
    return AwsError("ServiceSettingNotFound", f"The service setting {setting} was not found.")
