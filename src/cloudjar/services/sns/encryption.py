"""Topics with a key of KMS: a publisher needs leave to use it, and it has to work."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.sns.topics import Topic

KMS_ERRORS = {
    "NotFoundException": "KMSNotFound",
    "DisabledException": "KMSDisabled",
    "KMSInvalidStateException": "KMSInvalidState",
    "AccessDeniedException": "KMSAccessDenied",
    "ThrottlingException": "KMSThrottling",
}


def check_key(ctx: Context, topic: Topic) -> None:
    """Returns if the caller can encrypt with the topic's key. Raises KMSNotFound, KMSDisabled, KMSAccessDenied ..."""
    key = topic.attributes.get("KmsMasterKeyId")
    if not key:
        return
    try:
        ctx.call("kms", "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"})
    except AwsError as error:
        if error.code in KMS_ERRORS:
            raise AwsError(KMS_ERRORS[error.code], error.message) from error
        raise
