"""Tags of queues."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.sqs.queues import addressed, on_queue, queue_arn


@operation(on=on_queue)
def tag_queue(ctx: Context, req: dict[str, Any]) -> None:
    home, queue = addressed(ctx, req)
    arn = queue_arn(home, queue.name)
    tags.check({**home.tags(arn), **req["Tags"]}, "InvalidParameterValue")
    home.add_tags(arn, req["Tags"])


@operation(on=on_queue)
def untag_queue(ctx: Context, req: dict[str, Any]) -> None:
    home, queue = addressed(ctx, req)
    home.remove_tags(queue_arn(home, queue.name), req["TagKeys"])


@operation(on=on_queue)
def list_queue_tags(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, queue = addressed(ctx, req)
    found = home.tags(queue_arn(home, queue.name))
    return {"Tags": found} if found else {}
