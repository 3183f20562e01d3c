"""Delivering to targets: after commit, again while they fail, and to the dead-letter queue in the end."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.kernel import targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer
from cloudjar.kernel.principal import root_of
from cloudjar.services.events import metering
from cloudjar.services.events.buses import get_bus, home_of
from cloudjar.services.events.targets import is_bus

PRINCIPAL = "events.amazonaws.com"
_PAUSES = (1, 2, 5, 10, 30, 60, 120, 300, 600)
"""Seconds between attempts; the last one goes on. AWS says exponential with jitter, 185 attempts in a day: so about as long."""


@effect
async def deliver(ctx: Context, task: dict[str, Any]) -> None:
    """One attempt to hand an event to a target."""
    try:
        await _send(ctx, task)
        metering.of_attempt(ctx, task, True)
    except AwsError as error:
        metering.of_attempt(ctx, task, False)
        with ctx.transaction():
            _failed(ctx, task, error)


async def _send(ctx: Context, task: dict[str, Any]) -> None:
    settings = task["target"]
    arn = settings["Arn"]
    if is_bus(arn):
        with ctx.transaction():
            _forward(ctx, task, arn)
        return
    acting = targets.acting(ctx, task["role"], PRINCIPAL, task["rule"])
    await targets.send(acting, arn, task["payload"], {**settings, "EventId": task["event"]})


def _forward(ctx: Context, task: dict[str, Any], arn: str) -> None:
    """An event keeps its id, time and account on its way to another bus."""
    from cloudjar.services.events.routing import MOST_HOPS, publish

    there, name = home_of(ctx, arn)
    if task["role"]:
        sender = ctx.at(principal=ctx.assume(task["role"], PRINCIPAL, task["rule"]).principal)
    else:
        sender = ctx.at(principal=root_of(ctx.account))
    own = there.account == ctx.account and not task["role"]
    if not own and not ctx.world.host.allowed(there.at(principal=sender.principal), "events:PutEvents", arn):
        raise AwsError("AccessDeniedException", f"{sender.principal.arn} is not authorized to perform: events:PutEvents on resource: {arn}")
    if get_bus(there, name) is None:
        raise AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")
    if task["hops"] < MOST_HOPS:
        publish(there, name, json.loads(task["payload"]), hops=task["hops"] + 1)


def _failed(ctx: Context, task: dict[str, Any], error: AwsError) -> None:
    attempts = task["attempts"] + 1
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    exhausted = attempts > task["retries"]
    too_old = ctx.now.timestamp() + pause > task["until"]
    if not targets.is_final(error) and not exhausted and not too_old:
        ctx.after(try_again, {**task, "attempts": attempts}, seconds=pause)
        return
    metering.of_rule(ctx, task["rule"], "FailedInvocations")
    condition = "MaximumRetryAttempts" if exhausted else "MaximumEventAgeInSeconds" if too_old else ""
    if task["dead_letter"]:
        ctx.effect(give_up, {**task, "attempts": attempts}, error.code, error.message, condition)
    else:
        ctx.world.host.log_failure(f"delivery of event {task['event']} to {task['target']['Arn']}", error)


@timer
def try_again(ctx: Context, task: dict[str, Any]) -> None:
    """The pause is over."""
    ctx.effect(deliver, task)


@effect
async def give_up(ctx: Context, task: dict[str, Any], code: str, message: str, condition: str) -> None:
    """Puts an event that could not be delivered into the dead-letter queue. Source: "Using dead-letter queues" in the user guide."""
    attributes = {
        "RULE_ARN": task["rule"],
        "TARGET_ARN": task["target"]["Arn"],
        "ERROR_CODE": _DEAD_LETTER_CODES.get(code, "NO_PERMISSIONS" if "AccessDenied" in code else "SDK_CLIENT_ERROR"),
        "ERROR_MESSAGE": message or code,
        "RETRY_ATTEMPTS": str(task["attempts"] - 1),
    }
    if condition:
        attributes["EXHAUSTED_RETRY_CONDITION"] = condition
    settings = {"MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}}
    acting = targets.acting(ctx, "", PRINCIPAL, task["rule"])
    try:
        await targets.send(acting, task["dead_letter"], task["payload"], settings)
        metering.of_rule(ctx, task["rule"], "InvocationsSentToDlq")
    except AwsError as error:
        metering.of_rule(ctx, task["rule"], "InvocationsFailedToBeSentToDlq")
        ctx.world.host.log_failure(f"dead letter of event {task['event']}", error)


_DEAD_LETTER_CODES = {
    "ResourceNotFoundException": "NO_RESOURCE",
    "AWS.SimpleQueueService.NonExistentQueue": "NO_RESOURCE",
    "QueueDoesNotExist": "NO_RESOURCE",
    "TooManyRequestsException": "THROTTLING",
    "ThrottlingException": "THROTTLING",
}
