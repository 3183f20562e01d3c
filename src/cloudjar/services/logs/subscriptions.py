"""Subscription filters: log events go to functions and streams as they come."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime
from typing import Any

from cloudjar.kernel import targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.account_policy_record import AccountPolicy
from cloudjar.services.logs.groups import NAMESPACE, LogEvent, LogGroup, find_group, group_arn, group_resource, milliseconds
from cloudjar.services.logs.metric_filters import compiled

MOST_SUBSCRIPTIONS = 2
PRINCIPAL = "logs.amazonaws.com"
_TYPES = {"lambda": "Lambda", "kinesis": "Kinesis Data Stream", "firehose": "Firehose"}
"""What destinations there are, and how metrics name them."""


@record("logs.subscription", key=("group", "name"))
class Subscription(Record):
    """A subscription filter of one group; `group` is its uid."""

    group: int
    name: str
    group_name: str
    pattern: str
    destination: str
    role: str
    distribution: str
    created: datetime
    transformed: bool = False
    """Whether it gets what the group's transformer has made of events."""


@operation(on=group_resource)
async def put_subscription_filter(ctx: Context, req: dict[str, Any]) -> None:
    for member in ("fieldSelectionCriteria", "emitSystemFields"):
        if req.get(member):
            raise not_implemented("logs", "PutSubscriptionFilter", member)
    with ctx.transaction():
        group = find_group(ctx, req["logGroupName"])
        if group.group_class != "STANDARD":
            raise errors.only_standard()
        compiled(req["filterPattern"])
        source = group_arn(ctx, group.name) + ":*"
    await check_destination(ctx, "PutSubscriptionFilter", req, source)
    with ctx.transaction():
        _store(ctx, req)


async def check_destination(ctx: Context, operation_name: str, settings: dict[str, Any], source: str) -> None:
    """Refuses a destination (`destinationArn`, `roleArn`) that nothing can be delivered to on behalf of the source."""
    destination = settings["destinationArn"]
    kind = destination.split(":")[2] if destination.count(":") >= 5 else ""
    if kind not in _TYPES or targets.kind_of(destination) is None:
        raise not_implemented("logs", operation_name, f"destination {destination}")
    if kind != "lambda" and not settings.get("roleArn"):
        raise errors.invalid("destinationArn for this vendor requires a roleArn.")
    if kind == "lambda":
        # AWS tries whether it may invoke the function before it takes the filter.
        try:
            request = {"FunctionName": destination, "InvocationType": "DryRun"}
            await ctx.as_service(PRINCIPAL, source).call_async("lambda", "Invoke", request)
        except AwsError:
            raise errors.cannot_invoke() from None


_MEMBERS = ("DestinationArn", "RoleArn", "FilterPattern", "Distribution")


def policy_settings(document: str) -> dict[str, Any]:
    """What an account's subscription filter policy says, in PutSubscriptionFilter's members."""
    try:
        body = json.loads(document)
    except (ValueError, RecursionError):
        raise errors.invalid_policy("it is not valid JSON") from None
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()) or set(body) - set(_MEMBERS):
        raise errors.invalid_policy(f"it must be an object with {', '.join(_MEMBERS)}")
    if not body.get("DestinationArn"):
        raise errors.invalid_policy("it must have a DestinationArn")
    if body.get("Distribution", "ByLogStream") not in ("Random", "ByLogStream"):
        raise errors.invalid_policy("its Distribution must be Random or ByLogStream")
    compiled(body.get("FilterPattern") or "")
    return {member[0].lower() + member[1:]: value for member, value in body.items()}


def _store(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["logGroupName"])
    old = ctx.get(Subscription, group.uid, req["filterName"])
    if old is None:
        if group.subscriptions >= MOST_SUBSCRIPTIONS:
            raise errors.limit_exceeded()
        ctx.put(replace(group, subscriptions=group.subscriptions + 1))
    ctx.put(
        Subscription(
            group.uid,
            req["filterName"],
            group.name,
            req["filterPattern"],
            req["destinationArn"],
            req.get("roleArn") or "",
            req.get("distribution") or "ByLogStream",
            old.created if old else ctx.now,
            bool(req.get("applyOnTransformedLogs")),
        )
    )


@operation(on=group_resource)
def delete_subscription_filter(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["logGroupName"])
    found = ctx.get(Subscription, group.uid, req["filterName"])
    if found is None:
        raise errors.filter_not_found("subscription")
    ctx.delete(found)
    ctx.put(replace(group, subscriptions=group.subscriptions - 1))


@operation(on=group_resource)
def describe_subscription_filters(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Subscription, group=find_group(ctx, req["logGroupName"]).uid)
    if prefix := req.get("filterNamePrefix"):
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")
    return ctx.page(req, rows, subscription_to_wire, default=50, maximum=50, error=errors.invalid_token())


def subscription_to_wire(found: Subscription) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "filterName": found.name,
        "logGroupName": found.group_name,
        "filterPattern": found.pattern,
        "destinationArn": found.destination,
        "distribution": found.distribution,
        "creationTime": milliseconds(found.created),
        "applyOnTransformedLogs": found.transformed,
    }
    return wire | ({"roleArn": found.role} if found.role else {})


def observe(ctx: Context, group: LogGroup, stream: str, events: list[LogEvent]) -> None:
    """Sends a group's new events to those who subscribed to them."""
    for found in ctx.where(Subscription, group=group.uid):
        wanted = [replace(event, message=event.transformed or event.message) for event in events] if found.transformed else events
        _send(ctx, group, stream, wanted, found.name, found.pattern, found.destination, found.role)


def observe_account(ctx: Context, policy: AccountPolicy, group: LogGroup, stream: str, events: list[LogEvent]) -> None:
    """Sends a group's new events to where the account's policy wants all of them."""
    settings = policy_settings(policy.document)
    pattern, role = settings.get("filterPattern") or "", settings.get("roleArn") or ""
    _send(ctx, group, stream, events, policy.name, pattern, settings["destinationArn"], role, {"policyLevel": "ACCOUNT_LEVEL_POLICY"})


def _send(
    ctx: Context,
    group: LogGroup,
    stream: str,
    events: list[LogEvent],
    name: str,
    pattern: str,
    destination: str,
    role: str,
    more: dict[str, str] | None = None,
) -> None:
    matches = compiled(pattern)
    wanted: list[dict[str, Any]] = [
        {"id": event.id, "timestamp": event.time, "message": event.message} for event in events if matches(event.message)
    ]
    if wanted:
        message = {
            "messageType": "DATA_MESSAGE",
            "owner": ctx.account,
            "logGroup": group.name,
            "logStream": stream,
            "subscriptionFilters": [name],
            "logEvents": wanted,
        }
        dimensions = (("DestinationType", _TYPES[destination.split(":")[2]]), ("FilterName", name), ("LogGroupName", group.name))
        ctx.metric(NAMESPACE, "ForwardedLogEvents", dimensions, float(len(wanted)), "None")
        ctx.metric(NAMESPACE, "ForwardedBytes", dimensions, float(sum(len(event["message"].encode()) for event in wanted)), "Bytes")
        ctx.effect(deliver, destination, role, group_arn(ctx, group.name) + ":*", json.dumps(message | (more or {})))


@effect
async def deliver(ctx: Context, destination: str, role: str, source: str, message: str) -> None:
    """Hands events to a subscriber, compressed; tried again while it fails."""
    packed = gzip.compress(message.encode(), mtime=0)
    acting = targets.acting(ctx, role, PRINCIPAL, source)
    kind = destination.split(":")[2]
    if kind == "lambda":
        payload = json.dumps({"awslogs": {"data": base64.b64encode(packed).decode()}})
        await targets.send(acting, destination, payload, {})
        return
    name, region = destination.split("/", 1)[1], destination.split(":")[3]
    there = acting.at(region=region)
    if kind == "kinesis":
        key = json.loads(message)["logStream"]
        await there.call_async("kinesis", "PutRecord", {"StreamName": name, "Data": packed, "PartitionKey": key})
    else:
        await there.call_async("firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": packed}})
