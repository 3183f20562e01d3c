"""Trails: which events go to which bucket."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from cloudjar.identity.organization import Organization, membership
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.cloudtrail import checks, errors
from cloudjar.services.cloudtrail.recorder import Head, Recorder

MOST = 5
"""Trails of a Region."""
_NAME = re.compile(r"[A-Za-z0-9](?:[._-]?[A-Za-z0-9])*")
_UNDONE = ("RecursiveLogging",)

DEFAULT_SELECTORS = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}]


@record("cloudtrail.trail", key="name")
class Trail(Record):
    """One trail, in its home Region."""

    name: str
    bucket: str
    prefix: str = ""
    global_events: bool = True
    multi_region: bool = False
    validated: bool = False
    logging: bool = False
    started: datetime | None = None
    stopped: datetime | None = None
    selectors: list[dict[str, Any]] = []
    advanced: list[dict[str, Any]] = []
    cursors: dict[str, int] = {}
    """By Region, the number of the last call that was delivered, or was past when logging began; "ACCOUNT REGION" for other accounts."""
    timer: str = ""
    digest_timer: str = ""
    delivered: datetime | None = None
    attempted: datetime | None = None
    error: str = ""
    files: list[dict[str, str]] = []
    """Delivered log files that no digest covers yet."""
    digested: datetime | None = None
    previous: dict[str, str] = {}
    """The last digest: bucket, object, hash and signature."""
    organization: str = ""
    """The organization whose accounts it covers, "o-..."; empty for the account's own trail."""
    topic: str = ""
    """The ARN of the topic that is told of files."""
    key: str = ""
    """The ARN of the KMS key that files are encrypted with."""
    log_group: str = ""
    log_role: str = ""
    notified: datetime | None = None
    notify_error: str = ""
    logged: datetime | None = None
    log_error: str = ""


@record("cloudtrail.data_trail", key="arn", scope="world")
class DataTrail(Record):
    """That a trail takes data events: the recorder keeps them only then."""

    arn: str


def arn_of(ctx: Context, name: str) -> str:
    """A trail's ARN."""
    return ctx.arn("cloudtrail", f"trail/{name}")


def named(req: dict[str, Any], member: str = "Name") -> str:
    """The name in a name or an ARN."""
    text: str = req[member]
    return text.rpartition("/")[2] if text.startswith("arn:") else text


def on_trail(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    text = req.get("Name") or req.get("TrailName") or req.get("ResourceId") or ""
    return text if text.startswith("arn:") else arn_of(ctx, text)


def find_trail(ctx: Context, req: dict[str, Any], member: str = "Name") -> tuple[Context, Trail]:
    """The trail that a request names, and the context of its home Region; raises TrailNotFoundException."""
    text = req[member]
    home = ctx.at(region=text.split(":")[3]) if text.startswith("arn:aws") and text.count(":") >= 5 else ctx
    found = home.get(Trail, named(req, member))
    if found is None:
        for there, trail in _of_the_organization(ctx):
            if text == arn_of(there, trail.name):
                return there, trail
        raise errors.trail_not_found(text if text.startswith("arn:") else arn_of(ctx, text), ctx.account)
    return home, found


def own_trail(ctx: Context, req: dict[str, Any], member: str = "Name") -> Trail:
    """The trail, to be changed: only from its home Region."""
    home, found = find_trail(ctx, req, member)
    if home.account != ctx.account:
        raise errors.not_management()
    if home.region != ctx.region:
        raise errors.home_region(found.name)
    return found


def _check_name(name: str) -> None:
    if not 3 <= len(name) <= 128:
        raise errors.bad_name("Trail name must be at least 3 characters and no more than 128 characters.")
    if not _NAME.fullmatch(name):
        letters = "uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_)"
        raise errors.bad_name(f"Trail name or ARN can only contain {letters}.")


def _check_options(operation_name: str, req: dict[str, Any]) -> None:
    for member in _UNDONE:
        if req.get(member):
            raise not_implemented("cloudtrail", operation_name, member)


def folder(ctx: Context, trail: Trail) -> str:
    """What keys start with."""
    return f"{trail.prefix}/" if trail.prefix else ""


def _settings_to_wire(ctx: Context, trail: Trail) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "IncludeGlobalServiceEvents": trail.global_events,
        "IsMultiRegionTrail": trail.multi_region,
        "TrailARN": arn_of(ctx, trail.name),
        "LogFileValidationEnabled": trail.validated,
        "IsOrganizationTrail": bool(trail.organization),
    }
    for member, value in (
        ("S3KeyPrefix", trail.prefix),
        ("SnsTopicName", trail.topic.rpartition(":")[2]),
        ("SnsTopicARN", trail.topic),
        ("CloudWatchLogsLogGroupArn", trail.log_group),
        ("CloudWatchLogsRoleArn", trail.log_role),
        ("KmsKeyId", trail.key),
    ):
        if value:
            wire[member] = value
    return wire


def trail_to_wire(ctx: Context, trail: Trail) -> dict[str, Any]:
    custom = bool(trail.selectors or trail.advanced)
    return {**_settings_to_wire(ctx, trail), "HomeRegion": ctx.region, "HasCustomEventSelectors": custom, "HasInsightSelectors": False}


@operation(on=on_trail)
def create_trail(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _check_options("CreateTrail", req)
    name = req["Name"]
    _check_name(name)
    if ctx.get(Trail, name) is not None:
        raise errors.trail_exists(name, ctx.account)
    if ctx.where(Trail).count() >= MOST:
        raise errors.too_many(ctx.account)
    multi = req.get("IsMultiRegionTrail", False)
    trail = Trail(
        name=name,
        bucket=req["S3BucketName"],
        prefix=(req.get("S3KeyPrefix") or "").rstrip("/"),
        global_events=req.get("IncludeGlobalServiceEvents", True),
        multi_region=multi,
        validated=req.get("EnableLogFileValidation", False),
    )
    if multi and not trail.global_events:
        raise AwsError("InvalidParameterCombinationException", "Multi-Region trail must include global service events.")
    trail = checks.checked(ctx, trail, req)
    tags = tag_rules.from_list(req.get("TagsList"))
    tag_rules.check(tags, "InvalidTagParameterException")
    ctx.put(trail)
    ctx.set_tags(arn_of(ctx, name), tags)
    return _settings_to_wire(ctx, trail)


@operation(on=on_trail)
def update_trail(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _check_options("UpdateTrail", req)
    trail = own_trail(ctx, req)
    changed = replace(
        trail,
        bucket=req.get("S3BucketName") or trail.bucket,
        prefix=req.get("S3KeyPrefix", trail.prefix).rstrip("/"),
        global_events=req.get("IncludeGlobalServiceEvents", trail.global_events),
        multi_region=req.get("IsMultiRegionTrail", trail.multi_region),
        validated=req.get("EnableLogFileValidation", trail.validated),
    )
    return _settings_to_wire(ctx, ctx.put(checks.checked(ctx, changed, req)))


@operation(on=on_trail)
def delete_trail(ctx: Context, req: dict[str, Any]) -> None:
    trail = own_trail(ctx, req)
    for timer in (trail.timer, trail.digest_timer):
        if timer:
            ctx.cancel(timer)
    ctx.set_tags(arn_of(ctx, trail.name), {})
    note_data(ctx, replace(trail, logging=False))
    ctx.delete(trail)


def note_data(ctx: Context, trail: Trail) -> None:
    """Keeps the recorder's mark: whether the trail takes data events now."""
    data = any(selector.get("DataResources") for selector in trail.selectors) or any(_is_data(selector) for selector in trail.advanced)
    wants = trail.logging and data
    mark = DataTrail(arn_of(ctx, trail.name))
    if wants:
        ctx.put(mark)
    else:
        ctx.delete(mark)
    recorder = ctx.world.part(Recorder)
    if wants:
        ctx.on_commit(lambda: setattr(recorder, "wants_data", True))


def _is_data(selector: dict[str, Any]) -> bool:
    return any(field["Field"] == "eventCategory" and "Data" in field.get("Equals", ()) for field in selector["FieldSelectors"])


def _visible(ctx: Context) -> list[tuple[Context, Trail]]:
    """The Region's own trails, and those of other Regions that cover all."""
    found = [(ctx, trail) for trail in ctx.where(Trail)]
    for head in ctx.where(Head):
        if head.region != ctx.region:
            there = ctx.at(region=head.region)
            found += [(there, trail) for trail in there.where(Trail) if trail.multi_region]
    return found + _of_the_organization(ctx)


def _of_the_organization(ctx: Context) -> list[tuple[Context, Trail]]:
    """The trails by which the management account covers this one."""
    member = membership(ctx, ctx.account)
    organization = ctx.get(Organization, member.organization) if member else None
    if organization is None or organization.management == ctx.account:
        return []
    home = ctx.at(account=organization.management)
    found = []
    for head in home.where(Head):
        there = home.at(region=head.region)
        found += [(there, each) for each in there.where(Trail) if each.organization and (each.multi_region or head.region == ctx.region)]
    return found


def logging_here(ctx: Context) -> list[Trail]:
    """The trails that log this Region's calls now."""
    return [trail for _, trail in _visible(ctx) if trail.logging]


@operation()
def describe_trails(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    wanted = req.get("trailNameList")
    if wanted:
        found = []
        for text in wanted:
            try:
                found.append(find_trail(ctx, {"Name": text}))
            except AwsError:
                continue
    else:
        shadows = req.get("includeShadowTrails", True)
        found = [(home, trail) for home, trail in _visible(ctx) if shadows or home.region == ctx.region]
    return {"trailList": [trail_to_wire(home, trail) for home, trail in found]}


@operation(on=on_trail)
def get_trail(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Trail": trail_to_wire(*find_trail(ctx, req))}


@operation()
def list_trails(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {
        "Trails": [{"TrailARN": arn_of(home, trail.name), "Name": trail.name, "HomeRegion": home.region} for home, trail in _visible(ctx)]
    }


@operation(on=on_trail)
def put_event_selectors(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    trail = own_trail(ctx, req, "TrailName")
    basic, advanced = req.get("EventSelectors") or [], req.get("AdvancedEventSelectors") or []
    if bool(basic) == bool(advanced):
        raise errors.bad_selectors("Specify either EventSelectors or AdvancedEventSelectors.")
    if len(basic) > 5:
        raise errors.bad_selectors("A trail can have up to five event selectors.")
    for selector in advanced:
        if not any(field["Field"] == "eventCategory" and field.get("Equals") for field in selector["FieldSelectors"]):
            raise errors.bad_selectors("Each advanced event selector must contain an eventCategory field with Equals.")
    for selector in basic:
        selector.setdefault("ReadWriteType", "All")
        selector.setdefault("IncludeManagementEvents", True)
        selector.setdefault("DataResources", [])
        selector.setdefault("ExcludeManagementEventSources", [])
    trail = ctx.put(replace(trail, selectors=basic, advanced=advanced))
    note_data(ctx, trail)
    return _selectors_to_wire(ctx, trail)


@operation(on=on_trail)
def get_event_selectors(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _selectors_to_wire(*find_trail(ctx, req, "TrailName"))


def _selectors_to_wire(ctx: Context, trail: Trail) -> dict[str, Any]:
    wire: dict[str, Any] = {"TrailARN": arn_of(ctx, trail.name)}
    if trail.advanced:
        return {**wire, "AdvancedEventSelectors": trail.advanced}
    return {**wire, "EventSelectors": trail.selectors or DEFAULT_SELECTORS}


@operation(on=on_trail)
def get_trail_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, trail = find_trail(ctx, req)
    wire: dict[str, Any] = {"IsLogging": trail.logging}
    for member, moment in (
        ("LatestDeliveryTime", trail.delivered),
        ("StartLoggingTime", trail.started),
        ("StopLoggingTime", trail.stopped),
        ("LatestDigestDeliveryTime", trail.digested),
        ("LatestNotificationTime", trail.notified),
        ("LatestCloudWatchLogsDeliveryTime", trail.logged),
    ):
        if moment is not None:
            wire[member] = moment
    for member, text in (
        ("LatestDeliveryError", trail.error),
        ("LatestNotificationError", trail.notify_error),
        ("LatestCloudWatchLogsDeliveryError", trail.log_error),
    ):
        if text:
            wire[member] = text
    if trail.attempted is not None:
        wire["LatestDeliveryAttemptTime"] = trail.attempted.strftime("%Y-%m-%dT%H:%M:%SZ")
        wire["LatestDeliveryAttemptSucceeded"] = "" if trail.error else wire["LatestDeliveryAttemptTime"]
    return wire


@operation(on=lambda ctx, req: req["ResourceId"])
def add_tags(ctx: Context, req: dict[str, Any]) -> None:
    home, trail = find_trail(ctx, req, "ResourceId")
    wanted = tag_rules.from_list(req["TagsList"])
    tag_rules.check(wanted, "InvalidTagParameterException")
    home.add_tags(arn_of(home, trail.name), wanted)


@operation(on=lambda ctx, req: req["ResourceId"])
def remove_tags(ctx: Context, req: dict[str, Any]) -> None:
    home, trail = find_trail(ctx, req, "ResourceId")
    home.remove_tags(arn_of(home, trail.name), [tag["Key"] for tag in req["TagsList"]])


@operation(on=lambda ctx, req: req["ResourceIdList"])
def list_tags(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = []
    for text in req["ResourceIdList"]:
        home, trail = find_trail(ctx, {"Name": text})
        found.append({"ResourceId": text, "TagsList": tag_rules.to_list(home.tags(arn_of(home, trail.name)))})
    return {"ResourceTagList": found}
