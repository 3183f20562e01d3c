"""Log groups, their retention and their tags."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import keys, paging, tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.account_policy_record import DATA_PROTECTION, AccountPolicy

RETENTION_DAYS = frozenset((1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653))
PURGED_AT_ONCE = 2000
"""Events removed in one transaction, so that requests are not kept waiting."""


@record("logs.group", key="name")
class LogGroup(Record):
    """A log group. `uid` tells a group from an earlier one of the same name."""

    name: str
    uid: int
    created: datetime
    group_class: str = "STANDARD"
    retention_days: int | None = None
    protected: bool = False
    stored_bytes: int = 0
    metric_filters: int = 0
    subscriptions: int = 0
    kms_key: str = ""
    """The ARN of the KMS key that new events are encrypted with."""
    data_keys: tuple[bytes, ...] = ()
    """The data keys that its events are encrypted with, each encrypted by its KMS key; the newest is last."""
    transforms: bool = False
    """Whether it has a transformer of its own."""
    guarded: str = ""
    """What has become of its data protection policy: "ACTIVATED", "DELETED", or "" for a group that never had one."""

    def oldest(self, now: datetime) -> int | None:
        """Events before this instant (milliseconds since 1970) have expired; None if none ever do."""
        if self.retention_days is None:
            return None
        return keys.microseconds(now - timedelta(days=self.retention_days)) // 1000


@record("logs.event", key=("group", "stream", "time", "seq"), scope="world")
class LogEvent(Record):
    """One line. `time` and `ingested` are milliseconds since 1970; `group` and `stream` are uids. Read it through `reading.Reader`."""

    group: int
    stream: int
    time: int
    seq: int
    message: str
    ingested: int
    data_key: int = 0
    """Which of its group's data keys it is encrypted with, from 1; 0 for none."""
    sealed: bytes = b""
    """The message, where it is encrypted."""
    transformed: str = ""
    """What the group's transformer has made of the message; "" where it has none."""
    sealed_transformed: bytes = b""
    masks: tuple[int, ...] = ()
    """Where its sensitive data begins and ends: (start, end, start, end, ...) in characters."""

    @property
    def id(self) -> str:
        """AWS's event id: 56 digits that sort by time."""
        return f"{self.time:024d}{self.seq:032d}"


def milliseconds(instant: datetime) -> int:
    """How CloudWatch Logs writes instants."""
    return keys.microseconds(instant) // 1000


def group_arn(ctx: Context, name: str) -> str:
    """A group's ARN, without the ":*" that some answers add."""
    return ctx.arn("logs", f"log-group:{name}")


def group_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return group_arn(ctx, req.get("logGroupName") or "*") + ":*"


def find_group(ctx: Context, name: str) -> LogGroup:
    """The group of that name, or ResourceNotFoundException."""
    found = ctx.get(LogGroup, name)
    if found is None:
        raise errors.group_not_found()
    return found


NAMESPACE = "AWS/Logs"


def named_group(ctx: Context, req: dict[str, Any]) -> LogGroup:
    """The group that `logGroupName` or `logGroupIdentifier` (a name or an ARN) means."""
    name, identifier = req.get("logGroupName"), req.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise errors.one_of_name_and_identifier()
    return find_group(ctx, name or group_name(identifier or ""))


def group_name(identifier: str) -> str:
    """The name in a group's ARN, or the identifier itself if it is a name."""
    return (
        identifier.split(":log-group:", 1)[1].removesuffix(":*")
        if identifier.startswith("arn:") and ":log-group:" in identifier
        else identifier
    )


@operation(on=group_resource)
def create_log_group(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.logs.encryption import associate

    name = req["logGroupName"]
    if name.startswith("aws/"):
        raise errors.invalid("Log groups starting with AWS/ are reserved for AWS.")
    if ctx.get(LogGroup, name):
        raise errors.group_exists()
    group_tags = req.get("tags") or {}
    tags.check(group_tags, "InvalidParameterException")
    group = ctx.put(
        LogGroup(
            name,
            ctx.world.step(ctx._open(), "logs"),
            ctx.now,
            group_class=req.get("logGroupClass") or "STANDARD",
            protected=bool(req.get("deletionProtectionEnabled")),
        )
    )
    if req.get("kmsKeyId"):
        associate(ctx, group, req["kmsKeyId"])
    ctx.set_tags(group_arn(ctx, name), group_tags)


@operation(on=group_resource)
def delete_log_group(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.logs.data_protection import DataProtection
    from cloudjar.services.logs.index_policies import IndexPolicy
    from cloudjar.services.logs.metric_filters import MetricFilter
    from cloudjar.services.logs.resource_policies import GroupPolicy
    from cloudjar.services.logs.streams import LogStream
    from cloudjar.services.logs.subscriptions import Subscription
    from cloudjar.services.logs.transformers import Transformer

    group = find_group(ctx, req["logGroupName"])
    if group.protected:
        raise errors.group_protected()
    ctx.delete(group)
    for metric_filter in list(ctx.where(MetricFilter, group=group.uid)):
        ctx.delete(metric_filter)
    for subscription in list(ctx.where(Subscription, group=group.uid)):
        ctx.delete(subscription)
    for kind in (DataProtection, GroupPolicy, IndexPolicy, Transformer):
        if setting := ctx.get(kind, group.uid):
            ctx.delete(setting)
    ctx.set_tags(group_arn(ctx, group.name), {})
    for stream in ctx.where(LogStream, group=group.uid):
        ctx.delete(stream)
    ctx.after(purge_group, group.uid)


@timer
def purge_group(ctx: Context, group: int) -> None:
    """Removes a deleted group's events, some at a time."""
    purge(ctx, list(_some(ctx.where(LogEvent, group=group))), purge_group, group)


@timer
def purge_stream(ctx: Context, group: int, stream: int) -> None:
    """Removes a deleted stream's events, some at a time."""
    purge(ctx, list(_some(ctx.where(LogEvent, group=group, stream=stream))), purge_stream, group, stream)


def purge(ctx: Context, events: list[LogEvent], again: Any, *args: Any) -> None:
    """Deletes events, and comes again if there may be more."""
    for event in events:
        ctx.delete(event)
    if len(events) == PURGED_AT_ONCE:
        ctx.after(again, *args)


def _some(rows: Any) -> Any:
    for count, row in enumerate(rows):
        if count == PURGED_AT_ONCE:
            return
        yield row


@operation(on=group_resource)
def describe_log_groups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    prefix, pattern = req.get("logGroupNamePrefix"), req.get("logGroupNamePattern")
    if prefix and pattern:
        raise errors.invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    if req.get("accountIdentifiers") or req.get("includeLinkedAccounts"):
        raise not_implemented("logs", "DescribeLogGroups", "linked accounts")
    rows = ctx.where(LogGroup)
    if prefix:
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")
    if pattern:
        rows = rows.filtered(lambda group: pattern.lower() in group.name.lower())
    if identifiers := req.get("logGroupIdentifiers"):
        wanted = {group_name(identifier) for identifier in identifiers}
        rows = rows.filtered(lambda group: group.name in wanted)
    if wanted_class := req.get("logGroupClass"):
        rows = rows.filtered(lambda group: group.group_class == wanted_class)
    return ctx.page(req, rows, lambda group: group_to_wire(ctx, group), default=50, maximum=50, error=errors.invalid_token())


@operation(on=group_resource)
def list_log_groups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for member in ("accountIdentifiers", "includeLinkedAccounts", "dataSources", "fieldIndexNames"):
        if req.get(member):
            raise not_implemented("logs", "ListLogGroups", member)
    rows = ctx.where(LogGroup)
    if pattern := req.get("logGroupNamePattern"):
        rows = rows.filtered(lambda group: any(_fits(group.name, part) for part in pattern.split("|")))
    if wanted_class := req.get("logGroupClass"):
        rows = rows.filtered(lambda group: group.group_class == wanted_class)
    if wanted := req.get("logGroupTags"):
        rows = rows.filtered(lambda group: _is_tagged(ctx.tags(group_arn(ctx, group.name)), wanted))
    return paging.page(
        PageMembers("nextToken", "nextToken", "limit", "logGroups"),
        req,
        rows,
        lambda group: {"logGroupName": group.name, "logGroupArn": group_arn(ctx, group.name), "logGroupClass": group.group_class},
        default=50,
        maximum=1000,
        error=errors.invalid_token(),
    )


def _fits(name: str, part: str) -> bool:
    """Whether a name has a part, or starts with it: "^/aws/lambda"."""
    return name.startswith(part[1:]) if part.startswith("^") else part in name


def _is_tagged(found: dict[str, str], wanted: list[dict[str, Any]]) -> bool:
    return all(one["key"] in found and (not one.get("values") or found[one["key"]] in one["values"]) for one in wanted)


def group_to_wire(ctx: Context, group: LogGroup) -> dict[str, Any]:
    arn = group_arn(ctx, group.name)
    wire: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": milliseconds(group.created),
        "metricFilterCount": group.metric_filters,
        "arn": arn + ":*",
        "logGroupArn": arn,
        "logGroupClass": group.group_class,
        "storedBytes": group.stored_bytes,
        "deletionProtectionEnabled": group.protected,
    }
    if group.retention_days is not None:
        wire["retentionInDays"] = group.retention_days
    if group.kms_key:
        wire["kmsKeyId"] = group.kms_key
    if group.guarded:
        wire["dataProtectionStatus"] = group.guarded
    if ctx.where(AccountPolicy, kind=DATA_PROTECTION).first():
        wire["inheritedProperties"] = ["ACCOUNT_DATA_PROTECTION"]
    return wire


@operation(on=group_resource)
def put_log_group_deletion_protection(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    ctx.put(replace(group, protected=req["deletionProtectionEnabled"]))


@operation(on=group_resource)
def put_retention_policy(ctx: Context, req: dict[str, Any]) -> None:
    days = req["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise errors.invalid_retention(days)
    group = find_group(ctx, req["logGroupName"])
    if group.retention_days is None:
        ctx.after(expire_events, group.name, group.uid, seconds=86_400, housekeeping=True)
    ctx.put(replace(group, retention_days=days))


@operation(on=group_resource)
def delete_retention_policy(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(find_group(ctx, req["logGroupName"]), retention_days=None))


@timer
def expire_events(ctx: Context, name: str, uid: int) -> None:
    """Removes expired events once a day. Reads leave them out from the moment that they expire."""
    from cloudjar.services.logs.streams import LogStream

    group = ctx.get(LogGroup, name)
    if group is None or group.uid != uid or group.retention_days is None:
        return
    oldest = group.oldest(ctx.now)
    expired: list[LogEvent] = []
    for stream in ctx.where(LogStream, group=uid):
        for event in ctx.where(LogEvent, group=uid, stream=stream.uid).ending(oldest):
            if len(expired) == PURGED_AT_ONCE:
                break
            expired.append(event)
    for event in expired:
        ctx.delete(event)
    size = sum(len(event.message.encode()) + 26 for event in expired)
    ctx.put(replace(group, stored_bytes=max(0, group.stored_bytes - size)))
    ctx.after(expire_events, name, uid, seconds=0 if len(expired) == PURGED_AT_ONCE else 86_400, housekeeping=True)


# Tags: the older operations name a group, the newer ones an ARN.


@operation(on=group_resource)
def tag_log_group(ctx: Context, req: dict[str, Any]) -> None:
    _add_tags(ctx, group_arn(ctx, find_group(ctx, req["logGroupName"]).name), req["tags"])


@operation(on=group_resource)
def untag_log_group(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(group_arn(ctx, find_group(ctx, req["logGroupName"]).name), req["tags"])


@operation(on=group_resource)
def list_tags_log_group(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": ctx.tags(group_arn(ctx, find_group(ctx, req["logGroupName"]).name))}


def tagged_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["resourceArn"])


@operation(on=tagged_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    _add_tags(ctx, _taggable(ctx, req["resourceArn"]), req["tags"])


@operation(on=tagged_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_taggable(ctx, req["resourceArn"]), req["tagKeys"])


@operation(on=tagged_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": ctx.tags(_taggable(ctx, req["resourceArn"]))}


def _add_tags(ctx: Context, arn: str, added: dict[str, str]) -> None:
    tags.check({**ctx.tags(arn), **added}, "InvalidParameterException")
    ctx.add_tags(arn, added)


def _taggable(ctx: Context, arn: str) -> str:
    name = group_name(arn)
    if ctx.get(LogGroup, name) is None or group_arn(ctx, name) != arn.removesuffix(":*"):
        raise errors.resource_not_found(arn)
    return group_arn(ctx, name)
