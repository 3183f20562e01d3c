"""Action suppressors: a composite alarm's actions are held while another alarm says so.

Source: "Composite alarm action suppression" in the CloudWatch user guide. A transition's actions wait for
`ActionsSuppressorWaitPeriod`; while the suppressor is in ALARM they are held; when it leaves ALARM they wait for
`ActionsSuppressorExtensionPeriod` more. An alarm that is back where it was when its actions were first held has none to take.
"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import timer
from cloudjar.kernel.records import replace
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.alarms import COMPOSITE, Alarm

SUPPRESSOR, WAIT, EXTENSION = "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"
BY_ALARM, BY_WAIT, BY_EXTENSION = "Alarm", "WaitPeriod", "ExtensionPeriod"


def check(ctx: Context, req: dict[str, Any]) -> None:
    """Refuses half a suppressor, and one that is not there."""
    given = [member in req for member in (SUPPRESSOR, WAIT, EXTENSION)]
    if any(given) and not all(given):
        raise errors.validation(f"{SUPPRESSOR}, {WAIT} and {EXTENSION} must be specified together.")
    if not any(given):
        return
    if req[WAIT] < 0 or req[EXTENSION] < 0:
        raise errors.validation(f"{WAIT} and {EXTENSION} must not be negative.")
    name = suppressor_of(req)
    if name == req["AlarmName"] or ctx.get(Alarm, name) is None:
        raise errors.validation(f"Could not save the composite alarm as the actions suppressor [{name}] does not exist")


def suppressor_of(settings: dict[str, Any]) -> str:
    """The name of the alarm that suppresses, or ""."""
    given: str = settings.get(SUPPRESSOR) or ""
    return given.split(":alarm:", 1)[1] if given.startswith("arn:") and ":alarm:" in given else given


def hold(ctx: Context, was: str, alarm: Alarm) -> Alarm:
    """An alarm with a suppressor has moved from the state `was`: its actions are held, if it has any to take."""
    since = alarm.held or was
    if since == alarm.state:
        return _over(ctx, alarm)
    if alarm.suppressed_by == BY_EXTENSION:
        return ctx.put(replace(alarm, held=since))
    suppressor = ctx.get(Alarm, suppressor_of(alarm.settings))
    alarm = replace(alarm, held=since)
    if suppressor is not None and suppressor.state == "ALARM":
        return _wait(ctx, alarm, BY_ALARM)
    return _wait(ctx, alarm, BY_WAIT, alarm.settings[WAIT])


def follow(ctx: Context, suppressor: Alarm, was: str) -> None:
    """An alarm has moved: those that it suppresses hold their actions, or wait to take them."""
    if "ALARM" not in (was, suppressor.state):
        return
    for alarm in list(ctx.where(Alarm).filtered(lambda alarm: alarm.kind == COMPOSITE and bool(alarm.held))):
        if suppressor_of(alarm.settings) != suppressor.name:
            continue
        if suppressor.state == "ALARM":
            _wait(ctx, alarm, BY_ALARM)
        else:
            _wait(ctx, alarm, BY_EXTENSION, alarm.settings[EXTENSION])


def forget(ctx: Context, alarm: Alarm) -> Alarm:
    """The alarm has been put anew: what was held for its old suppressor is not taken any more."""
    return _over(ctx, alarm) if alarm.held else alarm


def _wait(ctx: Context, alarm: Alarm, by: str, seconds: int | None = None) -> Alarm:
    if alarm.release:
        ctx.cancel(alarm.release)
    release = "" if seconds is None else ctx.after(take_held, alarm.name, seconds=seconds)
    return ctx.put(replace(alarm, suppressed_by=by, release=release))


def _over(ctx: Context, alarm: Alarm) -> Alarm:
    if alarm.release:
        ctx.cancel(alarm.release)
    return ctx.put(replace(alarm, held="", suppressed_by="", release=""))


@timer
def take_held(ctx: Context, name: str) -> None:
    """A wait is over: the actions are taken."""
    from cloudjar.services.cloudwatch.states import take_actions

    alarm = ctx.get(Alarm, name)
    if alarm is None or not alarm.held:
        return
    was = alarm.held
    alarm = ctx.put(replace(alarm, held="", suppressed_by="", release=""))
    take_actions(ctx, replace(alarm, state=was), alarm)
