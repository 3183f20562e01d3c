"""Queue attributes: names, values, and what may be set to what."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.sqs import errors, purging, redrive
from cloudjar.services.sqs.messages import counted
from cloudjar.services.sqs.queues import Queue, addressed, on_queue, queue_arn

# The numbers that may be set: the record's field, and the range.
NUMBERS: dict[str, tuple[str, int, int]] = {
    "DelaySeconds": ("delay", 0, 900),
    "MaximumMessageSize": ("maximum_size", 1024, 1_048_576),
    "MessageRetentionPeriod": ("retention", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("wait", 0, 20),
    "VisibilityTimeout": ("visibility_timeout", 0, 43_200),
    "KmsDataKeyReusePeriodSeconds": ("kms_reuse", 60, 86_400),
}
FIFO_ONLY = frozenset(("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"))
SETTABLE = frozenset((*NUMBERS, *FIFO_ONLY, "Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled"))
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
READABLE = SETTABLE | {"FifoQueue", "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", *COUNTS}


def check_names(given: dict[str, str], *, creating: bool) -> None:
    """InvalidAttributeName for what cannot be set."""
    for name in given:
        if name not in SETTABLE and not (creating and name == "FifoQueue"):
            raise errors.unknown_attribute(name)


def changed(ctx: Context, queue: Queue, given: dict[str, str]) -> Queue:
    """The queue with these attributes. Raises InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue."""
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name in NUMBERS:
            field, low, high = NUMBERS[name]
            fields[field] = _number(name, value, low, high)
        elif name in FIFO_ONLY:
            if not queue.fifo:
                raise errors.unknown_attribute(name)
            fields |= _fifo_attribute(name, value)
        elif name == "FifoQueue":
            if value not in ("true", "false"):
                raise errors.invalid_attribute(name)
            if (value == "true") != queue.fifo:
                raise errors.unknown_attribute(name)
        elif name == "Policy":
            fields["policy"] = _policy(value)
        elif name == "RedrivePolicy":
            fields |= redrive.read_policy(ctx, queue, value)
        elif name == "RedriveAllowPolicy":
            fields["redrive_allow_policy"] = redrive.read_allow_policy(value)
        elif name == "KmsMasterKeyId":
            fields["kms_key"] = value
        else:
            fields["managed_sse"] = _boolean(name, value)
    _check_encryption(given, fields)
    # Naming a key chooses SSE-KMS; asking for SSE-SQS ends it.
    if fields.get("kms_key"):
        fields["managed_sse"] = False
    elif fields.get("managed_sse"):
        fields["kms_key"] = ""
    after = replace(queue, **fields)
    if after.throughput_limit == "perMessageGroupId" and after.deduplication_scope != "messageGroup":
        raise errors.invalid_attribute(
            "FifoThroughputLimit", "The perMessageGroupId value is allowed only when DeduplicationScope is messageGroup."
        )
    return after


def _number(name: str, value: str, low: int, high: int) -> int:
    if not (value.isdecimal() and value.isascii() and len(value) < 10 and low <= int(value) <= high):
        raise errors.invalid_attribute(name)
    return int(value)


def _boolean(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise errors.invalid_attribute(name)
    return value.lower() == "true"


def _fifo_attribute(name: str, value: str) -> dict[str, Any]:
    if name == "ContentBasedDeduplication":
        return {"content_based_deduplication": _boolean(name, value)}
    field, allowed = {
        "DeduplicationScope": ("deduplication_scope", ("messageGroup", "queue")),
        "FifoThroughputLimit": ("throughput_limit", ("perQueue", "perMessageGroupId")),
    }[name]
    if value not in allowed:
        raise errors.invalid_attribute(name)
    return {field: value}


def _policy(value: str) -> str:
    from cloudjar.identity.policy import PolicyProblem, parse

    if not value:
        return ""
    try:
        parse(value, "resource")
    except PolicyProblem as problem:
        raise errors.invalid_attribute("Policy", problem.message) from problem
    return value


def _check_encryption(given: dict[str, str], fields: dict[str, Any]) -> None:
    if fields.get("kms_key") and fields.get("managed_sse"):
        raise errors.invalid_attribute("SqsManagedSseEnabled", "You can use one type of server-side encryption (SSE) at one time.")


@operation(on=on_queue)
def set_queue_attributes(ctx: Context, req: dict[str, Any]) -> None:
    home, queue = addressed(ctx, req)
    given = req["Attributes"]
    check_names(given, creating=False)
    after = changed(home, queue, given)
    home.put(replace(after, modified=home.now))
    if after.retention < queue.retention:
        purging.expire_sooner(home, after)


@operation(on=on_queue)
def get_queue_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    wanted = req.get("AttributeNames") or []
    for name in wanted:
        if name != "All" and name not in READABLE:
            raise errors.unknown_attribute(name)
    found = attributes_to_wire(home, queue, counts="All" in wanted or not set(wanted).isdisjoint(COUNTS))
    if "All" not in wanted:
        found = {name: value for name, value in found.items() if name in wanted}
    return {"Attributes": found} if found else {}


def attributes_to_wire(ctx: Context, queue: Queue, *, counts: bool) -> dict[str, str]:
    """All attributes, in AWS's spelling; those that the queue does not have are left out."""
    wire: dict[str, str] = {"QueueArn": queue_arn(ctx, queue.name)}
    if counts:
        ready, in_flight, delayed = counted(ctx, queue)
        wire |= dict(zip(COUNTS, (str(ready), str(in_flight), str(delayed)), strict=True))
    wire |= {"CreatedTimestamp": _seconds(queue.created), "LastModifiedTimestamp": _seconds(queue.modified)}
    wire |= {name: str(getattr(queue, field)) for name, (field, _, _) in NUMBERS.items() if name != "KmsDataKeyReusePeriodSeconds"}
    for name, text in (
        ("Policy", queue.policy),
        ("RedrivePolicy", queue.redrive_policy),
        ("RedriveAllowPolicy", queue.redrive_allow_policy),
    ):
        if text:
            wire[name] = text
    if queue.fifo:
        wire |= {
            "FifoQueue": "true",
            "ContentBasedDeduplication": str(queue.content_based_deduplication).lower(),
            "DeduplicationScope": queue.deduplication_scope,
            "FifoThroughputLimit": queue.throughput_limit,
        }
    if queue.kms_key:
        wire |= {"KmsMasterKeyId": queue.kms_key, "KmsDataKeyReusePeriodSeconds": str(queue.kms_reuse)}
    wire["SqsManagedSseEnabled"] = str(queue.managed_sse).lower()
    return wire


def check_same(ctx: Context, queue: Queue, given: dict[str, str]) -> None:
    """QueueNameExists unless every attribute given is what the queue has."""
    present = {"FifoQueue": "false", "KmsDataKeyReusePeriodSeconds": str(queue.kms_reuse), **attributes_to_wire(ctx, queue, counts=False)}
    for name, value in given.items():
        if _comparable(name)(value) != _comparable(name)(present.get(name, "")):
            raise errors.queue_name_exists(name)


def _comparable(name: str) -> Callable[[str], Any]:
    return _json if name in ("Policy", "RedrivePolicy", "RedriveAllowPolicy") else str.lower


def _json(value: str) -> Any:
    try:
        found = json.loads(value)
    except ValueError:
        return value
    # A number of receives may be written as text.
    return {key: str(each) for key, each in found.items()} if isinstance(found, dict) else found


def _seconds(instant: datetime) -> str:
    return str(microseconds(instant) // 1_000_000)
