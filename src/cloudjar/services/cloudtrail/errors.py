"""CloudTrail's errors, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def trail_not_found(arn: str, account: str) -> AwsError:
    return AwsError("TrailNotFoundException", f"Unknown trail: {arn} for the user: {account}")


def trail_exists(name: str, account: str) -> AwsError:
    return AwsError("TrailAlreadyExistsException", f"Trail {name} already exists for customer: {account}")


def bad_name(message: str) -> AwsError:
    return AwsError("InvalidTrailNameException", message)


def too_many(account: str) -> AwsError:
    return AwsError("MaximumNumberOfTrailsExceededException", f"User: {account} already has 5 trails in this Region.")


def no_bucket(bucket: str) -> AwsError:
    return AwsError("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!")


def bucket_policy(bucket: str) -> AwsError:
    return AwsError("InsufficientS3BucketPolicyException", f"Incorrect S3 bucket policy is detected for bucket: {bucket}")


def bad_lookup(message: str) -> AwsError:
    return AwsError("InvalidLookupAttributesException", message)


def bad_time_range() -> AwsError:
    return AwsError("InvalidTimeRangeException", "The start time must be before the end time.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "Invalid NextToken.")


def bad_selectors(message: str) -> AwsError:
    return AwsError("InvalidEventSelectorsException", message)


def home_region(name: str) -> AwsError:
    return AwsError("InvalidHomeRegionException", f"Trail {name} can only be changed in the Region where it was created.")


def no_organization() -> AwsError:
    return AwsError("OrganizationsNotInUseException", "The account that you are using is not a member of an organization.")


def not_all_features() -> AwsError:
    return AwsError("OrganizationNotInAllFeaturesModeException", "All features must be enabled in the organization.")


def not_management() -> AwsError:
    words = "You must use the management account or a delegated administrator account to create, update or delete an organization trail."
    return AwsError("NotOrganizationMasterAccountException", words)


def no_trusted_access() -> AwsError:
    words = "Trusted access between CloudTrail and Organizations must be enabled before an organization trail can be created."
    return AwsError("CloudTrailAccessNotEnabledException", words)


def bad_topic(name: str) -> AwsError:
    return AwsError("InvalidSnsTopicNameException", f"SNS topic name {name} is not valid.")


def topic_policy() -> AwsError:
    return AwsError("InsufficientSnsTopicPolicyException", "SNS Topic does not exist or the topic policy is incorrect!")


def no_key(key: str) -> AwsError:
    return AwsError("KmsKeyNotFoundException", f"KMS key {key} does not exist.")


def unusable_key(key: str) -> AwsError:
    return AwsError("KmsException", f"KMS key {key} cannot be used: it must be an enabled symmetric encryption key.")


def key_policy(bucket: str, key: str) -> AwsError:
    return AwsError("InsufficientEncryptionPolicyException", f"Insufficient permissions to access S3 bucket {bucket} or KMS key {key}.")


def bad_log_group(message: str) -> AwsError:
    return AwsError("InvalidCloudWatchLogsLogGroupArnException", message)


def bad_log_role(message: str) -> AwsError:
    return AwsError("InvalidCloudWatchLogsRoleArnException", message)
