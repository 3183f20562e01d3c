"""What AWS services publish goes to the default bus of its account and Region."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.events import Event
from cloudjar.kernel.marks import on_event


@on_event("aws.*")
def route(ctx: Context, event: Event) -> None:
    """A service's event arrives on the default bus."""
    # Imported at the first event: listeners are loaded with the first call that publishes anything.
    from cloudjar.services.events.buses import DEFAULT
    from cloudjar.services.events.envelope import envelope
    from cloudjar.services.events.routing import publish

    told = envelope(ctx, event.source, event.detail_type, event.detail, event.resources, event_id=event.id, time=event.time)
    publish(ctx, DEFAULT, told)
