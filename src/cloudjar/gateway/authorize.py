"""The judge in front of every operation. Who needs no policy passes here; the others' calls go to `verdicts`.

The two are apart because a start, and an account's root user, need only this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from cloudjar.identity.organization import Member
from cloudjar.kernel.context import Context
from cloudjar.kernel.world import World
from cloudjar.services.registry import Operation, Services

if TYPE_CHECKING:
    from cloudjar.gateway.denials import Denials
    from cloudjar.gateway.verdicts import Verdicts
    from cloudjar.identity.principal_keys import Keys
    from cloudjar.identity.resource_policy import ResourcePolicy
    from cloudjar.kernel.errors import AwsError
    from cloudjar.kernel.host import Question
    from cloudjar.wire.models import OperationModel

Mode = Literal["enforce", "audit", "off"]
MODES: tuple[Mode, ...] = ("enforce", "audit", "off")

ACCOUNTS_KEPT = 1000
"""Accounts of which a world remembers whether an organization has them."""

FEDERATED = frozenset({"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"})
"""Operations of STS whose caller is nobody yet: it judges them itself, by the role's trust policy."""


class _Members:
    """Which accounts belong to an organization, as last read. A part of the world."""

    def __init__(self, world: World) -> None:
        self.version = -1
        self.found: dict[str, bool] = {}


class Judge:
    """Decides about calls. One for a jar; it keeps nothing that must last."""

    def __init__(self, services: Services, mode: Mode = "enforce") -> None:
        self.mode: Mode = mode
        self._services = services

    @cached_property
    def verdicts(self) -> Verdicts:
        """What decides by policies; loaded when first needed."""
        from cloudjar.gateway.verdicts import Verdicts

        return Verdicts(self)

    @property
    def denials(self) -> Denials:
        """What was asked and what was denied."""
        return self.verdicts.denials

    def authorize(self, ctx: Context, operation: Operation, req: dict[str, Any]) -> None:
        """Raises the service's AccessDenied unless the call is allowed; in audit mode, only notes it. Inside a transaction."""
        if self.mode == "off":
            return
        principal = ctx.principal
        service = operation.model.service.name
        hooks = self.hooks(service)
        # An account's root user needs no policy; only its organization's, and the resources' own, can stand in its way.
        # (Sessions of AssumeRoot are cut down to one task.)
        whole_root = principal.kind == "root" and not principal.session_policies
        if whole_root and hooks is None and not self.is_member(ctx, principal.account):
            return
        if service == "sts" and (operation.name in FEDERATED or whole_root or principal.kind == "service"):
            return
        if principal.kind == "service" and (hooks is None or principal.arn.partition(".")[0] == service):
            # A service's work on its own things, and on those that have no policy of their own.
            return
        if whole_root and not self.is_member(ctx, principal.account) and self._is_own(ctx, operation, req, hooks):
            return
        self.verdicts.judge(ctx, operation, req, hooks)

    def refusals(
        self, ctx: Context, operation: OperationModel, questions: Sequence[Question], req: dict[str, Any]
    ) -> list[AwsError | None]:
        """For each question why the caller may not, or None: where AWS leaves out what is refused, and does the rest."""
        return [None] * len(questions) if self.mode == "off" else self.verdicts.refusals(ctx, operation, questions, req)

    def allowed(self, ctx: Context, action: str, resource: str, more: Keys | None = None) -> bool:
        """Whether the caller may do something else besides, which changes an answer but not whether there is one.

        `more` are condition keys that only whoever asks knows.
        """
        return self.mode != "enforce" or self.verdicts.allowed(ctx, action, resource, more)

    def is_member(self, ctx: Context, account: str) -> bool:
        """Whether an account belongs to an organization; remembered, because every call asks."""
        if ctx.has_written:
            # What is seen here may yet be rolled back.
            return ctx.get(Member, account) is not None
        known, version = ctx.world.part(_Members), ctx.world.versions["organizations"]
        if known.version != version or len(known.found) >= ACCOUNTS_KEPT:
            known.version = version
            known.found.clear()
        found = known.found.get(account)
        if found is None:
            found = known.found[account] = ctx.get(Member, account) is not None
        return found

    def _is_own(self, ctx: Context, operation: Operation, req: dict[str, Any], hooks: ModuleType | None) -> bool:
        """Whether all that a call is about is in the caller's account and has no policy of its own: what a root user may do."""
        found = operation.mark.on(ctx, req) if operation.mark.on is not None else ()
        if isinstance(found, dict):
            return False
        for arn in (found,) if isinstance(found, str) else found or ():
            held = resource_policy(hooks, ctx, arn)
            if held is None:
                if account_in(arn) not in ("", ctx.principal.account):
                    return False
            elif held.document is not None or held.required or held.beneath or held.account != ctx.principal.account:
                return False
        return True

    def hooks(self, service: str) -> ModuleType | None:
        """The module in which a service tells of its resources' policies; None if it has none."""
        found = self._services.service(service)
        return found.policy if found else None


def resource_policy(hooks: ModuleType | None, ctx: Context, arn: str) -> ResourcePolicy | None:
    """A resource's owner and policy, as its service tells; None where it has neither."""
    hook = getattr(hooks, "resource_policy", None)
    found: ResourcePolicy | None = hook(ctx, arn) if hook is not None and arn != "*" else None
    return found


def resource_tags(hooks: ModuleType | None, ctx: Context, arn: str) -> dict[str, str] | None:
    """The tags that count for a resource, where its service says so; None for all of them."""
    told = getattr(hooks, "resource_tags", None)
    return told(ctx, arn) if told is not None else None


def account_in(arn: str) -> str:
    """The account that an ARN names; "" if it names none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and len(parts[4]) == 12 and parts[4].isdecimal() else ""
