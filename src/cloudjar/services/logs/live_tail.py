"""StartLiveTail: events of groups as they come in, once a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.logs import errors
from cloudjar.services.logs.filter_pattern import compile_pattern
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_arn, group_name

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

MOST_GROUPS = 10
MOST_SESSIONS = 15
MOST_IN_UPDATE = 500
MOST_WAITING = 5000
LONGEST_SECONDS = 3 * 3600
_BETWEEN_SECONDS = 1.0


class Session:
    """Who watches which groups, and what has come for them since the last update."""

    def __init__(self, place: tuple[str, str], groups: dict[int, str], req: dict[str, Any]) -> None:
        self.place = place
        self.groups = groups
        """The groups' uids, with their identifiers as answers have them."""
        self._names = frozenset(req.get("logStreamNames") or ())
        self._prefixes = tuple(req.get("logStreamNamePrefixes") or ())
        self._matches: Callable[[str], bool] = compile_pattern(req.get("logEventFilterPattern") or "")
        self.waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        """The oldest are dropped where a client does not keep up."""

    def offer(self, group: int, stream: str, events: list[LogEvent]) -> None:
        """Takes what the session wants to see."""
        identifier = self.groups.get(group)
        if identifier is None or (self._names and stream not in self._names) or (self._prefixes and not stream.startswith(self._prefixes)):
            return
        for event in events:
            if self._matches(event.message):
                wire = {"logStreamName": stream, "logGroupIdentifier": identifier, "message": event.message}
                self.waiting.append(wire | {"timestamp": event.time, "ingestionTime": event.ingested})


class Sessions:
    """A world's live tails."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.open: set[Session] = set()

    def tell(self, group: int, stream: str, events: list[LogEvent]) -> None:
        """Events have come in."""
        for session in self.open:
            session.offer(group, stream, events)


def observe(ctx: Context, group: LogGroup, stream: str, events: list[LogEvent]) -> None:
    """Shows a group's new events to those who watch it, once they are stored."""
    sessions = ctx.world.part(Sessions)
    if sessions.open:
        ctx.on_commit(lambda: sessions.tell(group.uid, stream, events))


def _on_groups(ctx: Context, req: dict[str, Any]) -> list[str]:
    return [f"{one.removesuffix(':*')}:*" for one in req["logGroupIdentifiers"]]


@operation(on=_on_groups)
async def start_live_tail(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    identifiers = req["logGroupIdentifiers"]
    if len(identifiers) > MOST_GROUPS:
        raise errors.invalid(f"A Live Tail session takes at most {MOST_GROUPS} log groups.")
    if req.get("logStreamNames") and req.get("logStreamNamePrefixes"):
        raise errors.invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
    if (req.get("logStreamNames") or req.get("logStreamNamePrefixes")) and len(identifiers) > 1:
        raise errors.invalid("logStreamNames and logStreamNamePrefixes can only be specified with a single log group.")
    with ctx.transaction():
        groups: dict[int, str] = {}
        for identifier in identifiers:
            name = group_name(identifier)
            if identifier != group_arn(ctx, name):
                raise errors.invalid(f"The log group identifier {identifier} must be the ARN of a log group, without :* at its end.")
            groups[find_group(ctx, name).uid] = f"{ctx.account}:{name}"
        session_id = ctx.ids.uuid()
    sessions = ctx.world.part(Sessions)
    session = Session((ctx.account, ctx.region), groups, req)
    if sum(one.place == session.place for one in sessions.open) >= MOST_SESSIONS:
        raise errors.limit_exceeded()
    # From now on nothing is missed, though the first update is yet to be sent.
    sessions.open.add(session)
    start: dict[str, Any] = {"requestId": ctx.call_info.request_id, "sessionId": session_id, "logGroupIdentifiers": identifiers}
    start |= {name: req.get(name) or [] for name in ("logStreamNames", "logStreamNamePrefixes")}
    start["logEventFilterPattern"] = req.get("logEventFilterPattern") or ""
    return {"responseStream": _updates(ctx.world, sessions, session, start)}


async def _updates(world: World, sessions: Sessions, session: Session, start: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    began = monotonic_seconds()
    try:
        yield {"sessionStart": start}
        while not world.closed:
            await asyncio.sleep(_BETWEEN_SECONDS)
            if monotonic_seconds() - began > LONGEST_SECONDS:
                raise AwsError("SessionTimeoutException", "The session timed out.")
            sampled = len(session.waiting) > MOST_IN_UPDATE
            results = [session.waiting.popleft() for _ in range(min(len(session.waiting), MOST_IN_UPDATE))]
            session.waiting.clear()
            yield {"sessionUpdate": {"sessionMetadata": {"sampled": sampled}, "sessionResults": results}}
    finally:
        sessions.open.discard(session)
