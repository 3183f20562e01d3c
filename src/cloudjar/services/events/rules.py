"""Rules: patterns and schedules on a bus."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel import schedule_expression, tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.event_pattern import PatternProblem, Predicate, compile_pattern
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.trail import TrailReader
from cloudjar.services.events import errors, lists
from cloudjar.services.events.buses import DEFAULT, Bus, find_bus, home_of

MOST_RULES = 300


@record("events.rule", key=("bus", "name"))
class Rule(Record):
    """A rule; `timer` is the id of its next run."""

    bus: str
    name: str
    created: datetime
    pattern: str = ""
    schedule: str = ""
    enabled: bool = True
    description: str | None = None
    role: str = ""
    timer: str = ""
    cloudtrail: bool = False
    """Whether it also wants CloudTrail's read-only management events."""


def rule_arn(ctx: Context, bus: str, name: str) -> str:
    """A rule's ARN, which leaves the default bus out."""
    return ctx.arn("events", f"rule/{name}" if bus == DEFAULT else f"rule/{bus}/{name}")


def on_rule(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    there, bus = home_of(ctx, req.get("EventBusName"))
    return rule_arn(there, bus, req.get("Name") or req.get("Rule") or "*")


def on_rules(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for lists."""
    there, bus = home_of(ctx, req.get("EventBusName"))
    return rule_arn(there, bus, "*")


def find_rule(ctx: Context, name: str, bus_name: str | None) -> tuple[Context, Rule]:
    """The rule and where it is; ResourceNotFoundException if there is no such rule or bus."""
    there, bus = find_bus(ctx, bus_name)
    rule = there.get(Rule, bus.name, name)
    if rule is None:
        raise errors.rule_not_found(name, bus.name)
    return there, rule


def predicate(text: str) -> Predicate:
    """The predicate of a pattern; InvalidEventPatternException."""
    try:
        return compile_pattern(text)
    except PatternProblem as problem:
        raise errors.bad_pattern(str(problem)) from None


@operation(on=on_rule)
def put_rule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, bus = find_bus(ctx, req.get("EventBusName"))
    pattern, schedule = req.get("EventPattern") or "", req.get("ScheduleExpression") or ""
    if not pattern and not schedule:
        raise errors.bad_parameter("EventPattern or ScheduleExpression", "At least one of them must be given.")
    if pattern:
        predicate(pattern)
    if schedule:
        _check_schedule(schedule, bus)
    name = req["Name"]
    old = there.get(Rule, bus.name, name)
    if old is None and there.where(Rule, bus=bus.name).count() >= MOST_RULES:
        raise errors.limit_exceeded("The requested resource exceeds the maximum number allowed.")
    state = req.get("State") or "ENABLED"
    rule = Rule(
        bus.name,
        name,
        old.created if old else ctx.now,
        pattern,
        schedule,
        state != "DISABLED",
        req.get("Description"),
        req.get("RoleArn") or "",
        old.timer if old else "",
        state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
    )
    arn = rule_arn(there, bus.name, name)
    if old is None and req.get("Tags"):
        given = tags.from_list(req["Tags"])
        tags.check(given)
        there.set_tags(arn, given)
    _put(there, rule)
    return {"RuleArn": arn}


def _put(ctx: Context, rule: Rule) -> None:
    """Stores a rule with its next run, and what it wants of the trail."""
    ctx.put(_scheduled(ctx, rule))
    reader = TrailReader(rule_arn(ctx, rule.bus, rule.name))
    if rule.enabled and rule.cloudtrail:
        ctx.put(reader)
    else:
        ctx.delete(reader)


def _check_schedule(text: str, bus: Bus) -> None:
    if bus.name != DEFAULT:
        raise errors.invalid("ScheduleExpression is supported only on the default event bus.")
    try:
        schedule_expression.parse(text)
    except schedule_expression.ScheduleProblem:
        raise errors.bad_parameter("ScheduleExpression") from None


def _scheduled(ctx: Context, rule: Rule) -> Rule:
    """The rule with its next run, if it has one, in place of the one that it had."""
    if rule.timer:
        ctx.cancel(rule.timer)
    if not rule.schedule or not rule.enabled:
        return replace(rule, timer="")
    schedule = schedule_expression.parse(rule.schedule)
    # A rate counts from when the rule was put or enabled.
    due = schedule.after(ctx.now, ctx.now)
    return replace(rule, timer=ctx.after(run_rule, rule.bus, rule.name, at=due) if due else "")


@timer
def run_rule(ctx: Context, bus: str, name: str) -> None:
    """A scheduled rule's time has come."""
    from cloudjar.services.events.envelope import envelope
    from cloudjar.services.events.routing import fire

    rule = ctx.get(Rule, bus, name)
    if rule is None or not rule.enabled:
        return
    schedule = schedule_expression.parse(rule.schedule)
    due = schedule.after(ctx.now, ctx.now)
    ctx.put(replace(rule, timer=ctx.after(run_rule, bus, name, at=due) if due else ""))
    fire(ctx, rule, envelope(ctx, "aws.events", "Scheduled Event", {}, [rule_arn(ctx, bus, name)]))


@operation(on=on_rule)
def enable_rule(ctx: Context, req: dict[str, Any]) -> None:
    there, rule = find_rule(ctx, req["Name"], req.get("EventBusName"))
    if not rule.enabled:
        _put(there, replace(rule, enabled=True))


@operation(on=on_rule)
def disable_rule(ctx: Context, req: dict[str, Any]) -> None:
    there, rule = find_rule(ctx, req["Name"], req.get("EventBusName"))
    _put(there, replace(rule, enabled=False))


@operation(on=on_rule)
def delete_rule(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.events.targets import Target

    there, bus = find_bus(ctx, req.get("EventBusName"))
    rule = there.get(Rule, bus.name, req["Name"])
    if rule is None:
        return
    if there.where(Target, bus=bus.name, rule=rule.name).first():
        raise errors.rule_has_targets()
    if rule.timer:
        there.cancel(rule.timer)
    arn = rule_arn(there, bus.name, rule.name)
    there.delete(rule)
    there.delete(TrailReader(arn))
    there.set_tags(arn, {})


@operation(on=on_rule)
def describe_rule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, rule = find_rule(ctx, req["Name"], req.get("EventBusName"))
    return rule_to_wire(there, rule) | {"CreatedBy": there.account}


@operation(on=on_rules)
def list_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, bus = find_bus(ctx, req.get("EventBusName"))
    rows = lists.named(there.where(Rule, bus=bus.name), req.get("NamePrefix"))
    return lists.page(req, "Rules", rows, lambda rule: rule_to_wire(there, rule))


@operation()
def test_event_pattern(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    matches = predicate(req["EventPattern"])
    try:
        event = json.loads(req["Event"])
    except (ValueError, RecursionError):
        raise errors.bad_parameter("Event") from None
    if not isinstance(event, dict):
        raise errors.bad_parameter("Event")
    for name in ("id", "account", "source", "time", "region", "resources", "detail-type"):
        if name not in event:
            raise errors.bad_parameter("Event", f"{name} is a required argument.")
    return {"Result": matches(event)}


def rule_to_wire(ctx: Context, rule: Rule) -> dict[str, Any]:
    state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" if rule.cloudtrail else "ENABLED"
    wire: dict[str, Any] = {
        "Name": rule.name,
        "Arn": rule_arn(ctx, rule.bus, rule.name),
        "State": state if rule.enabled else "DISABLED",
        "EventBusName": rule.bus,
    }
    optional = {
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "Description": rule.description,
        "RoleArn": rule.role,
    }
    return wire | {name: value for name, value in optional.items() if value}
