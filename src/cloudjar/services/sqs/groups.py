"""Message groups of a FIFO queue: which of them may be received from, oldest message first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record

if TYPE_CHECKING:
    from cloudjar.services.sqs.messages import Message


@record("sqs.group", key=("store", "name"), scope="world", indexes={"open": ("open", "first")})
class Group(Record):
    """A group that has messages. It is open while its first message is ready and none of them is in flight."""

    store: int
    name: str
    in_flight: int = 0
    first: int = 0
    """The sequence number of its first message, if that is ready; else 0."""

    @property
    def open(self) -> int | None:
        return self.store if self.first and not self.in_flight else None


def joined(ctx: Context, message: Message) -> None:
    """A message was added at a group's end."""
    group = ctx.get(Group, message.store, message.group)
    if group is None:
        ctx.put(Group(message.store, message.group, first=0 if message.state else message.seq))


def settle(ctx: Context, store: int, name: str, in_flight: int, first: int | None) -> bool:
    """Something changed: `in_flight` more are in flight, and the first message is `first` (0 if it is not ready, None if there is none).

    Says whether the group is open now.
    """
    group = ctx.get(Group, store, name) or Group(store, name)
    if first is None:
        ctx.delete(group)
        return False
    fresh = Group(store, name, group.in_flight + in_flight, first)
    if fresh != group:
        ctx.put(fresh)
    return fresh.open is not None
