"""E-mail, text messages and push notifications: they go nowhere, and can be looked at under /_aws/sns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record

KEPT = 1000
"""Messages of a kind that are kept, in an account and Region."""


@record("sns.outbox", key=("kind", "seq"))
class Sent(Record):
    """A message that would have left this machine. `kind` is "email", "sms" or "push"."""

    kind: str
    seq: int
    to: str
    text: str
    time: datetime
    message_id: str
    subject: str = ""
    topic_arn: str = ""
    attributes: dict[str, Any] = {}


def put(
    ctx: Context,
    kind: str,
    to: str,
    text: str,
    *,
    message_id: str,
    subject: str = "",
    topic_arn: str = "",
    attributes: dict[str, Any] | None = None,
) -> None:
    """Keeps a message; the oldest goes when there are too many."""
    seq = ctx.world.step(ctx._open(), "sns-outbox")
    ctx.put(Sent(kind, seq, to, text, ctx.now, message_id, subject, topic_arn, attributes or {}))
    # Numbers are the world's, so that this bounds each kind without counting it.
    oldest = ctx.where(Sent, kind=kind).first()
    if oldest and seq - oldest.seq >= KEPT:
        ctx.delete(oldest)


def messages(ctx: Context, kind: str, to: str = "") -> list[Sent]:
    """The messages of a kind, oldest first; those to one address where it is given."""
    return [sent for sent in ctx.where(Sent, kind=kind) if not to or sent.to == to]


def clear(ctx: Context, kind: str, to: str = "") -> None:
    """Forgets them."""
    for sent in messages(ctx, kind, to):
        ctx.delete(sent)
