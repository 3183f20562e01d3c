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
