"""IAM's errors, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def no_such_entity(message: str) -> AwsError:
    return AwsError("NoSuchEntity", message)


def user_not_found(name: str) -> AwsError:
    return no_such_entity(f"The user with name {name} cannot be found.")


def role_not_found(name: str) -> AwsError:
    return no_such_entity(f"The role with name {name} cannot be found.")


def group_not_found(name: str) -> AwsError:
    return no_such_entity(f"The group with name {name} cannot be found.")


def not_in_group(user: str, group: str) -> AwsError:
    return no_such_entity(f"The user with name {user} is not in the group {group}.")


def instance_profile_not_found(name: str) -> AwsError:
    return no_such_entity(f"Instance Profile {name} cannot be found.")


def role_not_in_profile(role: str, profile: str) -> AwsError:
    return no_such_entity(f"Role {role} is not in Instance Profile {profile}.")


def access_key_not_found(key_id: str) -> AwsError:
    return no_such_entity(f"The Access Key with id {key_id} cannot be found.")


def inline_policy_not_found(kind: str, name: str) -> AwsError:
    return no_such_entity(f"The {kind} policy with name {name} cannot be found.")


def policy_not_found(arn: str) -> AwsError:
    return no_such_entity(f"Policy {arn} was not found.")


def policy_not_attachable(arn: str) -> AwsError:
    return no_such_entity(f"Policy {arn} does not exist or is not attachable.")


def policy_version_not_found(arn: str, version: str) -> AwsError:
    return no_such_entity(f"Policy {arn} version {version} does not exist or is not attachable.")


def login_profile_not_found(user: str) -> AwsError:
    return no_such_entity(f"Login Profile for User {user} cannot be found.")


def password_policy_not_found(account: str) -> AwsError:
    return no_such_entity(f"The Password Policy with domain name {account} cannot be found.")


def alias_not_found(alias: str) -> AwsError:
    return no_such_entity(f"The account alias {alias} cannot be found.")


def mfa_device_not_found(serial: str) -> AwsError:
    return no_such_entity(f"VirtualMFADevice with serial number {serial} does not exist.")


def mfa_device_not_enabled(serial: str, user: str) -> AwsError:
    return no_such_entity(f"MFA Device invalid for user {user}: {serial}")


def oidc_provider_not_found(arn: str) -> AwsError:
    return no_such_entity(f"OpenIDConnect Provider not found for arn {arn}")


def saml_provider_not_found(arn: str) -> AwsError:
    return no_such_entity(f"Manifest not found for arn {arn}")


def server_certificate_not_found(name: str) -> AwsError:
    return no_such_entity(f"The Server Certificate with name {name} cannot be found.")


def signing_certificate_not_found(certificate_id: str) -> AwsError:
    return no_such_entity(f"The Certificate with id {certificate_id} cannot be found.")


def ssh_key_not_found(key_id: str) -> AwsError:
    return no_such_entity(f"The Public Key with id {key_id} cannot be found.")


def service_credential_not_found(credential_id: str) -> AwsError:
    return no_such_entity(f"No such credential {credential_id} exists")


def deletion_task_not_found(task: str) -> AwsError:
    return no_such_entity(f"Could not find the deletion task {task}")


def invalid_arn(arn: str) -> AwsError:
    return invalid_input(f"ARN {arn} is not valid.")


def arn_not_found(arn: str) -> AwsError:
    return no_such_entity(f"ARN {arn} is not valid.")


def already_exists(message: str) -> AwsError:
    return AwsError("EntityAlreadyExists", message)


def name_taken(kind: str, name: str) -> AwsError:
    return already_exists(f"{kind} with name {name} already exists.")


def policy_name_taken(name: str) -> AwsError:
    return already_exists(f"A policy called {name} already exists. Duplicate names are not allowed.")


def instance_profile_taken(name: str) -> AwsError:
    return already_exists(f"Instance Profile {name} already exists.")


def delete_conflict(what: str) -> AwsError:
    """`what` must happen first, "detach all policies"."""
    return AwsError("DeleteConflict", f"Cannot delete entity, must {what} first.")


def policy_attached() -> AwsError:
    return AwsError("DeleteConflict", "Cannot delete a policy attached to entities.")


def policy_has_versions() -> AwsError:
    return AwsError(
        "DeleteConflict",
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
        "The default version is deleted with the policy.",
    )


def default_version() -> AwsError:
    return AwsError("DeleteConflict", "Cannot delete the default version of a policy.")


def quota(name: str, limit: int) -> AwsError:
    """`name` is the quota's: "AccessKeysPerUser"."""
    return AwsError("LimitExceeded", f"Cannot exceed quota for {name}: {limit}")


def too_many_versions(limit: int) -> AwsError:
    return AwsError(
        "LimitExceeded",
        f"A managed policy can have up to {limit} versions. Before you create a new version, you must delete an existing version.",
    )


def inline_size(limit: int, kind: str, name: str) -> AwsError:
    return AwsError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {kind} {name}")


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def invalid_input(message: str) -> AwsError:
    return AwsError("InvalidInput", message)


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def not_both(one: str, other: str) -> AwsError:
    return invalid_input(f"{one} and {other} cannot be specified in the same request.")


def bad_marker() -> AwsError:
    return validation("Invalid Marker.")


def user_name_needed() -> AwsError:
    return validation("Must specify userName when calling with non-User credentials")


def protected_role(name: str) -> AwsError:
    return AwsError(
        "UnmodifiableEntity", f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    )


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDenied", message, status=403)


def duplicate_tags() -> AwsError:
    return invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def bad_certificate(message: str = "Unable to parse certificate. Please ensure the certificate is in PEM format.") -> AwsError:
    return AwsError("MalformedCertificate", message)


def federation_enabled() -> AwsError:
    return AwsError(
        "FeatureEnabled",
        "The request failed because outbound identity federation is already enabled for your Amazon Web Services account. You cannot"
        " enable the feature multiple times. To fetch the current configuration (including the unique issuer URL), use the"
        " GetOutboundWebIdentityFederationInfo operation.",
        status=409,
    )


def federation_disabled() -> AwsError:
    return AwsError(
        "FeatureDisabled",
        "The request failed because outbound identity federation is already disabled for your Amazon Web Services account. You cannot"
        " disable the feature multiple times",
        status=404,
    )


def organization_not_found() -> AwsError:
    return AwsError(
        "OrganizationNotFoundException", "The request was rejected because no organization is associated with your account.", status=404
    )


def not_all_features() -> AwsError:
    words = "The request was rejected because your organization does not have All features enabled."
    return AwsError("OrganizationNotInAllFeaturesModeException", words, status=409)


def not_administrator() -> AwsError:
    words = "The request was rejected because the account making the request is not the management account or delegated administrator"
    return AwsError("AccountNotManagementOrDelegatedAdministratorException", f"{words} account for centralized root access.", status=403)


def not_management() -> AwsError:
    words = "The request was rejected because the account making the request is not the management account for the organization."
    return AwsError("CallerIsNotManagementAccountException", words, status=403)


def no_service_access() -> AwsError:
    words = "The request was rejected because trusted access is not enabled for IAM in Organizations."
    return AwsError("ServiceAccessNotEnabledException", words, status=409)
