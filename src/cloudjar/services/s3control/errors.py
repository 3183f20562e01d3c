"""S3 Control's error answers, each message once."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def access_denied() -> AwsError:
    return AwsError("AccessDenied", "Access Denied", status=403)


def invalid_request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, status=400)


def exists(name: str) -> AwsError:
    words = "Your previous request to create the named accesspoint succeeded and you already own it."
    return AwsError("AccessPointAlreadyOwnedByYou", words, status=409, members={"AccessPointName": name})


def no_such_access_point(name: str) -> AwsError:
    words = "The specified accesspoint does not exist"
    return AwsError("NoSuchAccessPoint", words, status=404, members={"AccessPointName": name})


def no_such_policy(name: str) -> AwsError:
    words = "The specified accesspoint policy does not exist"
    return AwsError("NoSuchAccessPointPolicy", words, status=404, members={"AccessPointName": name})


def too_many() -> AwsError:
    return AwsError("TooManyAccessPoints", "You have attempted to create more access points than allowed", status=400)


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message, status=400)


def public_policy(user: str, arn: str) -> AwsError:
    words = (
        f"User: {user} is not authorized to perform: s3:PutAccessPointPolicy on resource: "
        f'"{arn}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.'
    )
    return AwsError("AccessDenied", words, status=403)


def no_public_access_block(account: str) -> AwsError:
    words = "The public access block configuration was not found"
    return AwsError("NoSuchPublicAccessBlockConfiguration", words, status=404, members={"AccountId": account})


def no_such_job() -> AwsError:
    return AwsError("NoSuchJob", "The specified job does not exist", status=404)


def idempotency() -> AwsError:
    words = "The ClientRequestToken was used already, for a request with other parameters"
    return AwsError("IdempotencyException", words, status=400)


def job_status(before: str, wanted: str) -> AwsError:
    return AwsError("JobStatusException", f"A job in the state {before} cannot be moved to {wanted}", status=400)


def invalid_token() -> AwsError:
    return AwsError("InvalidArgument", "The continuation token provided is incorrect", status=400)


def no_such_resource() -> AwsError:
    return AwsError("NoSuchResource", "The specified resource doesn't exist.", status=404)


def invalid_tag(message: str) -> AwsError:
    return AwsError("InvalidTag", message, status=400)


def too_many_tags(limit: int) -> AwsError:
    return AwsError("TooManyTagsException", f"The number of tags exceeds the limit of {limit} tags", status=400)
