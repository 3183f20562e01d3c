"""From an event on a bus to the rules that match it, and on to their targets."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.event_pattern import compile_pattern
from cloudjar.kernel.input_template import dump
from cloudjar.kernel.trail import API_CALL
from cloudjar.services.events import metering
from cloudjar.services.events.archives import keep
from cloudjar.services.events.bus_keys import accepts
from cloudjar.services.events.buses import Bus, bus_arn, get_bus
from cloudjar.services.events.delivery import deliver
from cloudjar.services.events.envelope import stamp
from cloudjar.services.events.rules import Rule, rule_arn
from cloudjar.services.events.targets import Target, is_bus
from cloudjar.services.events.transform import payload_for

MOST_HOPS = 5
"""How many buses an event goes through: rules that send to each other's buses would go on for ever."""


def publish(ctx: Context, bus: str, event: dict[str, Any], *, hops: int = 0, only: tuple[str, ...] = ()) -> None:
    """An event arrives on a bus of this account and Region; `only` are the ARNs of the rules that a replay goes to."""
    held = get_bus(ctx, bus)
    if held is not None and held.kms_key and not accepts(ctx, held, bus_arn(ctx, bus), event):
        return
    if "replay-name" not in event:
        keep(ctx, bus, event)
    reads = event["detail-type"] == API_CALL and event["source"].startswith("aws.") and event["detail"].get("readOnly") is True
    for rule in ctx.where(Rule, bus=bus):
        if reads and not rule.cloudtrail:
            continue
        if not rule.enabled or not rule.pattern or (only and rule_arn(ctx, bus, rule.name) not in only):
            continue
        if compile_pattern(rule.pattern)(event):
            metering.of_rule(ctx, rule_arn(ctx, bus, rule.name), "MatchedEvents")
            fire(ctx, rule, event, hops=hops)


def fire(ctx: Context, rule: Rule, event: dict[str, Any], *, hops: int = 0) -> None:
    """Sends an event to a rule's targets once this transaction has committed."""
    arn = rule_arn(ctx, rule.bus, rule.name)
    metering.of_rule(ctx, arn, "TriggeredRules")
    bus: Bus | None = None
    for target in ctx.where(Target, bus=rule.bus, rule=rule.name):
        dead_letter = (target.settings.get("DeadLetterConfig") or {}).get("Arn", "")
        if not dead_letter:
            bus = bus or get_bus(ctx, rule.bus)
            dead_letter = bus.dead_letter_arn if bus else ""
        retry = target.settings.get("RetryPolicy") or {}
        task = {
            "rule": arn,
            "target": target.settings,
            "role": target.settings.get("RoleArn") or "",
            # Another bus gets the whole event, whatever the target's settings say of input.
            "payload": dump(event) if is_bus(target.arn) else payload_for(target.settings, event, arn, stamp(ctx.now)),
            "event": event["id"],
            "hops": hops,
            "dead_letter": dead_letter,
            "attempts": 0,
            "retries": retry.get("MaximumRetryAttempts", 185),
            "until": ctx.now.timestamp() + retry.get("MaximumEventAgeInSeconds", 86_400),
        }
        ctx.effect(deliver, task)
