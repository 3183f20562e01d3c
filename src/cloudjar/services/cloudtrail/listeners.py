"""What services do by themselves goes into the trail, as they publish it."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.events import Event
from cloudjar.kernel.marks import on_event
from cloudjar.kernel.trail import API_CALL, INTERNAL, SERVICE_EVENT


@on_event("aws.*", SERVICE_EVENT)
def service_event(ctx: Context, event: Event) -> None:
    """A service did something that nobody called."""
    from cloudjar.services.cloudtrail.recorder import keep

    keep(ctx, event)


@on_event("aws.kms", API_CALL)
def internal_call(ctx: Context, event: Event) -> None:
    """KMS called itself. All other calls come from the trail."""
    from cloudjar.services.cloudtrail.recorder import keep

    if event.detail["userIdentity"].get("invokedBy") == INTERNAL:
        keep(ctx, event)
