"""Alarm mute rules: at set times an alarm's actions are not taken.

Source: "Alarm mute rules" in the CloudWatch user guide. A muted alarm goes on being evaluated. When no rule mutes it any more, the
actions of the state that it is in are taken, if it is not the state in which its actions were first held.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloudjar.kernel import paging, tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.schedule_expression import At, Cron, ScheduleProblem, parse
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.alarms import Alarm

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=15)
_DURATION = re.compile(r"P(?!$)(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?)?")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+)\)")
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@record("cloudwatch.mute_rule", key="name")
class MuteRule(Record):
    """A rule; `settings` are its members as they were put."""

    name: str
    settings: dict[str, Any]
    updated: datetime

    @property
    def targets(self) -> list[str]:
        """The names of the alarms that it mutes."""
        return list((self.settings.get("MuteTargets") or {}).get("AlarmNames") or ())

    def muted_until(self, now: datetime) -> datetime | None:
        """When the window ends that an instant is in; None if it is in none."""
        schedule, duration, zone = _schedule(self.settings["Rule"]["Schedule"])
        start = self.settings.get("StartDate") or _EVER
        begun = schedule.after(max(now - duration, start - timedelta(microseconds=1)), _EVER, zone)
        if begun is None or begun > now or self.is_expired(now):
            return None
        return min(begun + duration, self.settings.get("ExpireDate") or begun + duration)

    def is_expired(self, now: datetime) -> bool:
        """Whether it is past its expiry."""
        expiry = self.settings.get("ExpireDate")
        return expiry is not None and now >= expiry

    def status(self, now: datetime) -> str:
        """SCHEDULED, ACTIVE or EXPIRED. A window that comes but once and is over leaves a rule expired."""
        if self.muted_until(now):
            return "ACTIVE"
        schedule, _, zone = _schedule(self.settings["Rule"]["Schedule"])
        return "EXPIRED" if self.is_expired(now) or schedule.after(now, _EVER, zone) is None else "SCHEDULED"


def _schedule(given: dict[str, Any]) -> tuple[At | Cron, timedelta, ZoneInfo]:
    """When windows begin, how long they are, and where; ValidationError for what is no schedule."""
    text = given["Expression"]
    if cron := _CRON.fullmatch(text):
        minute, hour, day, month, weekday = cron.groups()
        # Unix's five fields: days of the week from 0 for Sunday, and no year.
        weekday = re.sub(r"(?<![#\w])\d", lambda found: str(int(found.group()) % 7 + 1), weekday)
        day, weekday = (day, "?") if weekday == "*" else ("?" if day == "*" else day, weekday)
        text = f"cron({minute} {hour} {day} {month} {weekday} *)"
    elif found := _AT.fullmatch(text):
        text = f"at({found[1]}{found[2] or ':00'})"
    try:
        schedule = parse(text, one_time=True)
        zone = ZoneInfo(given.get("Timezone") or "UTC")
    except (ScheduleProblem, ValueError, OSError, LookupError):
        raise errors.validation(f"The schedule {given['Expression']} is not valid.") from None
    length = _DURATION.fullmatch(given["Duration"])
    days, hours, minutes = (int(part or 0) for part in length.groups()) if length else (0, 0, 0)
    duration = timedelta(days=min(days, 1000), hours=min(hours, 10_000), minutes=min(minutes, 100_000))
    if not isinstance(schedule, At | Cron) or not SHORTEST <= duration <= LONGEST:
        raise errors.validation(f"The duration {given['Duration']} is not valid: it must be from PT1M to P15D.")
    return schedule, duration, zone


def rule_arn(ctx: Context, name: str) -> str:
    """A rule's ARN."""
    return ctx.arn("cloudwatch", f"alarm-mute-rule:{name}")


def _on_rule(ctx: Context, req: dict[str, Any]) -> str:
    return rule_arn(ctx, req["AlarmMuteRuleName"])


def _on_rule_and_alarms(ctx: Context, req: dict[str, Any]) -> list[str]:
    names = (req.get("MuteTargets") or {}).get("AlarmNames") or ()
    return [rule_arn(ctx, req["Name"]), *(ctx.arn("cloudwatch", f"alarm:{name}") for name in names)]


@operation(on=_on_rule_and_alarms)
def put_alarm_mute_rule(ctx: Context, req: dict[str, Any]) -> None:
    _schedule(req["Rule"]["Schedule"])
    start, expiry = req.get("StartDate"), req.get("ExpireDate")
    if start and expiry and start >= expiry:
        raise errors.validation("StartDate must be before ExpireDate.")
    settings = {member: value for member, value in req.items() if member not in ("Name", "Tags")}
    old = ctx.get(MuteRule, req["Name"])
    rule = ctx.put(MuteRule(req["Name"], settings, ctx.now))
    for name in rule.targets:
        if ctx.get(Alarm, name) is None:
            raise errors.validation(f"The alarm {name} does not exist.")
    if old is None:
        given = tags.from_list(req.get("Tags"))
        tags.check(given, "ValidationError")
        ctx.set_tags(rule_arn(ctx, rule.name), given)
    for name in old.targets if old else ():
        unmute(ctx, name)


@operation(on=_on_rule)
def delete_alarm_mute_rule(ctx: Context, req: dict[str, Any]) -> None:
    rule = ctx.get(MuteRule, req["AlarmMuteRuleName"])
    if rule is not None:
        ctx.delete(rule)
        ctx.set_tags(rule_arn(ctx, rule.name), {})
        for name in rule.targets:
            unmute(ctx, name)


@operation(on=_on_rule)
def get_alarm_mute_rule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rule = ctx.get(MuteRule, req["AlarmMuteRuleName"])
    if rule is None:
        raise errors.resource_not_found(rule_arn(ctx, req["AlarmMuteRuleName"]))
    return _summary(ctx, rule) | {"Name": rule.name} | rule.settings


def _summary(ctx: Context, rule: MuteRule) -> dict[str, Any]:
    once = rule.settings["Rule"]["Schedule"]["Expression"].startswith("at(")
    told = {
        "AlarmMuteRuleArn": rule_arn(ctx, rule.name),
        "Status": rule.status(ctx.now),
        "MuteType": "ONE_TIME" if once else "RECURRING",
        "LastUpdatedTimestamp": rule.updated,
    }
    return told | ({"ExpireDate": rule.settings["ExpireDate"]} if "ExpireDate" in rule.settings else {})


@operation()
def list_alarm_mute_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows, name, statuses = ctx.where(MuteRule), req.get("AlarmName"), req.get("Statuses")
    if name:
        if ctx.get(Alarm, name) is None:
            raise AwsError("ResourceNotFoundException", f"Unknown alarm: {name}")
        rows = rows.filtered(lambda rule: name in rule.targets)
    if statuses:
        rows = rows.filtered(lambda rule: rule.status(ctx.now) in statuses)
    members = PageMembers("NextToken", "NextToken", "MaxRecords", "AlarmMuteRuleSummaries")
    return paging.page(members, req, rows, lambda rule: _summary(ctx, rule), default=50, maximum=100, error=errors.invalid_token())


def hold(ctx: Context, old: Alarm, alarm: Alarm) -> bool:
    """Whether an alarm is muted now; then what it would do waits for the end of that."""
    ends = [end for rule in ctx.where(MuteRule) if alarm.name in rule.targets and (end := rule.muted_until(ctx.now))]
    if not ends:
        return False
    ctx.put(replace(alarm, muted_in=alarm.muted_in or old.state))
    ctx.after(unmute, alarm.name, at=max(ends))
    return True


@timer
def unmute(ctx: Context, name: str) -> None:
    """A rule mutes an alarm no more: what it held is done, unless another rule mutes it."""
    from cloudjar.services.cloudwatch.states import take_actions

    alarm = ctx.get(Alarm, name)
    if alarm is None or not alarm.muted_in:
        return
    was = alarm.muted_in
    alarm = ctx.put(replace(alarm, muted_in=""))
    if alarm.state != was:
        take_actions(ctx, replace(alarm, state=was, muted_in=was), replace(alarm, muted_in=was))
