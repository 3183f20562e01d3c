"""Targets: what a rule's events are sent to."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel import targets as kinds
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.input_template import PLACE
from cloudjar.kernel.json_path import is_path
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.events import errors, lists
from cloudjar.services.events.buses import find_bus
from cloudjar.services.events.rules import find_rule, on_rule, on_rules

MOST_TARGETS = 5
_COMMON = ("Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "DeadLetterConfig", "RetryPolicy")
_SUPPORTED = frozenset((*_COMMON, "SqsParameters", "KinesisParameters", "HttpParameters"))
_ARN = re.compile(r"arn:[^:]*:[a-z0-9-]+:[^:]*:\d{0,12}:.+")
_RESERVED = "aws."


@record("events.target", key=("bus", "rule", "id"), indexes={"arn": ("bus", "arn", "rule", "id")})
class Target(Record):
    """One target of a rule; `settings` are its members as they were put."""

    bus: str
    rule: str
    id: str
    arn: str
    settings: dict[str, Any]


@operation(on=on_rule)
def put_targets(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, rule = find_rule(ctx, req["Rule"], req.get("EventBusName"))
    ids = [target["Id"] for target in req["Targets"]]
    if len(set(ids)) < len(ids):
        raise errors.invalid(f"Duplicated target id {next(one for one in ids if ids.count(one) > 1)} in the request.")
    kept = {target.id for target in there.where(Target, bus=rule.bus, rule=rule.name)}
    if len(kept.union(ids)) > MOST_TARGETS:
        raise errors.limit_exceeded("The requested resource exceeds the maximum number allowed.")
    for target in req["Targets"]:
        _check(target, there.region)
    for target in req["Targets"]:
        there.put(Target(rule.bus, rule.name, target["Id"], target["Arn"], target))
    return {"FailedEntryCount": 0, "FailedEntries": []}


def _check(target: dict[str, Any], region: str) -> None:
    arn, name = target["Arn"], target["Id"]
    if not _ARN.fullmatch(arn):
        raise errors.bad_parameter(arn, "Provided Arn is not in correct format.")
    if arn.split(":")[2] == "events" and not is_destination(arn) and not is_bus(arn):
        raise errors.bad_parameter(arn, "Provided Arn is not in correct format.")
    # A bus is the only target that may be in another Region.
    if not is_bus(arn) and arn.split(":")[3] not in ("", region):
        raise errors.cross_region()
    if kinds.kind_of(arn) is None:
        raise not_implemented("events", "PutTargets", f"targets of {arn.split(':')[2]}")
    for member in target:
        if member not in _SUPPORTED:
            raise not_implemented("events", "PutTargets", member)
    if sum(member in target for member in ("Input", "InputPath", "InputTransformer")) > 1:
        raise errors.invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")
    if "Input" in target:
        try:
            json.loads(target["Input"])
        except (ValueError, RecursionError):
            raise errors.invalid(f"JSON syntax error in input for target {name}") from None
    path = target.get("InputPath")
    if path and not is_path(path):
        raise errors.invalid(f"InputPath for target {name} is invalid.")
    _check_transformer(name, target.get("InputTransformer"))
    if is_destination(arn) and not target.get("RoleArn"):
        raise errors.invalid(f"RoleArn is required for target {arn}.")
    fifo = arn.split(":")[2] == "sqs" and arn.endswith(".fifo")
    if fifo and not (target.get("SqsParameters") or {}).get("MessageGroupId"):
        raise errors.invalid(f"Parameter(s) SqsParameters must be specified for target: {name}.")
    dead_letter = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead_letter and (dead_letter.split(":")[2:3] != ["sqs"] or dead_letter.endswith(".fifo")):
        raise errors.bad_parameter("DeadLetterConfig.Arn", "The dead-letter queue must be a standard Amazon SQS queue.")


def _check_transformer(name: str, transformer: dict[str, Any] | None) -> None:
    if transformer is None:
        return
    paths = transformer.get("InputPathsMap") or {}
    for key, path in paths.items():
        if key.lower().startswith(_RESERVED):
            raise errors.invalid(f"InputTransformer for target {name} contains invalid key: {key}.")
        if not is_path(path):
            raise errors.invalid(f"InputTransformer for target {name} contains invalid path: {path}.")
    for key in PLACE.findall(transformer["InputTemplate"]):
        if key not in paths and not key.startswith(_RESERVED):
            raise errors.invalid(f"InputTemplate for target {name} contains placeholder {key} that is not in InputPathsMap.")


def is_destination(arn: str) -> bool:
    """Whether an ARN is an API destination's."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[2] == "events" and parts[5].startswith("api-destination/")


def is_bus(arn: str) -> bool:
    """Whether an ARN is an event bus's."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[2] == "events" and parts[5].startswith("event-bus/")


@operation(on=on_rule)
def remove_targets(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, rule = find_rule(ctx, req["Rule"], req.get("EventBusName"))
    failed = []
    for name in req["Ids"]:
        target = there.get(Target, rule.bus, rule.name, name)
        if target is None:
            problem: AwsError = errors.resource_not_found(name)
            failed.append({"TargetId": name, "ErrorCode": problem.code, "ErrorMessage": problem.message})
        else:
            there.delete(target)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation(on=on_rule)
def list_targets_by_rule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, rule = find_rule(ctx, req["Rule"], req.get("EventBusName"))
    return lists.page(req, "Targets", there.where(Target, bus=rule.bus, rule=rule.name), lambda target: target.settings)


@operation(on=on_rules)
def list_rule_names_by_target(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, bus = find_bus(ctx, req.get("EventBusName"))
    rows = there.where(Target, bus=bus.name, arn=req["TargetArn"])
    answer = lists.page(req, "RuleNames", rows, lambda target: target.rule)
    # A rule may have one target twice.
    return answer | {"RuleNames": list(dict.fromkeys(answer["RuleNames"]))}
