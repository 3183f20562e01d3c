"""Writing what CloudWatch Logs itself has to say into a group: findings of data protection."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.logs import live_tail, metric_filters, subscriptions
from cloudjar.services.logs.encryption import Vault
from cloudjar.services.logs.groups import LogEvent, LogGroup, milliseconds
from cloudjar.services.logs.streams import LogStream


def write(ctx: Context, group_name: str, stream_name: str, messages: list[str]) -> None:
    """Adds events of now to a stream, which is made where it is not there; nothing where the group is gone."""
    group = ctx.get(LogGroup, group_name)
    if group is None:
        return
    now = milliseconds(ctx.now)
    stream = ctx.get(LogStream, group.uid, stream_name)
    if stream is None:
        stream = LogStream(group.uid, stream_name, ctx.world.step(ctx._open(), "logs"), ctx.now)
    seq = ctx.world.step(ctx._open(), "logs") << 20
    events = [LogEvent(group.uid, stream.uid, now, seq + at, message, now) for at, message in enumerate(messages)]
    vault = Vault(ctx, group)
    for event in events:
        ctx.put(vault.sealed(event))
    first = now if stream.first_event is None else stream.first_event
    ctx.put(replace(stream, first_event=first, last_event=now, last_ingestion=now))
    ctx.put(replace(group, stored_bytes=group.stored_bytes + sum(len(message) + 26 for message in messages)))
    metric_filters.observe(ctx, group, events)
    live_tail.observe(ctx, group, stream_name, events)
    subscriptions.observe(ctx, group, stream_name, events)
