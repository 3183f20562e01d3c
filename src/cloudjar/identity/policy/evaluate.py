"""The decision: a pure function from a request and the policies that bear on it to a verdict and its reason.

Source: "Policy evaluation logic", "Cross-account policy evaluation logic", and "How a resource-based policy's principal is
limited by implicit denies". `reference.py` says the same again, slowly; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal

import msgspec

from cloudjar.identity.policy.compile import CompiledPolicy, CompiledStatement
from cloudjar.identity.policy.glob import Context
from cloudjar.identity.policy.grammar import Principals
from cloudjar.kernel.principal import Principal

PolicyType = Literal["identity", "resource", "boundary", "session", "scp", "rcp", "trust", "root"]


class Named(msgspec.Struct, frozen=True):
    """A compiled policy under the name that explanations use: an ARN, or an inline policy's name."""

    name: str
    policy: CompiledPolicy


class AuthzRequest(msgspec.Struct, frozen=True):
    """One action by one principal on one resource."""

    principal: Principal
    action: str
    """"s3:GetObject"."""
    resource: str
    """An ARN; "*" where the action has none."""
    context: Context
    """Condition keys in lower case; tuples for multivalued keys."""
    resource_account: str = ""
    """The account that owns the resource; "" for the principal's own."""
    federated: str = ""
    """The identity provider behind AssumeRoleWithWebIdentity or WithSAML, as a trust policy names it. Such a caller is no
    principal of AWS yet: only "*" and Federated name it."""
    canonical_user: str = ""
    """The principal's canonical user id, which S3's policies may name."""


class PolicySet(msgspec.Struct, frozen=True):
    """Everything that bears on a request. None means that there is no such limit; an empty tuple is one that allows nothing."""

    identity: tuple[Named, ...] = ()
    resource: tuple[Named, ...] = ()
    boundary: tuple[Named, ...] | None = None
    session: tuple[Named, ...] | None = None
    scps: tuple[tuple[Named, ...], ...] | None = None
    """By level, from the organization's root to the account; each must allow."""
    rcps: tuple[tuple[Named, ...], ...] | None = None
    """By level, of the resource's account."""
    scopes: tuple[tuple[Named, ...], ...] | None = None
    """What GetScopedCredentials laid over a session; each must allow, whoever else does."""
    resource_required: bool = False
    """Identity policies count only as far as the resource's own policy hands its account the choice: KMS keys, role trust."""
    resource_kind: Literal["resource", "trust"] = "resource"


class Decision(msgspec.Struct, frozen=True):
    """The verdict, and which policy's which statement made it."""

    allowed: bool
    explicit: bool = False
    """Denied by a statement, not for lack of one."""
    kind: PolicyType = "identity"
    """The type of the policy that decided, or that lacks an Allow."""
    policy: str = ""
    statement: str = ""
    """Its Sid, or its place in the policy, from 0."""


class Grant(IntEnum):
    """How far a resource's policy reaches the principal."""

    NONE = 0
    ACCOUNT = 1
    """It names the account: the account's own policies choose."""
    ROLE = 2
    """It names what is behind the session (a role, or a federated user's user), or everybody: boundaries and session policies
    still limit."""
    DIRECT = 3
    """It names the very principal: no lack of an Allow elsewhere takes it away."""


Hit = tuple[str, CompiledStatement]


class _Asked:
    """A request, taken apart once."""

    __slots__ = ("action", "context", "name", "parts", "resource", "service")

    def __init__(self, request: AuthzRequest) -> None:
        self.action = request.action.lower()
        self.service, _, self.name = self.action.partition(":")
        self.resource = request.resource
        self.parts = request.resource.split(":", 5)
        self.context = request.context

    def first(self, policies: Sequence[Named]) -> tuple[Hit | None, Hit | None]:
        """The first denial and the first permission of policies without principals; a denial ends the search."""
        allow: Hit | None = None
        for named in policies:
            for statement in named.policy.statements:
                if statement.allow and allow is not None:
                    break
                if statement.takes_action(self.action, self.service, self.name) and statement.applies(
                    self.resource, self.parts, self.context
                ):
                    if not statement.allow:
                        return (named.name, statement), None
                    allow = (named.name, statement)
                    break
        return None, allow


def decide(request: AuthzRequest, policies: PolicySet) -> Decision:
    """Whether the request is allowed, and why. Costs tens of microseconds; touches nothing."""
    asked = _Asked(request)
    principal = request.principal
    owner = request.resource_account or principal.account

    denial, missing = _limits(asked, policies, principal)
    if denial is not None:
        return denial
    grant, resource_hit, resource_denial = _resource_grant(asked, request, policies.resource, owner)
    if resource_denial is not None:
        return _denied(policies.resource_kind, resource_denial)
    deny, allow = asked.first(policies.identity)
    if deny is not None:
        return _denied("identity", deny)
    boundary = _bound("boundary", asked, policies.boundary)
    session = _bound("session", asked, policies.session)
    for bound in (boundary, session):
        if bound is not None and bound.explicit:
            return bound
    if missing is not None:
        return missing

    kind: PolicyType = policies.resource_kind
    if principal.kind in ("service", "anonymous") or request.federated:
        # Nothing stands behind them but the resource's own policy.
        return _permitted(kind, resource_hit) if grant > Grant.ACCOUNT and resource_hit else Decision(False, kind=kind)
    same = principal.account == owner
    if same and grant == Grant.DIRECT and resource_hit is not None:
        return _permitted(kind, resource_hit)
    if grant == Grant.NONE and (policies.resource_required or not same):
        return Decision(False, kind=kind)
    if same and grant == Grant.ROLE and resource_hit is not None:
        permitted = _permitted(kind, resource_hit)
    elif principal.kind == "root":
        permitted = Decision(True, kind="root")
    elif allow is not None:
        permitted = _permitted("identity", allow)
    else:
        return Decision(False, kind="identity")
    return boundary or session or permitted


def _limits(asked: _Asked, policies: PolicySet, principal: Principal) -> tuple[Decision | None, Decision | None]:
    """What the organization and the session's scopes deny, and what they fail to allow."""
    missing: Decision | None = None
    # SCPs bind the accounts' principals, the root user too, but not AWS's services.
    scps = None if principal.kind in ("service", "anonymous") else policies.scps
    levels: tuple[tuple[PolicyType, tuple[tuple[Named, ...], ...] | None], ...] = (
        ("scp", scps),
        ("rcp", policies.rcps),
        ("session", policies.scopes),
    )
    for kind, all_of in levels:
        for level in all_of or ():
            deny, allow = asked.first(level)
            if deny is not None:
                return _denied(kind, deny), None
            if allow is None and missing is None:
                missing = Decision(False, kind=kind)
    return None, missing


def _bound(kind: PolicyType, asked: _Asked, policies: tuple[Named, ...] | None) -> Decision | None:
    if policies is None:
        return None
    deny, allow = asked.first(policies)
    if deny is not None:
        return _denied(kind, deny)
    return None if allow is not None else Decision(False, kind=kind)


def _denied(kind: PolicyType, hit: Hit) -> Decision:
    return Decision(False, True, kind, hit[0], hit[1].sid or str(hit[1].index))


def _permitted(kind: PolicyType, hit: Hit) -> Decision:
    return Decision(True, False, kind, hit[0], hit[1].sid or str(hit[1].index))


def _resource_grant(asked: _Asked, request: AuthzRequest, policies: Sequence[Named], owner: str) -> tuple[Grant, Hit | None, Hit | None]:
    """How far the resource's policies reach the principal, the statement that reaches furthest, and a denial."""
    grant, best = Grant.NONE, None
    for named in policies:
        for statement in named.policy.statements:
            if not statement.takes_action(asked.action, asked.service, asked.name):
                continue
            reach = reaches(statement, request)
            if reach <= grant and statement.allow:
                continue
            if reach and statement.applies(asked.resource, asked.parts, asked.context):
                if not statement.allow:
                    return Grant.NONE, None, (named.name, statement)
                grant, best = reach, (named.name, statement)
    return grant, best, None


def reaches(statement: CompiledStatement, request: AuthzRequest) -> Grant:
    """How a statement's Principal or NotPrincipal meets the request's principal."""
    if statement.principals is not None:
        return _named(statement.principals, request)
    if statement.not_principals is None:
        return Grant.DIRECT
    listed = statement.not_principals
    if _named(listed, request) == Grant.NONE:
        return Grant.DIRECT if statement.allow else Grant.ACCOUNT
    if statement.allow or ("*", "*") in listed:
        return Grant.NONE
    # A denial spares only whom it lists whole: the session, the role behind it, and their account.
    return Grant.NONE if _listed_whole(listed, request.principal) else Grant.ACCOUNT


def _named(principals: Principals, request: AuthzRequest) -> Grant:
    principal = request.principal
    best = Grant.NONE
    for kind, value in principals:
        found = Grant.NONE
        if kind == "*":
            found = _everybody(request)
        elif kind == "AWS":
            found = Grant.NONE if request.federated else _aws(value, principal)
        elif kind == "Service":
            if principal.kind == "service" and value in (principal.arn, "*"):
                found = Grant.DIRECT
        elif kind == "Federated":
            if request.federated and value == request.federated:
                found = Grant.DIRECT
        elif request.canonical_user and value == request.canonical_user:
            found = Grant.DIRECT
        best = max(best, found)
    return best


def _everybody(request: AuthzRequest) -> Grant:
    # A session is among everybody by way of its role.
    return Grant.ROLE if request.principal.kind in ("assumed-role", "federated-user") and not request.federated else Grant.DIRECT


def _aws(value: str, principal: Principal) -> Grant:
    if principal.kind in ("service", "anonymous"):
        return Grant.NONE
    if value == principal.arn or (principal.user_id and value == principal.user_id):
        return Grant.DIRECT
    # What the root user federated has no one behind it whom a policy could name but the account.
    if principal.role_arn and value == principal.role_arn and not value.endswith(":root"):
        return Grant.ROLE
    if value == principal.account or (value.endswith(":root") and value.split(":")[4:] == [principal.account, "root"]):
        return Grant.DIRECT if principal.kind == "root" else Grant.ACCOUNT
    return Grant.NONE


def _listed_whole(listed: Principals, principal: Principal) -> bool:
    names = {value for kind, value in listed if kind == "AWS"}
    if principal.kind in ("service", "anonymous"):
        return True
    account = principal.account in names or any(name.endswith(f":iam::{principal.account}:root") for name in names)
    if principal.kind == "root":
        return account
    return account and principal.arn in names and (not principal.role_arn or principal.role_arn in names)
