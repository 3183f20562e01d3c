"""Calling a schedule's target: under its role, again while it fails, then to the dead-letter queue."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel import targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer

PRINCIPAL = "scheduler.amazonaws.com"
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:"
_NAMES = {"sfn": "stepfunctions", "cloudwatchlogs": "logs", "eventbridge": "events", "elasticloadbalancingv2": "elbv2"}
"""The SDK's names of services where they are not botocore's."""
KEY_CONTEXT = "aws:scheduler:schedule:arn"
"""What the encryption context of a schedule's data key names."""
_PAUSES = (1, 2, 5, 10, 30, 60, 120, 300, 600)
"""Seconds between attempts; the last one goes on."""


NAMESPACE = "AWS/Scheduler"


def _count(ctx: Context, task: dict[str, Any], name: str) -> None:
    """Adds to a metric: of the schedule's group, and of all. Source: "Monitoring with Amazon CloudWatch" in the user guide."""
    ctx.metric(NAMESPACE, name, (("ScheduleGroup", task["schedule"].split("/")[1]),))
    ctx.metric(NAMESPACE, name, ())


def universal(arn: str) -> tuple[str, str]:
    """The service and operation of a universal target: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"."""
    service, _, action = arn.removeprefix(UNIVERSAL).partition(":")
    return _NAMES.get(service.lower(), service.lower()), action[:1].upper() + action[1:]


def task_for(ctx: Context, arn: str, target: dict[str, Any], due: datetime) -> dict[str, Any]:
    """One run's invocation."""
    retry = target.get("RetryPolicy") or {}
    return {
        "schedule": arn,
        "target": target,
        "due": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "id": ctx.ids.uuid(),
        "attempts": 0,
        "retries": retry.get("MaximumRetryAttempts", 185),
        "until": ctx.now.timestamp() + retry.get("MaximumEventAgeInSeconds", 86_400),
    }


def _payload(ctx: Context, task: dict[str, Any]) -> str:
    text = task["target"].get("Input")
    if text is None:
        event = {
            "version": "0",
            "id": task["id"],
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ctx.account,
            "time": task["due"],
            "region": ctx.region,
            "resources": [task["schedule"]],
            "detail": "{}",
        }
        return json.dumps(event, separators=(",", ":"))
    known = {
        "schedule-arn": task["schedule"],
        "scheduled-time": task["due"],
        "execution-id": task["id"],
        "attempt-number": str(task["attempts"] + 1),
    }
    for name, value in known.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return str(text)


@effect
async def invoke(ctx: Context, task: dict[str, Any]) -> None:
    """One attempt to call a schedule's target."""
    target = task["target"]
    payload = _payload(ctx, task)
    _count(ctx, task, "InvocationAttemptCount")
    try:
        acting = targets.acting(ctx, target["RoleArn"], PRINCIPAL, _group_of(task["schedule"]))
        if task.get("data_key"):
            request = {"CiphertextBlob": task["data_key"], "EncryptionContext": {KEY_CONTEXT: task["schedule"]}}
            await acting.call_async("kms", "Decrypt", request)
        if target["Arn"].startswith(UNIVERSAL):
            await _call(acting, target["Arn"], payload if "Input" in target else "{}")
        else:
            await targets.send(acting, target["Arn"], payload, target)
    except AwsError as error:
        with ctx.transaction():
            _failed(ctx, task, payload, error)


async def _call(ctx: Context, arn: str, payload: str) -> None:
    service, action = universal(arn)
    request = json.loads(payload)
    if service == "lambda" and isinstance(request.get("Payload"), str):
        request["Payload"] = request["Payload"].encode()
    await ctx.call_async(service, action, request)


def _failed(ctx: Context, task: dict[str, Any], payload: str, error: AwsError) -> None:
    throttled = "TooManyRequests" in error.code or "Throttl" in error.code
    _count(ctx, task, "TargetErrorThrottledCount" if throttled else "TargetErrorCount")
    attempts = task["attempts"] + 1
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    exhausted = attempts > task["retries"]
    too_old = ctx.now.timestamp() + pause > task["until"]
    if not targets.is_final(error) and not exhausted and not too_old:
        ctx.after(try_again, {**task, "attempts": attempts}, seconds=pause)
        return
    condition = "MaximumRetryAttempts" if exhausted else "MaximumEventAgeInSeconds" if too_old else ""
    if (task["target"].get("DeadLetterConfig") or {}).get("Arn"):
        ctx.effect(give_up, {**task, "attempts": attempts}, payload, error.code, error.message, condition)
    else:
        _count(ctx, task, "InvocationDroppedCount")
        ctx.world.host.log_failure(f"schedule {task['schedule']}", error)


@timer
def try_again(ctx: Context, task: dict[str, Any]) -> None:
    """The pause is over."""
    ctx.effect(invoke, task)


@effect
async def give_up(ctx: Context, task: dict[str, Any], payload: str, code: str, message: str, condition: str) -> None:
    """Puts what could not be delivered into the dead-letter queue, as the schedule's role."""
    attributes = {
        "SCHEDULE_ARN": task["schedule"],
        "TARGET_ARN": task["target"]["Arn"],
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message or code,
        "RETRY_ATTEMPTS": str(task["attempts"] - 1),
    }
    if condition:
        attributes["EXHAUSTED_RETRY_CONDITION"] = condition
    settings = {"MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}}
    try:
        acting = targets.acting(ctx, task["target"]["RoleArn"], PRINCIPAL, _group_of(task["schedule"]))
        await targets.send(acting, task["target"]["DeadLetterConfig"]["Arn"], payload, settings)
        _count(ctx, task, "InvocationsSentToDeadLetterCount")
    except AwsError as error:
        _count(ctx, task, "InvocationsFailedToBeSentToDeadLetterCount")
        _count(ctx, task, f"InvocationsFailedToBeSentToDeadLetterCount_{error.code}")
        ctx.world.host.log_failure(f"dead letter of schedule {task['schedule']}", error)


def _group_of(schedule_arn: str) -> str:
    """The ARN of a schedule's group: what Scheduler says that it assumes roles for. Source: "Confused deputy prevention", its guide."""
    start, _, rest = schedule_arn.partition(":schedule/")
    return f"{start}:schedule-group/{rest.partition('/')[0]}"
