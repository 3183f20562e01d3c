"""Notifications to queues, topics, functions and EventBridge. Source: "Amazon S3 Event Notifications" in the Amazon S3 User Guide."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.s3 import errors, names
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.objects import Stored

KINDS = {
    "QueueConfigurations": ("QueueArn", "sqs"),
    "TopicConfigurations": ("TopicArn", "sns"),
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda"),
}
"""The configuration's member, the member that names the target, and the target's service."""

FAMILIES = (
    "ObjectCreated",
    "ObjectRemoved",
    "ObjectTagging",
    "ObjectAcl",
    "ObjectRestore",
    "LifecycleExpiration",
    "LifecycleTransition",
    "Replication",
)
"""Families of events that happen here; others can be subscribed to as soon as they do."""

PRINCIPAL = "s3.amazonaws.com"


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
        targets = tuple(_read(ctx, kind, item) for kind in KINDS for item in wanted.get(kind) or ())
    _check_overlaps(targets)
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


def _read(ctx: Context, kind: str, item: dict[str, Any]) -> Target:
    member, service = KINDS[kind]
    arn = item[member]
    if not arn.startswith(f"arn:{ctx.partition}:{service}:") or arn.count(":") < 5:
        raise errors.invalid_argument("The ARN could not be parsed" if arn.count(":") < 5 else "The ARN is not well formed", member, arn)
    for event in item["Events"]:
        if not event.startswith("s3:"):
            raise errors.invalid_argument("The event is not supported for notifications", "Event", event)
        if event[3:].partition(":")[0] not in FAMILIES:
            raise AwsError("NotImplemented", f"cloudjar does not implement s3 notifications of {event}", status=501)
    values = {"prefix": "", "suffix": ""}
    given: list[str] = []
    for rule in ((item.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        name = rule.get("Name", "").lower()
        if name not in values:
            raise errors.invalid_argument("filter rule name must be either prefix or suffix", "FilterRule.Name", rule.get("Name", ""))
        if name in (other.lower() for other in given):
            raise errors.invalid_argument(f"Cannot specify more than one {name} rule in a filter.", f"FilterRule.Name.{name}", name)
        values[name] = rule.get("Value", "")
        given.append(rule["Name"])
    events = tuple(event[3:] for event in item["Events"])
    identifier = item.get("Id") or ctx.ids.uuid()
    return Target(kind, arn, identifier, tuple(f"s3:{event}" for event in events), values["prefix"], values["suffix"], tuple(given))


def _check_overlaps(targets: tuple[Target, ...]) -> None:
    """S3 refuses two configurations that the same event of the same key would fire."""
    for index, one in enumerate(targets):
        for other in targets[:index]:
            events = any(_meet(a, b) for a in one.events for b in other.events)
            prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
            suffixes = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
            if events and prefixes and suffixes:
                words = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
                raise errors.invalid_argument(words)


def _meet(one: str, other: str) -> bool:
    return one == other or (one.endswith("*") and other.startswith(one[:-1])) or (other.endswith("*") and one.startswith(other[:-1]))


async def _check_destination(ctx: Context, bucket: Bucket, target: Target) -> None:
    """Sends the test event, or asks for leave to invoke, as S3 does before it takes a configuration."""
    test = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _time(ctx),
        "Bucket": bucket.name,
        "RequestId": ctx.call_info.request_id,
        "HostId": ctx.call_info.request_id,
    }
    try:
        await _send(_as_s3(ctx, bucket), target.kind, target.arn, json.dumps(test), rehearsal=True)
    except AwsError as error:
        if error.code == "NotImplemented":
            raise
        words = "Unable to validate the following destination configurations"
        raise errors.invalid_argument(words, target.arn, error.message) from None


def _as_s3(ctx: Context, bucket: Bucket) -> Context:
    return ctx.at(account=bucket.account, region=bucket.region).as_service(PRINCIPAL)


async def _send(ctx: Context, kind: str, arn: str, message: str, *, rehearsal: bool = False) -> None:
    _, _, service, region, account, name = arn.split(":", 5)
    there = ctx.at(account=account, region=region)
    if service == "sqs":
        queue = await there.call_async("sqs", "GetQueueUrl", {"QueueName": name, "QueueOwnerAWSAccountId": account})
        await there.call_async("sqs", "SendMessage", {"QueueUrl": queue["QueueUrl"], "MessageBody": message})
    elif service == "sns":
        await there.call_async("sns", "Publish", {"TopicArn": arn, "Subject": "Amazon S3 Notification", "Message": message})
    else:
        kind = "DryRun" if rehearsal else "Event"
        await there.call_async("lambda", "Invoke", {"FunctionName": arn, "InvocationType": kind, "Payload": message.encode()})


@effect
async def deliver(ctx: Context, kind: str, arn: str, message: str) -> None:
    """Hands an event to its target; tried again while the target fails."""
    await _send(ctx.as_service(PRINCIPAL), kind, arn, message)


def tell(ctx: Context, bucket: Bucket, name: str, stored: Stored, sequencer: str) -> None:
    """Has an event delivered to the targets that want it."""
    for target in targets_of(ctx, bucket):
        if target.wants(f"s3:{name}", stored.key):
            message = json.dumps({"Records": [record_of(ctx, bucket, name, stored, target.id, sequencer)]})
            ctx.at(account=bucket.account, region=bucket.region).effect(deliver, target.kind, target.arn, message)


def record_of(ctx: Context, bucket: Bucket, name: str, stored: Stored, configuration: str, sequencer: str) -> dict[str, Any]:
    """The event as targets get it. Source: "Event message structure" in the Amazon S3 User Guide."""
    about: dict[str, Any] = {"key": quote_plus(stored.key, safe="/")}
    if not name.startswith(("ObjectRemoved", "LifecycleExpiration")):
        about["size"] = stored.size
    if stored.etag and name != "ObjectRemoved:Delete":
        about["eTag"] = stored.etag
    if stored.version_id:
        about["versionId"] = stored.version_id
    about["sequencer"] = sequencer
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": _time(ctx),
        "eventName": name,
        "userIdentity": {"principalId": f"AWS:{ctx.principal.user_id or ctx.principal.account or 'Anonymous'}"},
        "requestParameters": {"sourceIPAddress": ctx.call_info.source_ip},
        "responseElements": {"x-amz-request-id": ctx.call_info.request_id, "x-amz-id-2": ctx.call_info.request_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": names.canonical_user(bucket.account)}, "arn": bucket.arn},
            "object": about,
        },
    }


def _time(ctx: Context) -> str:
    return ctx.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
