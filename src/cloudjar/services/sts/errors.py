"""STS's errors, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import Principal


def not_authorized(caller: Principal, action: str, resource: str) -> AwsError:
    """The refusal of a role's trust policy, and of roles that are not there: AWS does not tell them apart."""
    if caller.kind == "anonymous":
        return not_authorized_federated(action)
    return AwsError("AccessDenied", f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource}", status=403)


def not_authorized_federated(action: str) -> AwsError:
    return AwsError("AccessDenied", f"Not authorized to perform {action}", status=403)


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDenied", message, status=403)


def transitive_tag_set_again(key: str) -> AwsError:
    return access_denied(f"One of the specified transitive tag keys can't be set because it conflicts with a session tag: {key}")


def root_assumes() -> AwsError:
    return access_denied("Roles may not be assumed by root accounts.")


def federation_disabled() -> AwsError:
    return AwsError(
        "OutboundWebIdentityFederationDisabledException",
        "The outbound web identity federation feature is not enabled for this account. To use this feature, you must first enable it"
        " through the Amazon Web Services Management Console or API.",
        status=403,
    )


def outlives_session() -> AwsError:
    return AwsError(
        "SessionDurationEscalationException",
        "The requested token duration would extend the session beyond its original expiration time.",
        status=403,
    )


def payload_too_large() -> AwsError:
    return AwsError("JWTPayloadSizeExceededException", "The requested token payload size exceeds the maximum allowed size.")


def session_credentials(operation: str) -> AwsError:
    return access_denied(f"Cannot call {operation} with session credentials")


def lasting_credentials() -> AwsError:
    return AwsError("InvalidSubjectCredentials", "GetScopedCredentials must be called with temporary credentials of a role or user.")


def insufficient_lifetime() -> AwsError:
    words = "The requested DurationSeconds exceeds the remaining lifetime of the calling session."
    return AwsError("InsufficientSessionLifetime", words)


def too_many_scopes(limit: int) -> AwsError:
    return access_denied(f"The calling session already has the maximum of {limit} scope-down policies.")


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def too_long_for_role() -> AwsError:
    return validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def too_long_for_chaining() -> AwsError:
    return validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")


def invalid_role_arn(arn: str) -> AwsError:
    return validation(f"{arn} is invalid")


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def policy_too_large(percent: int) -> AwsError:
    return AwsError("PackedPolicyTooLarge", f"Packed size of session tags, policies, and policy ARNs is {percent}% of the allowed quota.")


def too_many_policy_arns(limit: int) -> AwsError:
    return AwsError("PackedPolicyTooLarge", f"Number of session policy ARNs exceeds the limit of {limit}.")


def multi_factor_failed(serial: str) -> AwsError:
    return access_denied(f"MultiFactorAuthentication failed with invalid MFA one time pass code. Device: {serial}")


def expired_token(message: str = "The security token included in the request is expired") -> AwsError:
    return AwsError("ExpiredTokenException", message)


def invalid_identity_token(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message)


def not_a_token() -> AwsError:
    return invalid_identity_token("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")


def token_expired(present: str, end: str) -> AwsError:
    return expired_token(f"Token expired: current date/time {present} must be before the expiration date/time {end}")


def rejected_claim(message: str) -> AwsError:
    return AwsError("IDPRejectedClaim", message)


def undecodable_message() -> AwsError:
    return AwsError("InvalidAuthorizationMessageException", "Message is not valid")
