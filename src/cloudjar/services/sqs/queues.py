"""Queues: their record, their names and addresses, and their life."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sqs import errors

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
ONE_MIB = 1_048_576
REUSE_SECONDS = 60
"""How long a deleted queue's name stays taken, and how long after a purge another is refused."""


@record("sqs.queue", key="name", indexes={"dead_letters": ("dead_letter_arn", "name")})
class Queue(Record):
    """A queue. Seconds and bytes, as its attributes have them.

    `uid` tells it from an earlier one of its name; `store` is where its messages are: purging gives it another.
    """

    name: str
    uid: int
    store: int
    created: datetime
    modified: datetime
    fifo: bool = False
    visibility_timeout: int = 30
    maximum_size: int = ONE_MIB
    retention: int = 345_600
    delay: int = 0
    wait: int = 0
    policy: str = ""
    redrive_policy: str = ""
    dead_letter_arn: str | None = None
    max_receives: int = 0
    redrive_allow_policy: str = ""
    content_based_deduplication: bool = False
    deduplication_scope: str = ""
    throughput_limit: str = ""
    kms_key: str = ""
    kms_reuse: int = 300
    managed_sse: bool = True
    purged: datetime | None = None

    def deduplicates_by_group(self) -> bool:
        """Whether the same deduplication id may be used in two groups."""
        return self.deduplication_scope == "messageGroup"


@record("sqs.deleted_queue", key="name")
class DeletedQueue(Record):
    """A name that cannot be used again yet."""

    name: str
    until: datetime


NAMESPACE = "AWS/SQS"


def count(ctx: Context, queue: Queue, name: str, value: float = 1.0, unit: str = "Count") -> None:
    """Adds to one of a queue's metrics."""
    ctx.metric(NAMESPACE, name, (("QueueName", queue.name),), value, unit)


# Names and addresses


def queue_arn(ctx: Context, name: str) -> str:
    """A queue's ARN, in the context's account and Region."""
    return ctx.arn("sqs", name)


def queue_url(ctx: Context, name: str) -> str:
    """A queue's URL; its host is the request's, so that whoever asked can reach it."""
    base = ctx.call_info.url or f"https://sqs.{ctx.region}.amazonaws.com"
    return f"{base}/{ctx.account}/{name}"


def parse_url(ctx: Context, url: str) -> tuple[str, str]:
    """The account and the name in a QueueUrl; a bare name is one's own queue. Raises InvalidAddress."""
    if "/" not in url:
        return ctx.account, url
    try:
        parts = [unquote(part) for part in urlsplit(url).path.split("/") if part]
    except ValueError:
        raise errors.invalid_address(url) from None
    # Some tools write /queue/REGION/ACCOUNT/NAME, or leave only the name.
    if len(parts) >= 2 and len(parts[-2]) == 12 and parts[-2].isdecimal():
        return parts[-2], parts[-1]
    if len(parts) == 1:
        return ctx.account, parts[0]
    raise errors.invalid_address(url)


def addressed(ctx: Context, req: dict[str, Any]) -> tuple[Context, Queue]:
    """The queue that QueueUrl means, and the context of its account; QueueDoesNotExist if there is none."""
    account, name = parse_url(ctx, req["QueueUrl"])
    home = ctx if account == ctx.account else ctx.at(account=account)
    queue = home.get(Queue, name)
    if queue is None:
        raise errors.queue_does_not_exist()
    return home, queue


def at_arn(ctx: Context, arn: str) -> tuple[Context, Queue] | None:
    """The queue with this ARN, and the context of its account; None if there is none in this Region."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sqs" or parts[3] != ctx.region:
        return None
    home = ctx if parts[4] == ctx.account else ctx.at(account=parts[4])
    queue = home.get(Queue, parts[5])
    return (home, queue) if queue else None


def on_queue(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the queue that QueueUrl means."""
    account, name = parse_url(ctx, req["QueueUrl"])
    return ctx.arn("sqs", name, account=account)


def on_name(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the queue that QueueName means."""
    return ctx.arn("sqs", req["QueueName"], account=req.get("QueueOwnerAWSAccountId"))


# Operations


@operation(on=on_name)
def create_queue(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.sqs import attributes

    name, given, queue_tags = req["QueueName"], req.get("Attributes") or {}, req.get("tags") or {}
    fifo = given.get("FifoQueue") == "true"
    if fifo and not _FIFO_NAME.fullmatch(name):
        raise errors.invalid_fifo_name()
    if not fifo and not _NAME.fullmatch(name):
        raise errors.invalid_queue_name()
    attributes.check_names(given, creating=True)
    existing = ctx.get(Queue, name)
    if existing:
        attributes.check_same(ctx, existing, given)
        return {"QueueUrl": queue_url(ctx, name)}
    deleted = ctx.get(DeletedQueue, name)
    if deleted:
        if deleted.until > ctx.now:
            raise errors.queue_deleted_recently()
        ctx.delete(deleted)
    tags.check(queue_tags, "InvalidParameterValue")
    uid = ctx.world.step(ctx._open(), "sqs")
    queue = Queue(
        name,
        uid,
        uid,
        ctx.now,
        ctx.now,
        fifo=fifo,
        deduplication_scope="queue" if fifo else "",
        throughput_limit="perQueue" if fifo else "",
    )
    ctx.put(attributes.changed(ctx, queue, given))
    ctx.set_tags(queue_arn(ctx, name), queue_tags)
    return {"QueueUrl": queue_url(ctx, name)}


@operation(on=on_name)
def get_queue_url(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home = ctx.at(account=req.get("QueueOwnerAWSAccountId"))
    queue = home.get(Queue, req["QueueName"])
    if queue is None:
        raise errors.queue_does_not_exist()
    return {"QueueUrl": queue_url(home, queue.name)}


@operation(on=lambda ctx, req: "*")
def list_queues(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Queue)
    if prefix := req.get("QueueNamePrefix"):
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")
    return page(ctx, req, rows, "QueueUrls")


@operation(on=on_queue)
def list_dead_letter_source_queues(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    return page(home, req, home.where(Queue, dead_letter_arn=queue_arn(home, queue.name)), "queueUrls")


def page(ctx: Context, req: dict[str, Any], rows: Any, member: str) -> dict[str, Any]:
    """Queue URLs, at most 1000; SQS gives a token only to those who asked for pages."""
    limit = req.get("MaxResults")
    if limit is not None and not 1 <= limit <= 1000:
        raise errors.invalid_page_size()
    answer = ctx.page(req, rows, lambda queue: queue_url(ctx, queue.name), default=1000, maximum=1000, error=errors.invalid_token())
    if limit is None:
        answer.pop("NextToken", None)
    return answer if answer[member] or "NextToken" in answer else {}


@operation(on=on_queue)
def delete_queue(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.sqs import purging, waiters

    home, queue = addressed(ctx, req)
    home.delete(queue)
    waiters.wake(home, queue.uid)
    home.set_tags(queue_arn(home, queue.name), {})
    home.put(DeletedQueue(queue.name, home.now + timedelta(seconds=REUSE_SECONDS)))
    purging.forget_store(home, queue.store)
    purging.forget_queue(home, queue.uid)


@operation(on=on_queue)
def purge_queue(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.sqs import purging

    home, queue = addressed(ctx, req)
    if queue.purged and home.now < queue.purged + timedelta(seconds=REUSE_SECONDS):
        raise errors.purge_in_progress(queue.name)
    fresh = home.world.step(home._open(), "sqs")
    purging.move_counts(home, queue.store, fresh)
    home.put(replace(queue, store=fresh, purged=home.now))
    purging.forget_store(home, queue.store)
