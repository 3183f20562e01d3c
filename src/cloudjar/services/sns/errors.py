"""What SNS says when it refuses. Every message once. Source: the Amazon SNS API Reference, and answers of the service."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def invalid(what: str) -> AwsError:
    return AwsError("InvalidParameter", f"Invalid parameter: {what}")


def invalid_value(message: str) -> AwsError:
    return AwsError("ParameterValueInvalid", message)


def topic_not_found() -> AwsError:
    return AwsError("NotFound", "Topic does not exist")


def archive_stands() -> AwsError:
    return AwsError("InvalidState", "Invalid state: Cannot delete a topic with an ArchivePolicy")


def subscription_not_found() -> AwsError:
    return AwsError("NotFound", "Subscription does not exist")


def application_not_found() -> AwsError:
    return AwsError("NotFound", "PlatformApplication does not exist")


def endpoint_not_found() -> AwsError:
    return AwsError("NotFound", "Endpoint does not exist")


def endpoint_disabled() -> AwsError:
    return AwsError("EndpointDisabled", "Endpoint is disabled")


def application_disabled() -> AwsError:
    return AwsError("PlatformApplicationDisabled", "Platform application is disabled")


def resource_not_found() -> AwsError:
    return AwsError("ResourceNotFound", "Resource does not exist")


def too_many_tags() -> AwsError:
    return AwsError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")


def filter_policies_exceeded() -> AwsError:
    return AwsError("FilterPolicyLimitExceeded", "Filter policy limit has been reached for this topic")


def not_authorized(message: str) -> AwsError:
    return AwsError("AuthorizationError", message)


# Batches


def empty_batch() -> AwsError:
    return AwsError("EmptyBatchRequest", "The batch request doesn't contain any entries.")


def too_many_entries() -> AwsError:
    return AwsError("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")


def repeated_entry_id() -> AwsError:
    return AwsError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")


def invalid_entry_id() -> AwsError:
    return AwsError("InvalidBatchEntryId", "The Id of a batch entry in a batch request doesn't abide by the specification.")


def batch_too_long() -> AwsError:
    return AwsError("BatchRequestTooLong", "The length of all the batch messages put together is more than the limit.")
