"""Contributors: the series of an alarm on a Metrics Insights query with GROUP BY, each with a state of its own.

Source: "Alarms on Metrics Insights queries" in the user guide. The alarm is in ALARM while any contributor is.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record
from cloudjar.services.cloudwatch import errors

if TYPE_CHECKING:
    from cloudjar.services.cloudwatch.alarms import Alarm
    from cloudjar.services.cloudwatch.evaluation import Verdict
    from cloudjar.services.cloudwatch.judging import Watched


@record("cloudwatch.contributor", key=("alarm", "id"))
class Contributor(Record):
    """One series of an alarm, and the state that it is in."""

    alarm: str
    id: str
    attributes: dict[str, str]
    state: str
    reason: str
    transitioned: datetime


def forget(ctx: Context, alarm: str) -> None:
    """The alarm is put anew or deleted."""
    for found in list(ctx.where(Contributor, alarm=alarm)):
        ctx.delete(found)


def evaluate(ctx: Context, alarm: Alarm, found: list[tuple[Watched, Verdict]]) -> None:
    """Brings an alarm's contributors into the states that their data means, and the alarm with them."""
    from cloudjar.services.cloudwatch.states import change

    known = {one.id: one for one in ctx.where(Contributor, alarm=alarm.name)}
    told: dict[str, tuple[str, str]] = {}
    seen = set()
    for watched, verdict in found:
        identifier = hashlib.sha256(json.dumps(watched.attributes, sort_keys=True).encode()).hexdigest()[:16]
        seen.add(identifier)
        old = known.get(identifier)
        was = old.state if old else "INSUFFICIENT_DATA"
        state, reason, data = verdict(was)
        if old is None or state != was:
            ctx.put(Contributor(alarm.name, identifier, watched.attributes, state, reason(), ctx.now))
        told.setdefault(state, (reason(), data()))
    for gone in set(known) - seen:
        ctx.delete(known[gone])
    state = next((state for state in ("ALARM", "OK") if state in told), "INSUFFICIENT_DATA")
    if state != alarm.state:
        change(ctx, alarm, state, *told.get(state, ("Insufficient Data: the query has no data.", "")))


def _on_alarm(ctx: Context, req: dict[str, Any]) -> str:
    return ctx.arn("cloudwatch", f"alarm:{req['AlarmName']}")


@operation(on=_on_alarm)
def describe_alarm_contributors(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.cloudwatch.alarms import Alarm, alarm_arn

    if ctx.get(Alarm, req["AlarmName"]) is None:
        raise errors.resource_not_found(alarm_arn(ctx, req["AlarmName"]))

    def wire(one: Contributor) -> dict[str, Any]:
        told = {"ContributorId": one.id, "ContributorAttributes": one.attributes, "StateReason": one.reason}
        return told | {"StateTransitionedTimestamp": one.transitioned}

    members = PageMembers("NextToken", "NextToken", None, "AlarmContributors")
    rows = ctx.where(Contributor, alarm=req["AlarmName"]).filtered(lambda one: one.state == "ALARM")
    return paging.page(members, req, rows, wire, default=100, maximum=100, error=errors.invalid_token())
