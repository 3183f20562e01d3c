"""Redrive policies: where messages go that nobody manages to handle, and who may send theirs here."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.sqs import errors
from cloudjar.services.sqs.queues import Queue, at_arn, queue_arn

MOST_RECEIVES = 1000
MOST_SOURCES = 10
_WHOLE = re.compile(r"[0-9]{1,4}")


def read_policy(ctx: Context, queue: Queue, text: str) -> dict[str, Any]:
    """The record's fields that a RedrivePolicy sets. Raises InvalidParameterValue, InvalidAttributeValue."""
    if not text:
        return {"redrive_policy": "", "dead_letter_arn": None, "max_receives": 0}
    policy = _object(text, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
    arn, receives = policy.get("deadLetterTargetArn"), policy.get("maxReceiveCount")

    def refused(reason: str) -> AwsError:
        return errors.invalid_value(text, "RedrivePolicy", reason)

    if not arn:
        raise refused("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    if receives is None:
        raise refused("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
    for name in policy:
        if name not in ("deadLetterTargetArn", "maxReceiveCount"):
            raise refused(f"Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]. Found: {name}.")
    if not _WHOLE.fullmatch(str(receives)) or not 1 <= int(receives) <= MOST_RECEIVES:
        raise refused(f"Invalid value for maxReceiveCount: {receives}, valid values are from 1 to 1000 both inclusive.")
    found = at_arn(ctx, str(arn))
    if found is None or found[0].account != ctx.account:
        raise refused("Dead letter target does not exist.")
    target = found[1]
    if target.fifo != queue.fifo:
        kind = "FIFO" if target.fifo else "standard"
        raise refused(f"Dead-letter queue must be same type of queue as the source. Dead-letter queue {target.name} is a {kind} queue.")
    if not allows(target, queue_arn(ctx, queue.name)):
        raise refused("Dead letter target does not allow this queue as its source.")
    return {"redrive_policy": text, "dead_letter_arn": str(arn), "max_receives": int(receives)}


def read_allow_policy(text: str) -> str:
    """A RedriveAllowPolicy that is in order. Raises InvalidParameterValue, InvalidAttributeValue."""
    if not text:
        return ""
    policy = _object(text, "RedriveAllowPolicy", "RedriveAllowPolicy is not a valid JSON map.")
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")

    def refused(reason: str) -> AwsError:
        return errors.invalid_value(text, "RedriveAllowPolicy", reason)

    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise refused("redrivePermission must be allowAll, denyAll or byQueue.")
    if (permission == "byQueue") != bool(sources):
        raise refused("sourceQueueArns is required with the redrivePermission byQueue, and only allowed with it.")
    if sources and (not isinstance(sources, list) or len(sources) > MOST_SOURCES or not all(isinstance(arn, str) for arn in sources)):
        raise refused("sourceQueueArns must be a list of at most 10 ARNs of queues.")
    return text


def allows(target: Queue, source_arn: str) -> bool:
    """Whether a queue takes dead letters from another."""
    if not target.redrive_allow_policy:
        return True
    policy = json.loads(target.redrive_allow_policy)
    if policy["redrivePermission"] == "byQueue":
        return source_arn in policy["sourceQueueArns"]
    return bool(policy["redrivePermission"] == "allowAll")


def _object(text: str, name: str, reason: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise errors.invalid_value(text, name, reason)
    return found
