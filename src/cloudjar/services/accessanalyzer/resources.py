"""The account's resources that can have policies, read through their own services, under the service-linked role."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError


class Resource(NamedTuple):
    """A resource and its policy."""

    arn: str
    type: str
    policy: str | None


TYPES = {
    "AWS::S3::Bucket", "AWS::IAM::Role", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::KMS::Key", "AWS::Lambda::Function",
    "AWS::SecretsManager::Secret", "AWS::DynamoDB::Table",
}  # fmt: skip


async def every(
    ctx: Context, service: str, operation: str, member: str, token: tuple[str, str], req: dict[str, Any] | None = None
) -> list[Any]:
    """All items of a list; `token` names the answer's member and the request's."""
    found: list[Any] = []
    req = dict(req or {})
    while True:
        answer = await ctx.call_async(service, operation, req)
        found += answer.get(member) or []
        after = answer.get(token[0])
        if not after:
            return found
        req[token[1]] = after


async def all_resources(ctx: Context) -> AsyncIterator[Resource]:
    """Every resource of the account in this Region, and its roles. What cannot be read is left out."""
    for read in (_buckets, _roles, _queues, _topics, _keys, _functions, _secrets, _tables):
        try:
            async for resource in read(ctx):
                yield resource
        except AwsError:
            continue


async def _policy(ctx: Context, service: str, operation: str, req: dict[str, Any], member: str) -> str | None:
    """A policy's text; None where there is none, or where it may not be read."""
    try:
        answer = await ctx.call_async(service, operation, req)
    except AwsError:
        return None
    found = answer.get(member)
    return found if isinstance(found, str) and found else None


async def _buckets(ctx: Context) -> AsyncIterator[Resource]:
    for bucket in (await ctx.call_async("s3", "ListBuckets", {}))["Buckets"]:
        name = bucket["Name"]
        region = bucket.get("BucketRegion")
        if region is None:
            place = await ctx.call_async("s3", "GetBucketLocation", {"Bucket": name})
            region = place.get("LocationConstraint") or "us-east-1"
        if region != ctx.region:
            continue
        policy = await _policy(ctx, "s3", "GetBucketPolicy", {"Bucket": name}, "Policy")
        if policy is not None and await _is_restricted(ctx, name):
            policy = None
        yield Resource(f"arn:{ctx.partition}:s3:::{name}", "AWS::S3::Bucket", policy)


async def _is_restricted(ctx: Context, bucket: str) -> bool:
    """Whether a public policy holds for the bucket's own account only."""
    try:
        found = await ctx.call_async("s3", "GetPublicAccessBlock", {"Bucket": bucket})
        public = await ctx.call_async("s3", "GetBucketPolicyStatus", {"Bucket": bucket})
    except AwsError:
        return False
    restricted = found["PublicAccessBlockConfiguration"].get("RestrictPublicBuckets", False)
    return bool(restricted and public.get("PolicyStatus", {}).get("IsPublic"))


async def _roles(ctx: Context) -> AsyncIterator[Resource]:
    for role in await every(ctx, "iam", "ListRoles", "Roles", ("Marker", "Marker")):
        if not role["Path"].startswith("/aws-service-role/"):
            document = role["AssumeRolePolicyDocument"]
            yield Resource(role["Arn"], "AWS::IAM::Role", unquote(document) if isinstance(document, str) else json.dumps(document))


async def _queues(ctx: Context) -> AsyncIterator[Resource]:
    for url in await every(ctx, "sqs", "ListQueues", "QueueUrls", ("NextToken", "NextToken"), {"MaxResults": 1000}):
        answer = await ctx.call_async("sqs", "GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["QueueArn", "Policy"]})
        attributes = answer["Attributes"]
        yield Resource(attributes["QueueArn"], "AWS::SQS::Queue", attributes.get("Policy"))


async def _topics(ctx: Context) -> AsyncIterator[Resource]:
    for topic in await every(ctx, "sns", "ListTopics", "Topics", ("NextToken", "NextToken")):
        answer = await ctx.call_async("sns", "GetTopicAttributes", {"TopicArn": topic["TopicArn"]})
        yield Resource(topic["TopicArn"], "AWS::SNS::Topic", answer["Attributes"].get("Policy"))


async def _keys(ctx: Context) -> AsyncIterator[Resource]:
    for key in await every(ctx, "kms", "ListKeys", "Keys", ("NextMarker", "Marker")):
        policy = await _policy(ctx, "kms", "GetKeyPolicy", {"KeyId": key["KeyId"], "PolicyName": "default"}, "Policy")
        yield Resource(key["KeyArn"], "AWS::KMS::Key", policy)


async def _functions(ctx: Context) -> AsyncIterator[Resource]:
    for function in await every(ctx, "lambda", "ListFunctions", "Functions", ("NextMarker", "Marker")):
        policy = await _policy(ctx, "lambda", "GetPolicy", {"FunctionName": function["FunctionName"]}, "Policy")
        yield Resource(function["FunctionArn"], "AWS::Lambda::Function", policy)


async def _secrets(ctx: Context) -> AsyncIterator[Resource]:
    for secret in await every(ctx, "secretsmanager", "ListSecrets", "SecretList", ("NextToken", "NextToken")):
        policy = await _policy(ctx, "secretsmanager", "GetResourcePolicy", {"SecretId": secret["ARN"]}, "ResourcePolicy")
        yield Resource(secret["ARN"], "AWS::SecretsManager::Secret", policy)


async def _tables(ctx: Context) -> AsyncIterator[Resource]:
    for name in await every(ctx, "dynamodb", "ListTables", "TableNames", ("LastEvaluatedTableName", "ExclusiveStartTableName")):
        arn = ctx.arn("dynamodb", f"table/{name}")
        yield Resource(arn, "AWS::DynamoDB::Table", await _policy(ctx, "dynamodb", "GetResourcePolicy", {"ResourceArn": arn}, "Policy"))
