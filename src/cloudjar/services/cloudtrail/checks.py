"""Where a trail delivers to, checked as CloudTrail does: by trying, as itself, what it will have to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.identity.organization import Organization, membership
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import replace
from cloudjar.services.cloudtrail import errors

if TYPE_CHECKING:
    from cloudjar.services.cloudtrail.trails import Trail

OWNERS = "bucket-owner-full-control"
"""What CloudTrail writes belongs to the bucket's owner; the policy that AWS documents asks for it."""
PRINCIPAL = "cloudtrail.amazonaws.com"
CONTEXT_KEY = "aws:cloudtrail:arn"
"""What CloudTrail puts into the encryption context of its files, and key policies ask for."""


def checked(ctx: Context, trail: Trail, req: dict[str, Any]) -> Trail:
    """The trail with all that a request says of where it delivers to; raises what AWS says of what it may not use."""
    if "IsOrganizationTrail" in req:
        trail = replace(trail, organization=_organization(ctx) if req["IsOrganizationTrail"] else "")
    _check_bucket(ctx, trail)
    if "SnsTopicName" in req:
        trail = replace(trail, topic=_topic(ctx, trail, req["SnsTopicName"]))
    if "KmsKeyId" in req:
        trail = replace(trail, key=_key(ctx, trail, req["KmsKeyId"]))
    group, role = req.get("CloudWatchLogsLogGroupArn", trail.log_group), req.get("CloudWatchLogsRoleArn", trail.log_role)
    if (group, role) != (trail.log_group, trail.log_role):
        _check_logs(ctx, trail, group, role)
        trail = replace(trail, log_group=group, log_role=role)
    return trail


def service(ctx: Context, trail: Trail) -> Context:
    """CloudTrail itself, on behalf of a trail."""
    return ctx.as_service(PRINCIPAL, ctx.arn("cloudtrail", f"trail/{trail.name}"))


def stream_name(account: str, region: str) -> str:
    """The log stream of an account's events."""
    return f"{account}_CloudTrail_{region}"


def group_name(arn: str) -> str:
    """The name of the log group in an ARN, "...:log-group:NAME:*"."""
    return arn.split(":")[6]


def _organization(ctx: Context) -> str:
    member = membership(ctx, ctx.account)
    organization = ctx.get(Organization, member.organization) if member else None
    if member is None or organization is None:
        raise errors.no_organization()
    if organization.feature_set != "ALL":
        raise errors.not_all_features()
    if organization.management != ctx.account and PRINCIPAL not in member.delegations:
        raise errors.not_management()
    if PRINCIPAL not in organization.services:
        raise errors.no_trusted_access()
    return organization.id


def _check_bucket(ctx: Context, trail: Trail) -> None:
    """Whether CloudTrail itself may write there, as the bucket's policy says."""
    try:
        ctx.call("s3", "GetBucketLocation", {"Bucket": trail.bucket})
    except AwsError as error:
        if error.code == "NoSuchBucket":
            raise errors.no_bucket(trail.bucket) from None
    prefix = f"{trail.prefix}/" if trail.prefix else ""
    folders = [f"{trail.organization}/{ctx.account}", ctx.account] if trail.organization else [ctx.account]
    for folder in folders:
        arn = f"arn:{ctx.partition}:s3:::{trail.bucket}/{prefix}AWSLogs/{folder}/CloudTrail/x"
        if not ctx.world.host.allowed(service(ctx, trail), "s3:PutObject", arn, {"s3:x-amz-acl": OWNERS}):
            raise errors.bucket_policy(trail.bucket)


def _topic(ctx: Context, trail: Trail, name: str) -> str:
    if not name:
        return ""
    arn = name if name.startswith("arn:") else ctx.arn("sns", name)
    if arn.count(":") != 5:
        raise errors.bad_topic(name)
    try:
        ctx.at(region=arn.split(":")[3], account=arn.split(":")[4]).call("sns", "GetTopicAttributes", {"TopicArn": arn})
    except AwsError as error:
        if error.code in ("NotFound", "NotFoundException", "InvalidParameter"):
            raise errors.topic_policy() from None
    if not ctx.world.host.allowed(service(ctx, trail), "sns:Publish", arn):
        raise errors.topic_policy()
    return arn


def _key(ctx: Context, trail: Trail, key: str) -> str:
    if not key:
        return ""
    try:
        found = ctx.call("kms", "DescribeKey", {"KeyId": key})["KeyMetadata"]
    except AwsError as error:
        raise (errors.no_key(key) if error.code == "NotFoundException" else error) from None
    if found["KeyState"] != "Enabled" or found["KeySpec"] != "SYMMETRIC_DEFAULT":
        raise errors.unusable_key(key)
    context = {
        f"kms:encryptioncontext:{CONTEXT_KEY}": ctx.arn("cloudtrail", f"trail/{trail.name}"),
        "kms:encryptioncontextkeys": CONTEXT_KEY,
    }
    if not ctx.world.host.allowed(service(ctx, trail), "kms:GenerateDataKey", found["Arn"], context):
        raise errors.key_policy(trail.bucket, found["Arn"])
    arn: str = found["Arn"]
    return arn


def _check_logs(ctx: Context, trail: Trail, group: str, role: str) -> None:
    """Opens the log stream under the role, as CloudTrail does when a trail is made."""
    if not group and not role:
        return
    parts = group.split(":")
    if len(parts) != 8 or parts[2] != "logs" or parts[5] != "log-group" or parts[7] != "*" or parts[3] != ctx.region:
        raise errors.bad_log_group("CloudTrail cannot validate the specified log group ARN.")
    if not role:
        raise errors.bad_log_role("You must specify a role ARN for CloudTrail to deliver to a CloudWatch Logs log group.")
    try:
        acting = ctx.assume(role, PRINCIPAL, ctx.arn("cloudtrail", f"trail/{trail.name}"))
    except AwsError:
        raise errors.bad_log_role("Access denied. Check the trust relationships for your role.") from None
    try:
        request = {"logGroupName": group_name(group), "logStreamName": stream_name(ctx.account, ctx.region)}
        acting.at(account=parts[4]).call("logs", "CreateLogStream", request)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise errors.bad_log_group("CloudTrail cannot validate the specified log group ARN.") from None
        if error.code != "ResourceAlreadyExistsException":
            raise errors.bad_log_group("Access denied. Verify in IAM that the role has adequate permissions.") from None
