"""Log transformers: events are turned into structured ones as they come in, for queries, metric filters and subscribers.

What readers of the group see stays as it was put.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.account_policy_record import TRANSFORMER
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_arn, group_name, milliseconds
from cloudjar.services.logs.processors import MAKERS, MESSAGE, PARSERS, Step
from cloudjar.services.logs.reading import masked

MOST = 20


@record("logs.transformer", key="group")
class Transformer(Record):
    """The transformer of the group with that uid: its processors as they were put."""

    group: int
    config: list[dict[str, Any]]
    created: datetime
    modified: datetime


def _on_group(ctx: Context, req: dict[str, Any]) -> str:
    return group_arn(ctx, group_name(req["logGroupIdentifier"])) + ":*"


def check(config: list[dict[str, Any]]) -> list[Step]:
    """The steps of a transformer; InvalidParameterException if it is none."""
    if not 1 <= len(config) <= MOST:
        raise errors.invalid_transformer(f"it must have 1 to {MOST} processors")
    made = []
    for at, processor in enumerate(config):
        if not isinstance(processor, dict) or len(processor) != 1:
            raise errors.invalid_transformer("each processor must be exactly one of those that there are")
        [(name, settings)] = processor.items()
        maker = MAKERS.get(name)
        if maker is None:
            raise not_implemented("logs", "PutTransformer", f"the processor {name}")
        if at == 0 and name not in PARSERS:
            raise errors.invalid_transformer("the first processor must be a parser")
        try:
            made.append(maker(settings))
        except (KeyError, TypeError, AttributeError):
            raise errors.invalid_transformer(f"{name} lacks a setting, or has a wrong one") from None
    return made


def check_document(document: str) -> list[Step]:
    """The steps of an account's policy, a list of processors as JSON."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise errors.invalid_policy("it is not valid JSON") from None
    if not isinstance(found, list):
        raise errors.invalid_policy("it must be a list of processors")
    return check(found)


_compiled = lru_cache(maxsize=64)(check_document)
"""Transformers, compiled once."""


def transformed(made: list[Step], message: str) -> str:
    """What a transformer makes of a message; the message itself where the first parser finds nothing in it."""
    event: dict[str, Any] = {MESSAGE: message}
    for step in made:
        step(event)
    event.pop(MESSAGE, None)
    return json.dumps(event, separators=(",", ":")) if event else message


@operation(on=_on_group)
def put_transformer(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    if group.group_class != "STANDARD":
        raise errors.only_standard()
    check(req["transformerConfig"])
    old = ctx.get(Transformer, group.uid)
    ctx.put(Transformer(group.uid, req["transformerConfig"], old.created if old else ctx.now, ctx.now))
    ctx.put(replace(group, transforms=True))


@operation(on=_on_group)
def get_transformer(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    found = ctx.get(Transformer, group.uid)
    if found is None:
        return {}
    return {
        "logGroupIdentifier": group_arn(ctx, group.name),
        "creationTime": milliseconds(found.created),
        "lastModifiedTime": milliseconds(found.modified),
        "transformerConfig": found.config,
    }


@operation(on=_on_group)
def delete_transformer(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    found = ctx.get(Transformer, group.uid)
    if found is None:
        raise errors.resource_not_found(req["logGroupIdentifier"])
    ctx.delete(found)
    ctx.put(replace(group, transforms=False))


@operation()
def test_transformer(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    made = check(req["transformerConfig"])
    logs = [
        {"eventNumber": number, "eventMessage": message, "transformedEventMessage": transformed(made, message)}
        for number, message in enumerate(req["logEventMessages"], 1)
    ]
    return {"transformedLogs": logs}


def of_group(ctx: Context, group: LogGroup) -> list[Step] | None:
    """The steps that a group's events go through: its own, or else those of the account's policy."""
    from cloudjar.services.logs.account_policies import policy_for

    if group.group_class != "STANDARD":
        return None
    if group.transforms and (own := ctx.get(Transformer, group.uid)):
        return _compiled(json.dumps(own.config))
    policy = policy_for(ctx, TRANSFORMER, group.name)
    return _compiled(policy.document) if policy else None


def apply(made: list[Step], event: LogEvent) -> LogEvent:
    """An event with its transformed version, in which sensitive data is masked for good."""
    return replace(event, transformed=transformed(made, masked(event).message))
