"""What callers see of stored events: decrypted, and with sensitive data masked."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.encryption import Vault
from cloudjar.services.logs.groups import LogEvent, LogGroup, group_arn

MASK = "*"


class Reader:
    """Reads a group's events, in transactions of one operation."""

    def __init__(self, ctx: Context, group: LogGroup, *, unmask: bool = False) -> None:
        self._vault = Vault(ctx, group)
        self._unmask = unmask

    def __call__(self, event: LogEvent) -> LogEvent:
        if event.data_key:
            event = self._vault.opened(event)
        return masked(event) if event.masks and not self._unmask else event


def masked(event: LogEvent) -> LogEvent:
    """An event in the clear with asterisks in place of its sensitive data."""
    if not event.masks:
        return event
    letters = list(event.message)
    for start, end in zip(event.masks[::2], event.masks[1::2], strict=True):
        letters[start:end] = MASK * (end - start)
    return replace(event, message="".join(letters), masks=())


def check_unmask(ctx: Context, group: LogGroup) -> None:
    """AccessDeniedException where the caller may not see sensitive data."""
    arn = group_arn(ctx, group.name) + ":*"
    if not ctx.world.host.allowed(ctx, "logs:Unmask", arn):
        raise errors.not_authorized(ctx.principal.arn, "logs:Unmask", arn)
