"""Notifications to queues, topics, functions and EventBridge. Source: "Amazon S3 Event Notifications" in the Amazon S3 User Guide."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.targets import is_final
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.events import S3, host_id, instant

KINDS = {
    "QueueConfigurations": ("QueueArn", "sqs"),
    "TopicConfigurations": ("TopicArn", "sns"),
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda"),
}
"""The configuration's member, the member that names the target, and the target's service."""

EVENTS = frozenset(
    {
        "ObjectCreated:*", "ObjectCreated:Put", "ObjectCreated:Post", "ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:*", "ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "ObjectTagging:*", "ObjectTagging:Put",
        "ObjectTagging:Delete", "ObjectAcl:Put", "ObjectRestore:*", "ObjectRestore:Post", "ObjectRestore:Completed",
        "ObjectRestore:Delete", "LifecycleExpiration:*", "LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated",
        "LifecycleTransition", "Replication:*", "Replication:OperationFailedReplication", "Replication:OperationNotTracked",
        "Replication:OperationMissedThreshold", "Replication:OperationReplicatedAfterThreshold", "ReducedRedundancyLostObject",
        "IntelligentTiering",
    }
)  # fmt: skip
"""Events that happen here, and those that cannot: nothing is lost, and no replica comes late."""

NOT_HERE = frozenset({"ObjectAnnotation:*", "ObjectAnnotation:Put", "ObjectAnnotation:Delete", "ObjectRetention:Put"})
"""Events that AWS has besides."""

MOST = 100
"""Configurations of a bucket."""
LONGEST_FILTER = 1024


class Target(Record):
    """One destination, and the events that it wants."""

    kind: str
    arn: str
    id: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""
    filtered: tuple[str, ...] = ()
    """Which filters were given, for the answer."""

    def wants(self, event: str, key: str) -> bool:
        if not key.startswith(self.prefix) or not key.endswith(self.suffix):
            return False
        return any(event == name or (name.endswith("*") and event.startswith(name[:-1])) for name in self.events)


@record("s3.notifications", key="bucket", scope="world")
class Notifications(Record):
    """A bucket's targets."""

    bucket: str
    targets: tuple[Target, ...]


@operation(on=bucket_arn)
async def put_bucket_notification_configuration(ctx: Context, req: dict[str, Any]) -> None:
    wanted = req["NotificationConfiguration"]
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        targets = tuple(_read(ctx, bucket, kind, item) for kind in KINDS for item in wanted.get(kind) or ())
    _check_together(targets)
    if not req.get("SkipDestinationValidation"):
        for target in targets:
            await _check_destination(ctx, bucket, target)
    with ctx.transaction():
        bucket = find_bucket(ctx, req)
        ctx.put(Notifications(bucket.name, targets))
        ctx.put(replace(bucket, event_bridge="EventBridgeConfiguration" in wanted, notifies=bool(targets)))


@operation(on=bucket_arn)
def get_bucket_notification_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    answer: dict[str, Any] = {}
    for target in targets_of(ctx, bucket):
        item: dict[str, Any] = {"Id": target.id, KINDS[target.kind][0]: target.arn, "Events": list(target.events)}
        rules = [{"Name": name, "Value": target.prefix if name.lower() == "prefix" else target.suffix} for name in target.filtered]
        if rules:
            item["Filter"] = {"Key": {"FilterRules": rules}}
        answer.setdefault(target.kind, []).append(item)
    if bucket.event_bridge:
        answer["EventBridgeConfiguration"] = {}
    return answer


def targets_of(ctx: Context, bucket: Bucket) -> tuple[Target, ...]:
    """Where a bucket's events go, besides EventBridge."""
    found = ctx.get(Notifications, bucket.name) if bucket.notifies else None
    return found.targets if found else ()


def _read(ctx: Context, bucket: Bucket, kind: str, item: dict[str, Any]) -> Target:
    member, service = KINDS[kind]
    arn = item[member]
    if not arn.startswith(f"arn:{ctx.partition}:{service}:") or arn.count(":") < 5:
        raise errors.invalid_argument("The ARN could not be parsed" if arn.count(":") < 5 else "The ARN is not well formed", member, arn)
    if arn.split(":")[3] != bucket.region:
        words = "The notification destination service region is not valid for the bucket location constraint"
        raise errors.invalid_argument(words, member, arn)
    if service in ("sqs", "sns") and arn.endswith(".fifo"):
        kind_of = "FIFO SQS queues" if service == "sqs" else "FIFO SNS topics"
        raise _unable(arn, f"{kind_of} are not supported")
    if not item["Events"]:
        raise errors.malformed_xml()
    for event in item["Events"]:
        name = event.removeprefix("s3:")
        if name in NOT_HERE:
            raise AwsError("NotImplemented", f"cloudjar does not implement s3 notifications of {event}", status=501)
        if name == event or name not in EVENTS:
            raise errors.invalid_argument("The event is not supported for notifications", "Event", event)
    values = {"prefix": "", "suffix": ""}
    given: list[str] = []
    for rule in ((item.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        name = rule.get("Name", "").lower()
        if name not in values:
            raise errors.invalid_argument("filter rule name must be either prefix or suffix", "FilterRule.Name", rule.get("Name", ""))
        if name in (other.lower() for other in given):
            raise errors.invalid_argument(f"Cannot specify more than one {name} rule in a filter.", f"FilterRule.Name.{name}", name)
        if len(rule.get("Value", "").encode()) > LONGEST_FILTER:
            words = f"Size of filter rule value cannot exceed {LONGEST_FILTER} bytes in UTF-8"
            raise errors.invalid_argument(words, "FilterRule.Value", rule["Value"])
        values[name] = rule.get("Value", "")
        given.append(rule["Name"])
    return Target(kind, arn, item.get("Id") or ctx.ids.uuid(), tuple(item["Events"]), values["prefix"], values["suffix"], tuple(given))


def _check_together(targets: tuple[Target, ...]) -> None:
    """S3 refuses two configurations of one name, and two that the same event of the same key would fire."""
    if len(targets) > MOST:
        raise errors.invalid_argument(f"Number of notification configurations cannot exceed {MOST}")
    if len({target.id for target in targets}) < len(targets):
        raise errors.invalid_argument("Same ID used for multiple configurations. IDs must be unique", "Id")
    for index, one in enumerate(targets):
        if any(_meet(a, b) for place, a in enumerate(one.events) for b in one.events[:place]):
            raise errors.invalid_argument("Cannot have overlapping event types within a configuration", "Event")
        for other in targets[:index]:
            events = any(_meet(a, b) for a in one.events for b in other.events)
            prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
            suffixes = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
            if not (events and prefixes and suffixes):
                continue
            if not one.filtered or not other.filtered:
                words = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            else:
                kinds = ("suffixes", "prefixes") if one.suffix or other.suffix else ("prefixes", "suffixes")
                words = (
                    f"Configuration is ambiguously defined. Cannot have overlapping {kinds[0]} in two rules if the {kinds[1]} are "
                    "overlapping for the same event type."
                )
            raise errors.invalid_argument(words)


def _meet(one: str, other: str) -> bool:
    return one == other or (one.endswith("*") and other.startswith(one[:-1])) or (other.endswith("*") and one.startswith(other[:-1]))


def _unable(arn: str, why: str) -> AwsError:
    return errors.invalid_argument("Unable to validate the following destination configurations", arn, why)


_REFUSALS = {
    "QueueDoesNotExist": "The destination queue does not exist",
    "NotFound": "The destination topic does not exist",
    "sqs": "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
    "sns": "Permissions on the destination topic do not allow S3 to publish notifications from this bucket",
}


async def _check_destination(ctx: Context, bucket: Bucket, target: Target) -> None:
    """Sends the test event, or asks for leave to invoke, as S3 does before it takes a configuration."""
    test = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": instant(ctx.now),
        "Bucket": bucket.name,
        "RequestId": ctx.call_info.request_id,
        "HostId": host_id(ctx),
    }
    there = ctx.at(account=bucket.account, region=bucket.region).as_service(S3, bucket.arn)
    try:
        await _send(there, target.kind, target.arn, json.dumps(test), rehearsal=True)
    except AwsError as error:
        if error.code == "NotImplemented":
            raise
        why = f"Not authorized to invoke function [{target.arn}]"
        raise _unable(target.arn, _REFUSALS.get(error.code) or _REFUSALS.get(KINDS[target.kind][1], why)) from None


async def _send(ctx: Context, kind: str, arn: str, message: str, *, rehearsal: bool = False) -> None:
    _, _, service, region, account, name = arn.split(":", 5)
    there = ctx.at(account=account, region=region)
    if service == "sqs":
        # S3 asks for no URL: the queue's policy has to allow SendMessage alone.
        await there.call_async(
            "sqs", "SendMessage", {"QueueUrl": f"https://sqs.{region}.amazonaws.com/{account}/{name}", "MessageBody": message}
        )
    elif service == "sns":
        await there.call_async("sns", "Publish", {"TopicArn": arn, "Subject": "Amazon S3 Notification", "Message": message})
    else:
        kind = "DryRun" if rehearsal else "Event"
        await there.call_async("lambda", "Invoke", {"FunctionName": arn, "InvocationType": kind, "Payload": message.encode()})


@effect
async def deliver(ctx: Context, kind: str, arn: str, message: str, bucket_arn: str = "") -> None:
    """Hands an event to its target; tried again while the target fails, and dropped where it is gone or shut."""
    try:
        await _send(ctx.as_service(S3, bucket_arn), kind, arn, message)
    except AwsError as error:
        if not is_final(error):
            raise


def tell(ctx: Context, bucket: Bucket, key: str, record: dict[str, Any]) -> None:
    """Has an event delivered to the targets that want it."""
    for target in targets_of(ctx, bucket):
        if target.wants(f"s3:{record['eventName']}", key):
            told = record | {"s3": record["s3"] | {"configurationId": target.id}}
            there = ctx.at(account=bucket.account, region=bucket.region)
            there.effect(deliver, target.kind, target.arn, json.dumps({"Records": [told]}), bucket.arn)
