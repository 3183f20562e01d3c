"""What a call asks about, which policies bear on it, and the verdict.

The decision itself is identity/policy's; here its question is put together, and its answer becomes AWS's error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cloudjar.gateway.authorize import account_in, resource_policy, resource_tags
from cloudjar.gateway.authorize_asks import PASS_ROLE, Ask, asks, named, passed_to
from cloudjar.gateway.authorize_keys import LaterKeys, call_keys
from cloudjar.gateway.denials import Denials
from cloudjar.identity import encoded_message, explain, organization
from cloudjar.identity.accessed import Accessed
from cloudjar.identity.policy import AuthzRequest, CompiledPolicy, Decision, Named, PolicySet, compile_policy, decide, parse
from cloudjar.identity.principal_keys import Keys, principal_keys, request_keys, resource_keys
from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.host import Question
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import replace
from cloudjar.kernel.world import World
from cloudjar.services.iam import effective
from cloudjar.services.registry import Operation
from cloudjar.wire.models import OperationModel

if TYPE_CHECKING:
    from cloudjar.gateway.authorize import Judge

COMPILED_KEPT = 2048
"""Policies that are kept compiled, by their text."""

PRINCIPALS_KEPT = 1000
"""Principals whose policies a world remembers."""

EVERYTHING = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


class Compiled:
    """Policies by their text, compiled; bounded. One text always compiles to the same, so that it serves all worlds."""

    def __init__(self, limit: int = COMPILED_KEPT) -> None:
        self._limit = limit
        self._found: dict[tuple[str, str], CompiledPolicy] = {}

    def policy(self, text: str, kind: str) -> CompiledPolicy:
        """The compiled policy; PolicyProblem for a text that is none."""
        found = self._found.get((text, kind))
        if found is None:
            if len(self._found) >= self._limit:
                self._found.pop(next(iter(self._found)))
            found = self._found[text, kind] = compile_policy(parse(text, kind))  # type: ignore[arg-type]
        return found

    def named(self, documents: Iterable[tuple[str, str]], kind: str) -> tuple[Named, ...]:
        """(name, text) pairs, compiled."""
        return tuple([Named(name, self.policy(text, kind)) for name, text in documents])


class Known:
    """What a world's principals may do, as last read. A part of the world."""

    def __init__(self, world: World) -> None:
        self.policies: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], tuple[tuple[int, int], PolicySet]] = {}


class Verdicts:
    """Decides by policies. One for a jar; it keeps nothing that must last."""

    def __init__(self, judge: Judge) -> None:
        self.denials = Denials()
        self._judge = judge
        self._hooks = judge.hooks
        self._compiled = Compiled()

    def judge(self, ctx: Context, operation: Operation, req: dict[str, Any], hooks: ModuleType | None) -> None:
        """Raises the service's AccessDenied unless all that the call asks for is allowed; in audit mode, only notes it."""
        questions = asks(ctx, operation, req)
        if questions:
            for request, decision in self._decisions(ctx, operation.model.service.name, questions, req, hooks):
                if not decision.allowed:
                    self._refuse(ctx, operation.model, request, decision)
                    return

    def refusals(
        self, ctx: Context, operation: OperationModel, questions: Sequence[Question], req: dict[str, Any]
    ) -> list[AwsError | None]:
        """For each question why the caller may not, or None: where AWS leaves out what is refused, and does the rest."""
        service = operation.service.name
        found: list[AwsError | None] = []
        for action, resource, keys in questions:
            refused = None
            for request, decision in self._decisions(ctx, service, [Ask(named(action), resource, keys)], req, self._hooks(service)):
                if not decision.allowed:
                    try:
                        self._refuse(ctx, operation, request, decision)
                    except AwsError as error:
                        refused = error
            found.append(refused)
        return found

    def _decisions(
        self, ctx: Context, service: str, questions: list[Ask], req: dict[str, Any], hooks: ModuleType | None
    ) -> Iterator[tuple[AuthzRequest, Decision]]:
        """The questions that policies have to answer, and what they say."""
        principal = ctx.principal
        plain_root = principal.kind == "root" and not principal.session_policies and not self._judge.is_member(ctx, principal.account)
        own: PolicySet | None = None

        @cache
        def shared() -> Keys:
            return request_keys(ctx, questions[0].spec.action.partition(":")[0]) | principal_keys(ctx, principal)

        def keys(ask: Ask, account: str) -> Keys:
            return shared() | self._ask_keys(ctx, service, ask, account, req, hooks)

        accessed = ctx.world.part(Accessed)
        for ask in questions:
            held = resource_policy(self._hooks("iam") if ask.spec.action == PASS_ROLE else hooks, ctx, ask.resource)
            account = held.account if held else account_in(ask.resource) or principal.account or ctx.account
            bare = held is None or (held.document is None and held.beneath is None)
            if plain_root and bare and account == principal.account and (held is None or not held.required):
                continue
            if principal.kind == "service" and (held is None or ask.spec.action == PASS_ROLE):
                continue
            if own is None:
                own = self._policies_of(ctx, principal)
            request = AuthzRequest(principal, ask.spec.action, ask.resource, LaterKeys(partial(keys, ask, account)), account)
            policies = self._bearing(ctx, own, held, ask, account)
            decision = decide(request, policies)
            if decision.allowed and held is not None and held.beneath is not None:
                request, decision = self._beneath(ctx, request, policies, *held.beneath)
            self.denials.asked(ctx, request, decision)
            accessed.note(ctx, principal, ask.spec.action)
            yield request, decision

    def allowed(self, ctx: Context, action: str, resource: str, more: Keys | None = None) -> bool:
        """Whether the caller may do something else besides, which changes an answer but not whether there is one.

        `more` are condition keys that only whoever asks knows.
        """
        principal = ctx.principal
        ask = Ask(named(action), resource)
        hooks = self._hooks(action.partition(":")[0])
        held = resource_policy(hooks, ctx, resource)
        account = held.account if held else account_in(resource) or principal.account
        tags = resource_tags(hooks, ctx, resource)
        context = (
            request_keys(ctx, action.partition(":")[0]) | principal_keys(ctx, principal) | resource_keys(ctx, resource, account, "", tags)
        )
        context |= more or {}
        request = AuthzRequest(principal, action, resource, context, account)
        policies = self._bearing(ctx, self._policies_of(ctx, principal), held, ask, account)
        if not decide(request, policies).allowed:
            return False
        return held is None or held.beneath is None or self._beneath(ctx, request, policies, *held.beneath)[1].allowed

    def _beneath(
        self, ctx: Context, request: AuthzRequest, policies: PolicySet, arn: str, held: ResourcePolicy
    ) -> tuple[AuthzRequest, Decision]:
        """The same question to what stands behind a resource. What the caller's own policies say of the front holds for it too."""
        at_home = replace(request, resource_account=request.principal.account)
        own = decide(at_home, replace(policies, resource=(), resource_required=False))
        everything = (Named("own", self._compiled.policy(EVERYTHING, "identity")),) if own.allowed else ()
        behind = replace(request, resource=arn, resource_account=held.account)
        ask = Ask(named(request.action), arn)
        return behind, decide(behind, self._bearing(ctx, PolicySet(identity=everything), held, ask, held.account))

    # What bears on a call

    def _policies_of(self, ctx: Context, principal: Principal) -> PolicySet:
        """The principal's own side, and its organization's; remembered while no policy changes."""
        if principal.kind in ("service", "anonymous"):
            return PolicySet()
        if ctx.has_written:
            # What is seen here may yet be rolled back.
            return self._read_policies(ctx, principal)
        known, versions = ctx.world.part(Known), ctx.world.versions
        state = (versions["iam"], versions["organizations"])
        key = (principal.arn, principal.role_arn, principal.session_policies, principal.scopes)
        found = known.policies.get(key)
        if found is None or found[0] != state:
            if len(known.policies) >= PRINCIPALS_KEPT:
                known.policies.clear()
            found = known.policies[key] = (state, self._read_policies(ctx, principal))
        return found[1]

    def _read_policies(self, ctx: Context, principal: Principal) -> PolicySet:
        try:
            found = effective.policies_of(ctx, principal)
        except AwsError:
            # The user or role behind still valid credentials is gone.
            found = effective.Effective()
        compiled = self._compiled
        scps = None
        if "/aws-service-role/" not in principal.role_arn:
            levels = organization.controls(ctx, principal.account, "SERVICE_CONTROL_POLICY")
            scps = None if levels is None else tuple([compiled.named(level, "scp") for level in levels])
        return PolicySet(
            identity=compiled.named(found.identity, "identity"),
            boundary=None if found.boundary is None else compiled.named(found.boundary, "identity"),
            session=None if found.session is None else compiled.named(found.session, "identity"),
            scps=scps,
            scopes=tuple([compiled.named([("session policy", scope)], "identity") for scope in principal.scopes]) or None,
        )

    def _bearing(self, ctx: Context, own: PolicySet, held: ResourcePolicy | None, ask: Ask, account: str) -> PolicySet:
        """The principal's side together with the resource's."""
        rcps = None
        bound = ask.spec.action.partition(":")[0] in organization.RCP_SERVICES and "/aws-service-role/" not in ctx.principal.role_arn
        if bound and self._judge.is_member(ctx, account):
            levels = organization.controls(ctx, account, "RESOURCE_CONTROL_POLICY")
            rcps = None if levels is None else tuple([self._compiled.named(level, "rcp") for level in levels])
        if held is None and rcps is None:
            return own
        resource: tuple[Named, ...] = ()
        if held is not None and held.document is not None:
            kind = "trust" if held.kind == "trust" else "resource"
            resource = (Named(held.name or ask.resource, self._compiled.policy(held.document, kind)),)
        return PolicySet(
            identity=own.identity,
            resource=resource,
            boundary=own.boundary,
            session=own.session,
            scps=own.scps,
            rcps=rcps,
            scopes=own.scopes,
            resource_required=held.required if held else False,
            resource_kind=held.kind if held else "resource",
        )

    def _ask_keys(self, ctx: Context, service: str, ask: Ask, account: str, req: dict[str, Any], hooks: ModuleType | None) -> Keys:
        prefix = ask.spec.action.partition(":")[0]
        keys = resource_keys(ctx, ask.resource, account, prefix, resource_tags(hooks, ctx, ask.resource))
        if ask.spec.action == PASS_ROLE:
            keys["iam:passedtoservice"] = passed_to(service)
            return keys
        keys |= {**call_keys(ctx, ask.spec, req), **ask.keys}
        more = getattr(hooks, "condition_keys", None)
        return keys | more(ctx, req, ask.spec.action, ask.resource) if more is not None else keys

    # The verdict

    def _refuse(self, ctx: Context, operation: OperationModel, request: AuthzRequest, decision: Decision) -> None:
        service = operation.service
        told = _named(ctx, request, decision)
        self.denials.denied(ctx, request, decision, explain.denial_message(request, told), enforced=self._judge.mode == "enforce")
        if self._judge.mode != "enforce":
            return
        encoded = ""
        if service.protocol == "ec2":
            encoded = encoded_message.encode(_told(request, decision), ctx.world.seed)
        raise explain.access_denied(service.name, service.protocol, request, told, encoded)


def _named(ctx: Context, request: AuthzRequest, decision: Decision) -> Decision:
    """The decision with an organization's policy by its ARN, as messages tell it."""
    if decision.kind == "scp" and decision.policy:
        arn = organization.control_arn(ctx, request.principal.account, decision.policy, "SERVICE_CONTROL_POLICY")
    elif decision.kind == "rcp" and decision.policy:
        arn = organization.control_arn(
            ctx, request.resource_account or request.principal.account, decision.policy, "RESOURCE_CONTROL_POLICY"
        )
    else:
        return decision
    return replace(decision, policy=arn)


def _told(request: AuthzRequest, decision: Decision) -> dict[str, Any]:
    """What DecodeAuthorizationMessage says. Source: its page in the STS API Reference."""
    conditions = [
        {"key": key, "values": {"items": [{"value": item} for item in (value if isinstance(value, tuple) else (value,))]}}
        for key, value in sorted(request.context.items())
    ]
    matched = [{"statementId": decision.statement, "effect": "DENY", "sourcePolicyId": decision.policy}] if decision.explicit else []
    return {
        "allowed": False,
        "explicitDeny": decision.explicit,
        "matchedStatements": {"items": matched},
        "failures": {"items": []},
        "context": {
            "principal": {"id": request.principal.user_id, "arn": request.principal.arn},
            "action": request.action,
            "resource": request.resource,
            "conditions": {"items": conditions},
        },
    }
