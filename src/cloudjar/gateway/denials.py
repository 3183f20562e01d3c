"""What was asked and what was denied, kept in memory for `cloudjar why` and `cloudjar policy`."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime

import msgspec

from cloudjar.identity.policy import AuthzRequest, Decision
from cloudjar.kernel.context import Context
from cloudjar.kernel.principal import Principal

DENIALS_KEPT = 500
PRINCIPALS_KEPT = 500
ASKS_KEPT = 2000
"""Different (action, resource) pairs of one principal."""


class Denial(msgspec.Struct, frozen=True):
    """One call that was denied, or, in audit mode, would have been."""

    request_id: str
    time: datetime
    world: str
    service: str
    operation: str
    principal: str
    action: str
    resource: str
    enforced: bool
    explicit: bool
    """A statement denied it; otherwise none allowed it."""
    policy_type: str
    """Of the policy that decided, or that lacks an Allow: identity, resource, boundary, session, scp, rcp, trust."""
    policy: str
    statement: str
    message: str
    context: dict[str, str | tuple[str, ...]]
    """The condition keys that the policies were asked with."""


class Denials:
    """The last denials, and what each principal asked for."""

    def __init__(self) -> None:
        self.last: deque[Denial] = deque(maxlen=DENIALS_KEPT)
        self._asked: OrderedDict[tuple[str, str], dict[tuple[str, str], None]] = OrderedDict()

    def asked(self, ctx: Context, request: AuthzRequest, decision: Decision) -> None:
        """Notes what a principal did, or tried to do."""
        key = (ctx.world.name, owner(request.principal))
        found = self._asked.get(key)
        if found is None:
            if len(self._asked) >= PRINCIPALS_KEPT:
                self._asked.popitem(last=False)
            found = self._asked[key] = {}
        if len(found) < ASKS_KEPT:
            found[request.action, request.resource] = None

    def denied(self, ctx: Context, request: AuthzRequest, decision: Decision, message: str, *, enforced: bool) -> None:
        """Notes a denial."""
        call = ctx.call_info
        self.last.append(
            Denial(
                call.request_id,
                ctx.now,
                ctx.world.name,
                call.service,
                call.operation,
                request.principal.arn,
                request.action,
                request.resource,
                enforced,
                decision.explicit,
                decision.kind,
                decision.policy,
                decision.statement,
                message,
                dict(request.context),
            )
        )

    def asks_of(self, world: str, principal: str) -> list[tuple[str, str]]:
        """The (action, resource) pairs that a user, role or other principal asked for, by its ARN."""
        return sorted(self._asked.get((world, principal), ()))

    def principals(self, world: str) -> list[str]:
        """Those who asked for anything."""
        return sorted(name for where, name in self._asked if where == world)


def owner(principal: Principal) -> str:
    """Who answers for a principal's policies: the role behind a session, else itself."""
    return principal.role_arn if principal.kind == "assumed-role" else principal.arn
