"""SimulateCustomPolicy and SimulatePrincipalPolicy: the judge's own evaluator, asked without a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloudjar.identity.organization import controls
from cloudjar.identity.policy import AuthzRequest, Decision, Named, PolicyDocument, PolicyProblem, PolicySet, compile_policy, decide, parse
from cloudjar.identity.policy.grammar import Kind
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import Principal, root_of
from cloudjar.services.iam import effective, errors, exclusions, naming
from cloudjar.services.iam.context_keys import find_source, mentioned, source_arn
from cloudjar.services.iam.entities import Group, Owner, User, groups_of
from cloudjar.services.iam.policies import aws_managed, document_of
from cloudjar.services.iam.statement_positions import position_of

Keys = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A policy that takes part."""

    id: str
    """What results call it: "PolicyInputList.1", or its name."""
    type: str
    text: str
    document: PolicyDocument


@dataclass(frozen=True)
class Simulation:
    """All that bears on every pair of action and resource."""

    principal: Principal
    identity: tuple[Source, ...]
    boundary: tuple[Source, ...] | None
    resource: tuple[Source, ...]
    keys: Keys
    owner: str
    scps: tuple[tuple[Source, ...], ...] | None
    """By level, from the organization's root to the account; None where no SCP binds the caller."""

    def sources(self) -> dict[str, Source]:
        return {source.id: source for source in (*self.identity, *(self.boundary or ()), *self.resource)}


@operation()
def simulate_custom_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    caller = _caller(ctx, req.get("CallerArn"))
    identity = _inputs("PolicyInputList", req["PolicyInputList"], "identity")
    levels = req.get("OrderedOrganizationPolicyInputList")
    scps = None
    if levels:
        scps = tuple(
            [
                _inputs(f"OrderedOrganizationPolicyInputList.{number}", level.get("ServiceControlPolicyInputList") or [], "scp")
                for number, level in enumerate(levels, 1)
            ]
        )
    return _simulate(ctx, req, caller, identity, None, scps)


@operation(on=source_arn)
def simulate_principal_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    entity = find_source(ctx, req["PolicySourceArn"])
    excluded = exclusions.read(req.get("PolicyExclusionList") or [])
    identity = _own(ctx, entity, excluded)
    if isinstance(entity, User):
        for group in groups_of(ctx, entity.id):
            identity += _own(ctx, group, excluded)
    identity += _inputs("PolicyInputList", req.get("PolicyInputList") or [], "identity")
    bound = None if isinstance(entity, Group) else entity.boundary
    if bound and excluded.boundary(bound, _managed_type(ctx, bound)):
        bound = None
    boundary = (_source(bound, _managed_type(ctx, bound), document_of(ctx, bound) or effective.NOTHING, "identity"),) if bound else None
    caller = _caller(ctx, req.get("CallerArn")) if req.get("CallerArn") or isinstance(entity, Group) else _principal(ctx, entity)
    scps = None
    levels = None if excluded.scps else controls(ctx, ctx.account, "SERVICE_CONTROL_POLICY")
    if levels is not None and not (isinstance(entity, Role) and entity.service):
        scps = tuple([tuple([_source(name, "scp", text, "scp") for name, text in level if not excluded.scp(name)]) for level in levels])
    return _simulate(ctx, req, caller, identity, boundary, scps)


def _simulate(
    ctx: Context,
    req: dict[str, Any],
    caller: Principal,
    identity: tuple[Source, ...],
    boundary: tuple[Source, ...] | None,
    scps: tuple[tuple[Source, ...], ...] | None,
) -> dict[str, Any]:
    if req.get("ResourceHandlingOption"):
        exclusions.check_resources(req["ResourceHandlingOption"], req.get("ResourceArns") or [])
    if req.get("PermissionsBoundaryPolicyInputList"):
        boundary = _inputs("PermissionsBoundaryPolicyInputList", req["PermissionsBoundaryPolicyInputList"], "identity")
    resource: tuple[Source, ...] = ()
    if req.get("ResourcePolicy"):
        if not req.get("CallerArn") and "PolicySourceArn" not in req:
            raise errors.invalid_input("CallerArn must be provided when a ResourcePolicy is specified.")
        resource = (_source("ResourcePolicy", "resource", req["ResourcePolicy"], "resource"),)
    keys: Keys = {}
    if req.get("CallerArn") or "PolicySourceArn" in req:
        # Nobody in particular has no keys either: what a policy asks of them is missing.
        keys = {"aws:principalarn": caller.arn, "aws:principalaccount": caller.account, "aws:userid": caller.user_id}
        if caller.kind == "user":
            keys["aws:username"] = caller.arn.rpartition("/")[2]
    for entry in req.get("ContextEntries") or ():
        values = entry.get("ContextKeyValues") or []
        many = entry.get("ContextKeyType", "string").endswith("List")
        keys[entry["ContextKeyName"].lower()] = tuple(values) if many or len(values) != 1 else values[0]
    owner = (req.get("ResourceOwner") or "").split(":")[4:5]
    simulation = Simulation(caller, identity, boundary, resource, keys, owner[0] if owner else "", scps)
    for action in req["ActionNames"]:
        if ":" not in action or "*" in action:
            raise errors.invalid_input(f"Invalid Action Name: {action}. Action names are of the form service:operation, without wildcards.")
    pairs = [(action, arn) for action in req["ActionNames"] for arn in req.get("ResourceArns") or ["*"]]
    numbered = [(f"{number:06d}", *pair) for number, pair in enumerate(pairs)]
    return naming.page_of(req, "EvaluationResults", numbered, lambda row: row[0], lambda row: _result(simulation, row[1], row[2]))


def _result(simulation: Simulation, action: str, arn: str) -> dict[str, Any]:
    request = AuthzRequest(
        principal=simulation.principal,
        action=action,
        resource=arn,
        context=simulation.keys,
        resource_account=simulation.owner or _account_of(arn),
    )
    decision = decide(
        request,
        PolicySet(
            identity=_named(simulation.identity),
            boundary=None if simulation.boundary is None else _named(simulation.boundary),
            resource=_named(simulation.resource),
            scps=None if simulation.scps is None else tuple([_named(level) for level in simulation.scps]),
        ),
    )
    known = simulation.sources()
    missing = {key for source in known.values() for key in mentioned(source.text, source.document) if key.lower() not in simulation.keys}
    verdict = "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": arn,
        "EvalDecision": verdict,
        "MatchedStatements": _matched(decision, known),
        "MissingContextValues": sorted(missing),
    }
    own = {
        "EvalResourceName": arn,
        "EvalResourceDecision": verdict,
        "MatchedStatements": result["MatchedStatements"],
        "MissingContextValues": result["MissingContextValues"],
    }
    if simulation.boundary is not None:
        allowed = decision.allowed or decision.kind != "boundary"
        result["PermissionsBoundaryDecisionDetail"] = own["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    if simulation.scps is not None:
        result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": decision.allowed or decision.kind != "scp"}
    if arn != "*":
        result["ResourceSpecificResults"] = [own]
    return result


def _matched(decision: Decision, sources: dict[str, Source]) -> list[dict[str, Any]]:
    source = sources.get(decision.policy)
    if source is None:
        return []
    sids = [statement.sid for statement in source.document.statements]
    index = sids.index(decision.statement) if decision.statement in sids else int(decision.statement)
    start, end = position_of(source.text, index)
    return [{"SourcePolicyId": source.id, "SourcePolicyType": source.type, "StartPosition": start, "EndPosition": end}]


def _named(sources: Sequence[Source]) -> tuple[Named, ...]:
    return tuple(Named(source.id, compile_policy(source.document)) for source in sources)


def _inputs(member: str, texts: list[str], kind: Kind) -> tuple[Source, ...]:
    return tuple(_source(f"{member}.{number}", "none", text, kind) for number, text in enumerate(texts, 1))


def _source(name: str, type_: str, text: str, kind: Kind) -> Source:
    try:
        return Source(name, type_, text, parse(text, kind))
    except PolicyProblem as problem:
        raise errors.invalid_input(f"{name}: {problem.message}") from None


def _own(ctx: Context, entity: Owner, excluded: exclusions.Exclusions) -> tuple[Source, ...]:
    kind = type(entity).__name__.lower()
    found = []
    for name, text in effective.attached_and_inline(ctx, entity):
        managed = name.startswith("arn:")
        if excluded.managed(name, _managed_type(ctx, name)) if managed else excluded.inline(kind, entity.name, name):
            continue
        identifier = name.rpartition("/")[2] if managed else f"{kind}_{entity.name}_{name}"
        found.append(_source(identifier, _managed_type(ctx, name) if managed else kind, text, "identity"))
    return tuple(found)


def _managed_type(ctx: Context, arn: str) -> str:
    return "aws-managed" if aws_managed(ctx, arn) else "user-managed"


def _principal(ctx: Context, entity: Owner) -> Principal:
    if isinstance(entity, User):
        return Principal("user", ctx.account, entity.arn, entity.id)
    # A role acts by its sessions.
    arn = ctx.arn("sts", f"assumed-role/{entity.name}/simulation", region="")
    return Principal("assumed-role", ctx.account, arn, f"{entity.id}:simulation", role_arn=entity.arn)


def _caller(ctx: Context, arn: str | None) -> Principal:
    if not arn:
        # Nobody in particular: the policies given speak for themselves.
        return Principal("user", ctx.account, naming.arn(ctx, "user", "/", "simulation"), "AIDASIMULATION")
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[5] == "root":
        return root_of(parts[4])
    if len(parts) != 6 or not parts[5].startswith(("user/", "role/", "assumed-role/", "federated-user/")):
        raise errors.invalid_input(f"Invalid Caller Arn: {arn}")
    entity = find_source(ctx.at(account=parts[4]), arn) if parts[2] == "iam" else None
    if entity is not None:
        return _principal(ctx.at(account=parts[4]), entity)
    kind, name, *_ = (*parts[5].split("/"), "")
    role = naming.arn(ctx.at(account=parts[4]), "role", "/", name)
    if kind == "assumed-role":
        return Principal("assumed-role", parts[4], arn, role_arn=role)
    return Principal("federated-user", parts[4], arn)


def _account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[4].isdecimal() else ""
