"""What DynamoDB listens to: its own writes, for replicas in other Regions."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.events import Event
from cloudjar.kernel.marks import on_event


@on_event("cloudjar.dynamodb", "Item Written")
def item_written(ctx: Context, event: Event) -> None:
    """A replica's item changed."""
    from cloudjar.services.dynamodb.replicas import propagate

    propagate(ctx, event)


@on_event("cloudjar.dynamodb", "Replica Removed")
def replica_removed(ctx: Context, event: Event) -> None:
    """A replica was deleted as a table."""
    from cloudjar.services.dynamodb.replicas import leave

    leave(ctx, event.detail["table"], event.detail["region"], event.detail["replicas"])
