"""When users and roles last asked for which actions: noted in memory by the judge, stored together a moment later.

A note costs the call one entry of a dict; the store is the trail's, which writes once a second at most.
"""

from __future__ import annotations

from datetime import datetime

from cloudjar.kernel.context import Context
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.world import World

ACTIONS_KEPT = 500
"""Different actions of one service and one user or role."""


@record("identity.access", key=("entity", "service"), scope="account")
class Access(Record):
    """What a user, a role or a member's root user last asked of a service, allowed or not."""

    entity: str
    """The user's or the role's unique id; the account's number for its root user."""
    service: str
    """IAM's prefix."""
    time: datetime
    region: str
    actions: dict[str, tuple[datetime, str]] = {}
    """By action without its prefix, when and in which Region."""


class Accessed:
    """A world's notes that are not stored yet. A part of the world."""

    def __init__(self, world: World) -> None:
        self._notes: dict[tuple[str, str, str], tuple[datetime, str]] = {}

    def note(self, ctx: Context, principal: Principal, action: str) -> None:
        """A user, a role or a member's root user asks for an action."""
        if principal.kind in ("user", "assumed-role", "root"):
            self._notes[principal.account, principal.user_id, action] = (ctx.now, ctx.region)

    def store(self, ctx: Context) -> None:
        """Stores what was noted, in the transaction of `ctx`."""
        notes, self._notes = self._notes, {}
        found: dict[tuple[str, str, str], Access] = {}
        for (account, user_id, action), (time, region) in notes.items():
            service, _, name = action.partition(":")
            entity = user_id.partition(":")[0]
            known = found.get((account, entity, service)) or ctx.at(account=account).get(Access, entity, service)
            if known is None:
                known = Access(entity, service, time, region)
            elif time >= known.time:
                known = replace(known, time=time, region=region)
            if name in known.actions or len(known.actions) < ACTIONS_KEPT:
                known = replace(known, actions={**known.actions, name: (time, region)})
            found[account, entity, service] = known
        for (account, _, _), access in found.items():
            ctx.at(account=account).put(access)
