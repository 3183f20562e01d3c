"""Message move tasks: dead letters go back to where they came from, or elsewhere, at the rate that was asked for."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from itertools import islice
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sqs import errors
from cloudjar.services.sqs.messages import DELAYED, IN_FLIGHT, Counts, Message, MessageStore
from cloudjar.services.sqs.queues import Queue, at_arn

FASTEST = 500
"""Messages a second: the most that may be asked for, and the rate of a task that names none."""
ACTIVE = ("RUNNING", "CANCELLING")
MOST_SHOWN = 10


@record("sqs.move_task", key=("source_arn", "started", "id"), indexes={"id": "id"})
class MoveTask(Record):
    """A task that moves messages out of a dead-letter queue. An empty `destination_arn` means: to where each came from."""

    source_arn: str
    started: datetime
    id: str
    destination_arn: str = ""
    rate: int = 0
    status: str = "RUNNING"
    moved: int = 0
    to_move: int = 0
    last_seq: int = 0
    """Messages that come after the task has started stay."""
    failure: str = ""

    @property
    def handle(self) -> str:
        text = json.dumps({"taskId": self.id, "sourceArn": self.source_arn}, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()


def on_source(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["SourceArn"])


def on_task(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the source of the task."""
    return _parse_handle(req["TaskHandle"])[1]


@operation(on=on_source)
def start_message_move_task(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    arn, destination, rate = req["SourceArn"], req.get("DestinationArn") or "", req.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= FASTEST:
        raise errors.invalid_value(rate, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {FASTEST}.")
    source = _source(ctx, arn)
    if ctx.where(Queue, dead_letter_arn=arn).first() is None:
        raise errors.not_a_dead_letter_queue()
    if destination:
        target = at_arn(ctx, destination)
        if target is None or target[0].account != ctx.account:
            raise errors.no_such_destination()
        if target[1].name == source.name:
            raise errors.invalid_value(destination, "DestinationArn", "Source and destination queues must be different.")
        if target[1].fifo != source.fifo:
            raise errors.invalid_value(destination, "DestinationArn", "Source and destination queues must be of the same type.")
    if any(task.status in ACTIVE for task in ctx.where(MoveTask, source_arn=arn)):
        raise errors.task_running()
    counts = ctx.get(Counts, source.store) or Counts(source.store)
    task = MoveTask(arn, ctx.now, ctx.ids.uuid(), destination, rate or 0, to_move=counts.total, last_seq=counts.seq)
    ctx.put(task)
    ctx.after(move_messages, arn, task.id)
    return {"TaskHandle": task.handle}


@operation(on=on_task)
def cancel_message_move_task(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    task_id, arn = _parse_handle(req["TaskHandle"])
    task = ctx.where(MoveTask, id=task_id).first()
    if task is None or task.source_arn != arn:
        raise errors.no_such_task()
    if task.status != "RUNNING":
        raise errors.task_not_running()
    ctx.put(replace(task, status="CANCELLING"))
    return {"ApproximateNumberOfMessagesMoved": task.moved}


@operation(on=on_source)
def list_message_move_tasks(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    count = req.get("MaxResults")
    if count is not None and not 1 <= count <= MOST_SHOWN:
        raise errors.invalid_value(count, "MaxResults", f"Must be between 1 and {MOST_SHOWN}.")
    _source(ctx, req["SourceArn"])
    rows = ctx.where(MoveTask, source_arn=req["SourceArn"]).backwards()
    return {"Results": [task_to_wire(task) for task in islice(rows, count or 1)]}


@timer
def move_messages(ctx: Context, arn: str, task_id: str) -> None:
    """Moves one second's worth of messages."""
    task = ctx.where(MoveTask, id=task_id).first()
    if task is None:
        return
    if task.status == "CANCELLING":
        ctx.put(replace(task, status="CANCELLED"))
        return
    found = at_arn(ctx, arn)
    if found is None:
        ctx.put(replace(task, status="FAILED", failure="AWS.SimpleQueueService.NonExistentQueue"))
        return
    last, moved, failure, more = task.last_seq, 0, "", False
    with MessageStore(*found) as source:
        rows = ctx.where(Message, store=found[1].store).filtered(lambda each: each.seq <= last)
        for message in rows.filtered(lambda each: each.state not in (IN_FLIGHT, DELAYED) or each.visible <= source.now):
            if moved == (task.rate or FASTEST):
                more = True
                break
            failure = _move(ctx, source, message, task.destination_arn)
            if failure:
                break
            moved += 1
    task = replace(task, moved=task.moved + moved, failure=failure)
    if failure or not more:
        ctx.put(replace(task, status="FAILED" if failure else "COMPLETED"))
    else:
        ctx.put(task)
        ctx.after(move_messages, arn, task_id, seconds=1)


def _move(ctx: Context, source: MessageStore, message: Message, destination: str) -> str:
    """Moves a message, which is a new one there; says why it could not, if it could not."""
    target = destination or message.source_arn
    if not target:
        return "CouldNotDetermineMessageSource"
    found = at_arn(ctx, target)
    if found is None:
        return "AWS.SimpleQueueService.NonExistentQueue"
    source.remove(message)
    with MessageStore(*found) as store:
        store.add(
            Message(
                found[1].store,
                store.now,
                0,
                ctx.ids.uuid(),
                message.payload,
                sender=message.sender,
                group=message.group,
                deduplication_id=message.deduplication_id,
                data_key=message.data_key,
            )
        )
    return ""


def task_to_wire(task: MoveTask) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "Status": task.status,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": microseconds(task.started) // 1000,
    }
    if task.status == "RUNNING":
        wire["TaskHandle"] = task.handle
    if task.destination_arn:
        wire["DestinationArn"] = task.destination_arn
    if task.rate:
        wire["MaxNumberOfMessagesPerSecond"] = task.rate
    if task.failure:
        wire["FailureReason"] = task.failure
    return wire


def _source(ctx: Context, arn: str) -> Queue:
    found = at_arn(ctx, arn)
    if found is None or found[0].account != ctx.account:
        raise errors.no_such_arn()
    return found[1]


def _parse_handle(handle: str) -> tuple[str, str]:
    """The task's id and its source. Raises InvalidParameterValue."""
    try:
        found = json.loads(base64.b64decode(handle.encode("ascii"), validate=True))
        return str(found["taskId"]), str(found["sourceArn"])
    except (ValueError, KeyError, TypeError):
        raise errors.invalid_value(handle, "TaskHandle", "The task handle is not valid.") from None
