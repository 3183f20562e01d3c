"""State changes of alarms: history, events and actions."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import replace
from cloudjar.services.cloudwatch import errors, suppression
from cloudjar.services.cloudwatch.alarms import ACTIONS, COMPOSITE, Alarm, alarm_arn, on_alarm
from cloudjar.services.cloudwatch.history import note

PRINCIPAL = "cloudwatch.amazonaws.com"
LAMBDA_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"
_TRIGGER = ("MetricName", "Namespace", "Unit", "Period", "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "Threshold")


@operation(on=on_alarm)
def set_alarm_state(ctx: Context, req: dict[str, Any]) -> None:
    alarm = ctx.get(Alarm, req["AlarmName"])
    if alarm is None:
        raise errors.alarm_not_found(req["AlarmName"])
    data = req.get("StateReasonData") or ""
    if data:
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            raise errors.invalid_json("StateReasonData was not valid JSON.") from None
    change(ctx, alarm, req["StateValue"], req["StateReason"], data)


def change(ctx: Context, alarm: Alarm, state: str, reason: str, data: str) -> None:
    """Moves an alarm into a state, and does what follows from that."""
    from cloudjar.services.cloudwatch.composites import reconsider

    was, old = alarm.state, alarm
    moved = state != was
    transitioned = ctx.now if moved else alarm.transitioned
    alarm = ctx.put(replace(alarm, state=state, reason=reason, reason_data=data, updated=ctx.now, transitioned=transitioned))
    if not moved:
        return
    suppressed = alarm.enabled and bool(suppression.suppressor_of(alarm.settings))
    if suppressed:
        alarm = suppression.hold(ctx, was, alarm)
    told = {"oldState": _short(old), "newState": _short(alarm)}
    note(ctx, alarm, "StateUpdate", f"Alarm updated from {was} to {state}", told)
    _publish(ctx, old, alarm)
    if not suppressed:
        take_actions(ctx, old, alarm)
    suppression.follow(ctx, alarm, was)
    reconsider(ctx, alarm.name)


def take_actions(ctx: Context, old: Alarm, alarm: Alarm) -> None:
    """Takes the actions of the state that an alarm is in, if it has its actions enabled and no rule mutes it."""
    from cloudjar.services.cloudwatch.mute_rules import hold

    if alarm.enabled and not hold(ctx, old, alarm):
        for arn in alarm.settings.get(ACTIONS[alarm.state]) or ():
            ctx.effect(act, alarm.name, arn, _message(ctx, old, alarm), _payload(ctx, old, alarm))


def _short(alarm: Alarm) -> dict[str, Any]:
    told: dict[str, Any] = {"stateValue": alarm.state, "stateReason": alarm.reason}
    if alarm.reason_data:
        told["stateReasonData"] = json.loads(alarm.reason_data)
    return told


def _state(alarm: Alarm) -> dict[str, Any]:
    told = {"value": alarm.state, "reason": alarm.reason, "timestamp": alarm.updated.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
    if alarm.suppressed_by:
        told |= {"actionsSuppressedBy": alarm.suppressed_by, "actionsSuppressedReason": f"Actions suppressed by {alarm.suppressed_by}"}
    return told | ({"reasonData": alarm.reason_data} if alarm.reason_data else {})


def _configuration(alarm: Alarm) -> dict[str, Any]:
    settings = alarm.settings
    told: dict[str, Any] = {"description": settings["AlarmDescription"]} if settings.get("AlarmDescription") else {}
    if alarm.kind == COMPOSITE:
        members = (suppression.SUPPRESSOR, suppression.WAIT, suppression.EXTENSION)
        suppressor = {member[0].lower() + member[1:]: settings[member] for member in members if member in settings}
        return told | {"alarmRule": settings["AlarmRule"]} | suppressor
    if "Metrics" in settings:
        return told | {"metrics": [{"id": query["Id"], "returnData": query.get("ReturnData", True)} for query in settings["Metrics"]]}
    metric: dict[str, Any] = {"namespace": settings["Namespace"], "name": settings["MetricName"]}
    metric["dimensions"] = {pair["Name"]: pair["Value"] for pair in settings.get("Dimensions") or ()}
    stat = {"metric": metric, "period": settings["Period"], "stat": settings.get("Statistic") or settings["ExtendedStatistic"]}
    return told | {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]}


def _publish(ctx: Context, old: Alarm, alarm: Alarm) -> None:
    """Source: "Alarm events and EventBridge" in the CloudWatch user guide."""
    detail = {
        "alarmName": alarm.name,
        "configuration": _configuration(alarm),
        "previousState": _state(old),
        "state": _state(alarm),
    }
    ctx.emit("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm_arn(ctx, alarm.name)])


def _message(ctx: Context, old: Alarm, alarm: Alarm) -> str:
    """What a topic gets. Source: "Notifying users on alarm changes" in the user guide."""
    settings = alarm.settings
    told: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": ctx.account,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": alarm.updated.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": ctx.region,
        "AlarmArn": alarm_arn(ctx, alarm.name),
        "OldStateValue": old.state,
        "OKActions": settings.get("OKActions") or [],
        "AlarmActions": settings.get("AlarmActions") or [],
        "InsufficientDataActions": settings.get("InsufficientDataActions") or [],
    }
    if alarm.kind == COMPOSITE:
        told["AlarmRule"] = settings["AlarmRule"]
    else:
        trigger: dict[str, Any] = {member: settings[member] for member in _TRIGGER if member in settings}
        trigger["TreatMissingData"] = settings.get("TreatMissingData") or "missing"
        if "Metrics" in settings:
            trigger["Metrics"] = settings["Metrics"]
        else:
            trigger["Dimensions"] = [{"name": pair["Name"], "value": pair["Value"]} for pair in settings.get("Dimensions") or ()]
            if "Statistic" in settings:
                trigger |= {"StatisticType": "Statistic", "Statistic": settings["Statistic"].upper()}
            else:
                trigger |= {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": settings["ExtendedStatistic"]}
        told["Trigger"] = trigger
    return json.dumps(told, separators=(",", ":"))


def _payload(ctx: Context, old: Alarm, alarm: Alarm) -> str:
    """What a function gets. Source: "Invoke a Lambda function from an alarm" in the user guide."""
    data = {
        "alarmName": alarm.name,
        "state": _state(alarm),
        "previousState": _state(old),
        "configuration": _configuration(alarm),
    }
    told = {
        "source": "aws.cloudwatch",
        "alarmArn": alarm_arn(ctx, alarm.name),
        "accountId": ctx.account,
        "time": _state(alarm)["timestamp"],
        "region": ctx.region,
        "alarmData": data,
    }
    return json.dumps(told, separators=(",", ":"))


@effect
async def act(ctx: Context, name: str, arn: str, message: str, payload: str) -> None:
    """Takes one action of an alarm, and notes how it went."""
    source = alarm_arn(ctx, name)
    there = ctx.at(region=arn.split(":")[3] or ctx.region, account=arn.split(":")[4] or ctx.account)
    problem = ""
    try:
        if arn.split(":")[2] == "sns":
            state = json.loads(message)["NewStateValue"]
            subject = f'{state}: "{name}" in {ctx.region}'[:100]
            request = {"TopicArn": arn, "Subject": subject, "Message": message}
            await there.as_service(PRINCIPAL, source).call_async("sns", "Publish", request)
        else:
            invocation = {"FunctionName": arn, "InvocationType": "Event", "Payload": payload.encode()}
            await there.as_service(LAMBDA_PRINCIPAL, source).call_async("lambda", "Invoke", invocation)
    except AwsError as error:
        problem = f"{error.code}: {error.message}"
    with ctx.transaction():
        alarm = ctx.get(Alarm, name)
        if alarm:
            summary = f"Failed to execute action {arn}. {problem}" if problem else f"Successfully executed action {arn}"
            data = {"actionState": "Failed" if problem else "Succeeded", "notificationResource": arn, "error": problem or None}
            note(ctx, alarm, "Action", summary, data)
