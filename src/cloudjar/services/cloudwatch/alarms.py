"""Alarms: put, describe, delete, switch."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import paging, tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.cloudwatch import contributors, detectors, errors
from cloudjar.services.cloudwatch.judging import BANDS
from cloudjar.services.cloudwatch.queries import Run, check_period, check_queries
from cloudjar.services.cloudwatch.statistics import is_statistic

METRIC, COMPOSITE = "MetricAlarm", "CompositeAlarm"
ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
MISSING = ("breaching", "notBreaching", "ignore", "missing")
_REFUSED = ("WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval", "ActionConfiguration")
_REFUSED_COMPOSITE = ("ActionConfiguration",)
_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit")


@record("cloudwatch.alarm", key="name")
class Alarm(Record):
    """An alarm; `settings` are its members as they were put."""

    name: str
    kind: str
    settings: dict[str, Any]
    configured: datetime
    updated: datetime
    transitioned: datetime
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    timer: str = ""
    held: str = ""
    """The state that its actions were last taken in, while those of its present state are suppressed."""
    suppressed_by: str = ""
    muted_in: str = ""
    """The state that it was in when its actions were first held by a mute rule."""
    release: str = ""
    """The id of the timer that ends the suppression."""

    @property
    def enabled(self) -> bool:
        """Whether its actions are taken."""
        return bool(self.settings.get("ActionsEnabled", True))


def alarm_arn(ctx: Context, name: str) -> str:
    """An alarm's ARN."""
    return ctx.arn("cloudwatch", f"alarm:{name}")


def on_alarm(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return alarm_arn(ctx, req.get("AlarmName") or "*")


def on_alarms(ctx: Context, req: dict[str, Any]) -> list[str]:
    """What IAM is asked about."""
    return [alarm_arn(ctx, name) for name in req.get("AlarmNames") or ["*"]]


@operation(on=on_alarm)
def put_metric_alarm(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.cloudwatch.evaluation import watch

    for member in _REFUSED:
        if member in req:
            raise not_implemented("cloudwatch", "PutMetricAlarm", member)
    if "WallClockWindow" in (req.get("EvaluationWindow") or {}):
        raise not_implemented("cloudwatch", "PutMetricAlarm", "WallClockWindow")
    _check_actions("PutMetricAlarm", req)
    for member in ("EvaluationPeriods", "ComparisonOperator"):
        if member not in req:
            raise errors.validation(f"The parameter {member} is required.")
    _check_threshold(req)
    if req.get("DatapointsToAlarm", 1) > req["EvaluationPeriods"]:
        raise errors.validation("The parameter DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    if req.get("TreatMissingData") not in (None, *MISSING):
        raise errors.validation(f"The value {req['TreatMissingData']} is unsupported for TreatMissingData.")
    if req.get("EvaluateLowSampleCountPercentile") not in (None, "evaluate", "ignore"):
        raise errors.validation("Option for EvaluateLowSampleCountPercentile must be evaluate or ignore.")
    if "Metrics" in req:
        _check_metrics(ctx, req)
    else:
        _check_one_metric(req)
    if band := _banded(req):
        detectors.need(ctx, req["Metrics"], band)
    contributors.forget(ctx, req["AlarmName"])
    watch(ctx, _put(ctx, METRIC, req))


def _check_threshold(req: dict[str, Any]) -> None:
    """An alarm has a threshold, or a band; each with its own operators."""
    on_band = req["ComparisonOperator"] in BANDS
    if on_band != ("ThresholdMetricId" in req):
        missing = "ThresholdMetricId" if on_band else "Threshold"
        raise errors.validation(f"The parameter {missing} is required for the ComparisonOperator {req['ComparisonOperator']}.")
    if not on_band and "Threshold" not in req:
        raise errors.validation("The parameter Threshold is required.")
    if on_band and "Threshold" in req:
        raise errors.validation("The parameters Threshold and ThresholdMetricId must not be specified together.")
    if on_band and not _banded(req):
        raise errors.validation("ThresholdMetricId must be the Id of an ANOMALY_DETECTION_BAND expression in Metrics over another of them.")


def _banded(req: dict[str, Any]) -> str:
    """The id of the query that the band of an alarm is about, or ""."""
    queries = {query["Id"]: query for query in req.get("Metrics") or ()}
    band = queries.get(req.get("ThresholdMetricId", ""), {}).get("Expression", "")
    found = re.match(rf"\s*{detectors.BAND}\s*\(\s*(\w+)", band)
    return found[1] if found and found[1] in queries else ""


def _check_one_metric(req: dict[str, Any]) -> None:
    for member in ("MetricName", "Namespace", "Period"):
        if member not in req:
            raise errors.validation(f"The parameter {member} is required.")
    if ("Statistic" in req) == ("ExtendedStatistic" in req):
        raise errors.validation("Exactly one of Statistic and ExtendedStatistic must be specified.")
    if not is_statistic(req.get("ExtendedStatistic", "Sum")):
        raise errors.validation(f"The value {req['ExtendedStatistic']} for parameter ExtendedStatistic is not supported.")
    check_period(req["Period"])
    if req["Period"] < 10:
        raise errors.validation("Period must be 10, 20, 30 or a multiple of 60")
    if req["Period"] * req["EvaluationPeriods"] > 7 * 86_400:
        raise errors.validation("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800).")


def _check_metrics(ctx: Context, req: dict[str, Any]) -> None:
    for member in _ONE_METRIC:
        if member in req:
            raise errors.validation(f"The parameter {member} must not be specified together with Metrics.")
    check_queries(req["Metrics"])
    shown = [query for query in req["Metrics"] if query.get("ReturnData", True) and query["Id"] != req.get("ThresholdMetricId")]
    if len(shown) == 1:
        # What is no expression is refused now, not at the first evaluation.
        Run(ctx, req["Metrics"], ctx.now, ctx.now + timedelta(minutes=1)).results(shown[0])
    if len(shown) != 1:
        raise errors.validation("Exactly one element of the metrics list should return data.")


def _check_actions(operation_name: str, req: dict[str, Any]) -> None:
    for member in ACTIONS.values():
        for arn in req.get(member) or ():
            if not arn.startswith("arn:"):
                raise errors.validation(f"Invalid action: {arn}")
            if arn.split(":")[2] not in ("sns", "lambda"):
                raise not_implemented("cloudwatch", operation_name, f"actions of {arn.split(':')[2]}")


@operation(on=on_alarm)
def put_composite_alarm(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.cloudwatch import suppression
    from cloudjar.services.cloudwatch.composites import children, consider, descendants

    for member in _REFUSED_COMPOSITE:
        if member in req:
            raise not_implemented("cloudwatch", "PutCompositeAlarm", member)
    _check_actions("PutCompositeAlarm", req)
    for child in children(ctx, req["AlarmRule"]):
        if ctx.get(Alarm, child) is None:
            raise errors.validation(f"Could not save the composite alarm as alarms [{child}] in the alarm rule do not exist")
    if req["AlarmName"] in descendants(ctx, req["AlarmRule"]):
        raise errors.validation(f"AlarmRule must not refer, by way of other alarms, to the alarm itself: {req['AlarmName']}")
    suppression.check(ctx, req)
    consider(ctx, suppression.forget(ctx, _put(ctx, COMPOSITE, req)))


def _put(ctx: Context, kind: str, req: dict[str, Any]) -> Alarm:
    from cloudjar.services.cloudwatch.history import note

    settings = {member: value for member, value in req.items() if member not in ("AlarmName", "Tags")}
    old = ctx.get(Alarm, req["AlarmName"])
    if old and old.kind != kind:
        raise errors.validation(f"Alarm {old.name} is of another type.")
    if old:
        alarm = ctx.put(replace(old, settings=settings, configured=ctx.now))
        note(ctx, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" updated', {"type": "Update"})
        return alarm
    given = tags.from_list(req.get("Tags"))
    tags.check(given, "ValidationError")
    alarm = ctx.put(Alarm(req["AlarmName"], kind, settings, ctx.now, ctx.now, ctx.now))
    ctx.set_tags(alarm_arn(ctx, alarm.name), given)
    note(ctx, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" created', {"type": "Create"})
    return alarm


@operation(on=on_alarms)
def delete_alarms(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.cloudwatch.composites import children
    from cloudjar.services.cloudwatch.suppression import suppressor_of

    names = req["AlarmNames"]
    found = [alarm for name in dict.fromkeys(names) if (alarm := ctx.get(Alarm, name))]
    # Names that are wrong do not keep the others from being deleted.
    if not found:
        raise errors.alarms_not_found(names)
    if sum(alarm.kind == COMPOSITE for alarm in found) > 1:
        raise errors.validation("At most one composite alarm can be deleted in one operation.")
    for alarm in ctx.where(Alarm).filtered(lambda alarm: alarm.kind == COMPOSITE and alarm.name not in names):
        used = (children(ctx, alarm.settings["AlarmRule"]) | {suppressor_of(alarm.settings)}).intersection(names)
        if used:
            raise errors.validation(f"Cannot delete {sorted(used)[0]} as there are composite alarm(s) depending on it.")
    for alarm in found:
        contributors.forget(ctx, alarm.name)
        ctx.cancel(alarm.timer)
        if alarm.release:
            ctx.cancel(alarm.release)
        ctx.delete(alarm)
        ctx.set_tags(alarm_arn(ctx, alarm.name), {})


@operation(on=on_alarms)
def enable_alarm_actions(ctx: Context, req: dict[str, Any]) -> None:
    _switch(ctx, req["AlarmNames"], True)


@operation(on=on_alarms)
def disable_alarm_actions(ctx: Context, req: dict[str, Any]) -> None:
    _switch(ctx, req["AlarmNames"], False)


def _switch(ctx: Context, names: list[str], on: bool) -> None:
    for name in names:
        alarm = ctx.get(Alarm, name)
        if alarm:
            ctx.put(replace(alarm, settings={**alarm.settings, "ActionsEnabled": on}))


@operation(on=on_alarms)
def describe_alarms(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if "ChildrenOfAlarmName" in req or "ParentsOfAlarmName" in req:
        return _relatives(ctx, req)
    if req.get("AlarmNames") and req.get("AlarmNamePrefix"):
        raise errors.validation("AlarmNames and AlarmNamePrefix are mutually exclusive.")
    rows = ctx.where(Alarm)
    if prefix := req.get("AlarmNamePrefix"):
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")
    names, state, action = req.get("AlarmNames"), req.get("StateValue"), req.get("ActionPrefix")
    # Without AlarmTypes, AWS answers with metric alarms alone.
    kinds = req.get("AlarmTypes") or ([METRIC, COMPOSITE] if names else [METRIC])
    rows = rows.filtered(lambda alarm: alarm.kind in kinds and (not names or alarm.name in names))
    if state:
        rows = rows.filtered(lambda alarm: alarm.state == state)
    if action:
        rows = rows.filtered(
            lambda alarm: any(arn.startswith(action) for member in ACTIONS.values() for arn in alarm.settings.get(member) or ())
        )
    members = ctx.world.host.page_members("cloudwatch", "DescribeAlarms")
    answer = paging.page(
        members, req, rows, lambda alarm: (alarm.kind, alarm_to_wire(ctx, alarm)), default=50, maximum=100, error=errors.invalid_token()
    )
    found = answer.pop("MetricAlarms")
    answer["MetricAlarms"] = [wire for kind, wire in found if kind == METRIC]
    answer["CompositeAlarms"] = [wire for kind, wire in found if kind == COMPOSITE]
    return answer


def _relatives(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """The alarms that an alarm's rule speaks of, or whose rules speak of it: AWS tells little of them."""
    from cloudjar.services.cloudwatch.composites import children

    if "ChildrenOfAlarmName" in req and "ParentsOfAlarmName" in req:
        raise errors.validation("ChildrenOfAlarmName and ParentsOfAlarmName are mutually exclusive.")
    name = req.get("ChildrenOfAlarmName") or req["ParentsOfAlarmName"]
    alarm = ctx.get(Alarm, name)
    if alarm is None:
        raise errors.alarm_not_found(name)
    if "ChildrenOfAlarmName" in req:
        names = children(ctx, alarm.settings["AlarmRule"]) if alarm.kind == COMPOSITE else set()
    else:
        above = ctx.where(Alarm).filtered(lambda one: one.kind == COMPOSITE)
        names = {one.name for one in above if name in children(ctx, one.settings["AlarmRule"])}
    answer: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    for found in ctx.where(Alarm).filtered(lambda one: one.name in names):
        wire: dict[str, Any] = {"AlarmName": found.name, "AlarmArn": alarm_arn(ctx, found.name), "StateValue": found.state}
        wire["StateUpdatedTimestamp"] = found.updated
        answer["MetricAlarms" if found.kind == METRIC else "CompositeAlarms"].append(wire)
    return answer


@operation(on=on_alarms)
def describe_alarms_for_metric(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    def about(alarm: Alarm) -> bool:
        settings = alarm.settings
        if alarm.kind != METRIC or (settings.get("Namespace"), settings.get("MetricName")) != (req["Namespace"], req["MetricName"]):
            return False
        if _pairs(settings) != _pairs(req):
            return False
        return all(settings.get(member) == req[member] for member in ("Statistic", "ExtendedStatistic", "Period", "Unit") if member in req)

    return {"MetricAlarms": [alarm_to_wire(ctx, alarm) for alarm in ctx.where(Alarm).filtered(about)]}


def _pairs(settings: dict[str, Any]) -> set[tuple[str, str]]:
    return {(pair["Name"], pair["Value"]) for pair in settings.get("Dimensions") or ()}


def alarm_to_wire(ctx: Context, alarm: Alarm) -> dict[str, Any]:
    wire: dict[str, Any] = {
        **{key: [] for key in ACTIONS.values()},
        **alarm.settings,
        "AlarmName": alarm.name,
        "AlarmArn": alarm_arn(ctx, alarm.name),
        "ActionsEnabled": alarm.enabled,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured,
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": alarm.updated,
        "StateTransitionedTimestamp": alarm.transitioned,
    }
    if alarm.kind == METRIC and "Metrics" not in alarm.settings:
        wire.setdefault("Dimensions", [])
    if alarm.reason_data:
        wire["StateReasonData"] = alarm.reason_data
    if alarm.suppressed_by:
        wire |= {"ActionsSuppressedBy": alarm.suppressed_by, "ActionsSuppressedReason": f"Actions suppressed by {alarm.suppressed_by}"}
    return wire
