"""What SQS says when it refuses. Every message once.

Source: the Amazon SQS API Reference, "Common Errors" and each action's "Errors", and answers of the service.
"""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def invalid_value(value: object, parameter: str, reason: str) -> AwsError:
    return invalid_parameter(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing_parameter(message: str) -> AwsError:
    return AwsError("MissingParameter", message)


# Queues


def queue_does_not_exist() -> AwsError:
    return AwsError("QueueDoesNotExist", "The specified queue does not exist.")


def invalid_address(url: str) -> AwsError:
    return AwsError("InvalidAddress", f"The address {url} is not valid for this endpoint.", status=404)


def queue_name_exists(attribute: str) -> AwsError:
    return AwsError("QueueNameExists", f"A queue already exists with the same name and a different value for attribute {attribute}")


def queue_deleted_recently() -> AwsError:
    return AwsError(
        "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    )


def purge_in_progress(name: str) -> AwsError:
    return AwsError("PurgeQueueInProgress", f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.", status=403)


def invalid_queue_name() -> AwsError:
    return invalid_parameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def invalid_fifo_name() -> AwsError:
    return invalid_parameter(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1"
        " to 80 in length."
    )


def unknown_attribute(name: str) -> AwsError:
    return AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute(name: str, reason: str = "") -> AwsError:
    return AwsError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{' Reason: ' + reason if reason else ''}")


def invalid_page_size() -> AwsError:
    return invalid_parameter("Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")


def invalid_token() -> AwsError:
    return invalid_parameter("Invalid or expired next token.")


# Messages


def invalid_characters() -> AwsError:
    return AwsError("InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF |"
                    " #xE000 to #xFFFD | #x10000 to #x10FFFF")  # fmt: skip


def invalid_attribute_name(name: str, reason: str) -> AwsError:
    return invalid_parameter(f"Message (user) attribute name '{name}' is invalid. {reason}")


def message_too_long(limit: int) -> AwsError:
    return invalid_parameter(f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.")


def invalid_handle(handle: str) -> AwsError:
    return AwsError("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.')


def expired_handle(handle: str) -> AwsError:
    return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")


def not_in_flight(handle: str) -> AwsError:
    return AwsError("MessageNotInflight", f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not"
                    " available for visibility timeout change.")  # fmt: skip


def over_limit(name: str) -> AwsError:
    return AwsError("OverLimit", f"The maximum number of in flight messages is reached for queue {name}.", status=403)


# Batches


def empty_batch(entry: str) -> AwsError:
    return AwsError("EmptyBatchRequest", f"There should be at least one {entry} in the request.")


def too_many_entries(count: int) -> AwsError:
    return AwsError("TooManyEntriesInBatchRequest", f"Maximum number of entries per request are 10. You have sent {count}.")


def invalid_entry_id() -> AwsError:
    return AwsError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    )


def repeated_entry_id(entry_id: str) -> AwsError:
    return AwsError("BatchEntryIdsNotDistinct", f"Id {entry_id} repeated.")


def batch_too_long(limit: int, size: int) -> AwsError:
    return AwsError("BatchRequestTooLong", f"Batch requests cannot be longer than {limit} bytes. You have sent {size} bytes.")


# Message move tasks


def no_such_arn() -> AwsError:
    return AwsError("ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.", status=404)


def no_such_destination() -> AwsError:
    return AwsError(
        "ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist.", status=404
    )


def not_a_dead_letter_queue() -> AwsError:
    return invalid_parameter("Source queue must be configured as a Dead Letter Queue.")


def task_running() -> AwsError:
    return AwsError(
        "UnsupportedOperation", "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    )


def no_such_task() -> AwsError:
    return AwsError("ResourceNotFoundException", "Task does not exist.", status=404)


def task_not_running() -> AwsError:
    return AwsError("UnsupportedOperation", "Only active tasks can be cancelled.")
