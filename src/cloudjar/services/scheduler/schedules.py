"""Schedules: when, and what is called then."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from cloudjar.kernel import customer_keys, schedule_expression, targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.scheduler import errors
from cloudjar.services.scheduler.groups import DEFAULT, find_group
from cloudjar.services.scheduler.invocation import KEY_CONTEXT, UNIVERSAL, invoke, task_for, universal

_SUPPORTED = frozenset(
    ("Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy", "Input", "EventBridgeParameters", "KinesisParameters", "SqsParameters")
)
_READING = (
    "Get",
    "Describe",
    "List",
    "Poll",
    "Receive",
    "Search",
    "Scan",
    "Query",
    "Select",
    "Read",
    "Lookup",
    "Discover",
    "Validate",
    "BatchGet",
    "BatchDescribe",
    "BatchRead",
    "TransactGet",
    "AdminGet",
    "AdminList",
    "TestMigration",
    "Retrieve",
    "TestConnection",
    "TranslateDocument",
    "IsAuthorized",
    "InvokeModel",
)
"""How operations begin that universal targets do not call. Source: "Using universal targets" in the user guide."""
_TICK = timedelta(microseconds=1)


@record("scheduler.schedule", key=("group", "name"))
class Schedule(Record):
    """A schedule; `settings` are its members as they were put, `timer` its next run's id."""

    group: str
    name: str
    settings: dict[str, Any]
    start: datetime
    end: datetime | None
    created: datetime
    modified: datetime
    timer: str = ""
    token: str = ""
    """The client token that it was put with."""
    data_key: bytes = b""
    """Encrypted under a customer's key, which whoever runs the schedule must be able to use; b"" without one."""

    @property
    def enabled(self) -> bool:
        """Whether it runs."""
        return bool(self.settings.get("State", "ENABLED") == "ENABLED")


def schedule_arn(ctx: Context, group: str, name: str) -> str:
    """A schedule's ARN."""
    return ctx.arn("scheduler", f"schedule/{group}/{name}")


def on_schedule(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return schedule_arn(ctx, req.get("GroupName") or DEFAULT, req.get("Name") or "*")


def on_schedules(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return schedule_arn(ctx, req.get("GroupName") or "*", "*")


def find_schedule(ctx: Context, req: dict[str, Any]) -> Schedule:
    """The schedule, or ResourceNotFoundException."""
    found = ctx.get(Schedule, req.get("GroupName") or DEFAULT, req["Name"])
    if found is None:
        raise errors.schedule_not_found(req["Name"])
    return found


@operation(on=on_schedule)
def create_schedule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group, name = req.get("GroupName") or DEFAULT, req["Name"]
    _check("CreateSchedule", req)
    find_group(ctx, group)
    known = ctx.get(Schedule, group, name)
    # The same request once more, as a client sends it that got no answer, is no other schedule.
    if known and not (known.token and known.token == req.get("ClientToken")):
        raise errors.schedule_exists(name)
    if known:
        return {"ScheduleArn": schedule_arn(ctx, group, name)}
    _put(ctx, group, req, ctx.now)
    return {"ScheduleArn": schedule_arn(ctx, group, name)}


@operation(on=on_schedule)
def update_schedule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _check("UpdateSchedule", req)
    old = find_schedule(ctx, req)
    ctx.cancel(old.timer)
    _put(ctx, old.group, req, old.created)
    return {"ScheduleArn": schedule_arn(ctx, old.group, old.name)}


def _put(ctx: Context, group: str, req: dict[str, Any], created: datetime) -> None:
    kept = {name: value for name, value in req.items() if name not in ("Name", "GroupName", "ClientToken", "StartDate", "EndDate")}
    start = max(req.get("StartDate") or ctx.now, ctx.now)
    schedule = Schedule(group, req["Name"], kept, start, req.get("EndDate"), created, ctx.now, token=req.get("ClientToken") or "")
    schedule = replace(schedule, data_key=_data_key(ctx, group, req))
    # Without a start date a rate's first run is at once.
    ctx.put(_with_next_run(ctx, schedule, start - _TICK))


def _data_key(ctx: Context, group: str, req: dict[str, Any]) -> bytes:
    """The encrypted data key of a schedule under a customer's key; b"" without one."""
    if not req.get("KmsKeyArn"):
        return b""
    try:
        key = customer_keys.chosen(ctx, req["KmsKeyArn"])
        return customer_keys.sealed(ctx, key, {KEY_CONTEXT: schedule_arn(ctx, group, req["Name"])})
    except AwsError as error:
        raise errors.invalid(f"The KMS key {req['KmsKeyArn']} cannot be used: {error.message}") from None


def _check(operation_name: str, req: dict[str, Any]) -> None:
    expression, target, window = req["ScheduleExpression"], req["Target"], req["FlexibleTimeWindow"]
    try:
        schedule_expression.parse(expression, one_time=True)
    except schedule_expression.ScheduleProblem:
        raise errors.invalid_expression(expression) from None
    _zone(req)
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise errors.invalid("MaximumWindowInMinutes must be given for flexible time windows, and only for them.")
    if req.get("StartDate") and req.get("EndDate") and req["StartDate"] >= req["EndDate"]:
        raise errors.invalid("The StartDate must be before the EndDate.")
    for member in target:
        if member not in _SUPPORTED:
            raise not_implemented("scheduler", operation_name, member)
    arn = target["Arn"]
    if arn.startswith(UNIVERSAL):
        service, action = universal(arn)
        if action.startswith(_READING):
            raise errors.invalid(f"{arn} is not supported: universal targets do not call operations that only read.")
        if not targets.has_service(service):
            raise not_implemented("scheduler", operation_name, f"targets of {service}")
        if "Input" in target:
            _check_input(target["Input"])
    elif not arn.startswith("arn:") or arn.count(":") < 5:
        raise errors.invalid(f"Provided Arn is not in correct format: {arn}")
    elif targets.kind_of(arn) is None:
        raise not_implemented("scheduler", operation_name, f"targets of {arn.split(':')[2]}")
    elif targets.kind_of(arn) == "events" and "EventBridgeParameters" not in target:
        raise errors.invalid("EventBridgeParameters must be given for event bus targets.")


def _check_input(text: str) -> None:
    try:
        if not isinstance(json.loads(text), dict):
            raise errors.invalid("Input must be a JSON object for universal targets.")
    except (ValueError, RecursionError):
        raise errors.invalid("Input must be valid JSON.") from None


def _zone(settings: dict[str, Any]) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    name = settings.get("ScheduleExpressionTimezone") or "UTC"
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise errors.invalid(f"Invalid ScheduleExpressionTimezone {name}.") from None


def _with_next_run(ctx: Context, schedule: Schedule, last: datetime) -> Schedule:
    """The schedule with the timer of the first run after `last`, if it has one."""
    due = _next(schedule, last) if schedule.enabled else None
    if due is None:
        return replace(schedule, timer="")
    window = schedule.settings["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0) * 60
    late = int.from_bytes(ctx.ids.data(4), "big") % window if window else 0
    return replace(schedule, timer=ctx.after(run, schedule.group, schedule.name, due.isoformat(), at=due + timedelta(seconds=late)))


def _next(schedule: Schedule, last: datetime) -> datetime | None:
    plan = schedule_expression.parse(schedule.settings["ScheduleExpression"], one_time=True)
    due = plan.after(last, schedule.start, _zone(schedule.settings))
    one_time = isinstance(plan, schedule_expression.At)
    # Start and end dates are for what recurs.
    return due if due and (one_time or schedule.end is None or due < schedule.end) else None


@timer
def run(ctx: Context, group: str, name: str, scheduled: str) -> None:
    """A schedule's time has come."""
    schedule = ctx.get(Schedule, group, name)
    if schedule is None or not schedule.enabled:
        return
    due = datetime.fromisoformat(scheduled)
    arn = schedule_arn(ctx, group, name)
    ctx.effect(invoke, task_for(ctx, arn, schedule.settings["Target"], due) | {"data_key": schedule.data_key})
    # Runs that were missed, while the clock was set forward, are not made up for.
    schedule = ctx.put(_with_next_run(ctx, schedule, max(due, ctx.now)))
    if not schedule.timer and schedule.settings.get("ActionAfterCompletion") == "DELETE":
        drop(ctx, schedule)


def drop(ctx: Context, schedule: Schedule) -> None:
    """Deletes a schedule and its next run."""
    ctx.cancel(schedule.timer)
    ctx.delete(schedule)


@operation(on=on_schedule)
def delete_schedule(ctx: Context, req: dict[str, Any]) -> None:
    drop(ctx, find_schedule(ctx, req))


@operation(on=on_schedule)
def get_schedule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    schedule = find_schedule(ctx, req)
    wire = {"State": "ENABLED", "ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE"} | schedule.settings
    wire |= _summary(ctx, schedule)
    retry = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    wire["Target"] = {"RetryPolicy": retry, **schedule.settings["Target"]}
    if schedule.start > schedule.modified:
        wire["StartDate"] = schedule.start
    if schedule.end:
        wire["EndDate"] = schedule.end
    return wire


@operation(on=on_schedules)
def list_schedules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group, prefix, state = req.get("GroupName"), req.get("NamePrefix"), req.get("State")
    if group:
        find_group(ctx, group)
    rows = ctx.where(Schedule, group=group) if group else ctx.where(Schedule)
    if prefix:
        rows = rows.filtered(lambda schedule: schedule.name.startswith(prefix))
    if state:
        rows = rows.filtered(lambda schedule: schedule.settings.get("State", "ENABLED") == state)

    def wire(schedule: Schedule) -> dict[str, Any]:
        return _summary(ctx, schedule) | {"Target": {"Arn": schedule.settings["Target"]["Arn"]}}

    return ctx.page(req, rows, wire, default=100, maximum=100, error=errors.invalid("Invalid NextToken."))


def _summary(ctx: Context, schedule: Schedule) -> dict[str, Any]:
    return {
        "Arn": schedule_arn(ctx, schedule.group, schedule.name),
        "Name": schedule.name,
        "GroupName": schedule.group,
        "State": schedule.settings.get("State", "ENABLED"),
        "CreationDate": schedule.created,
        "LastModificationDate": schedule.modified,
    }
