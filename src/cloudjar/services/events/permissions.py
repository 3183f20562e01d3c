"""PutPermission and RemovePermission: who may use a bus."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.policy import compile_policy, parse
from cloudjar.identity.policy.grammar import PolicyProblem
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.events import errors
from cloudjar.services.events.buses import Bus, bus_arn, find_bus, on_bus

LARGEST_POLICY = 10_240


@operation(on=on_bus)
def put_permission(ctx: Context, req: dict[str, Any]) -> None:
    there, bus = find_bus(ctx, req.get("EventBusName"))
    if req.get("Policy"):
        if any(name in req for name in ("Action", "Principal", "StatementId", "Condition")):
            raise errors.invalid("You cannot specify Policy together with Action, Principal, StatementId or Condition.")
        _store(there, bus, _document(req["Policy"]))
        return
    for name in ("Action", "Principal", "StatementId"):
        if not req.get(name):
            raise errors.bad_parameter(name, f"{name} is a required argument.")
    if req["Action"] != "events:PutEvents":
        raise errors.invalid("Provided value in parameter 'action' is not supported.")
    principal = req["Principal"]
    if principal != "*" and not (len(principal) == 12 and principal.isdigit()):
        raise errors.invalid("Provided value in parameter 'principal' is not valid.")
    statement: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:{ctx.partition}:iam::{principal}:root"},
        "Action": "events:PutEvents",
        "Resource": bus_arn(there, bus.name),
    }
    if condition := req.get("Condition"):
        if (condition["Type"], condition["Key"]) != ("StringEquals", "aws:PrincipalOrgID"):
            raise errors.invalid("Provided value in parameter 'condition' is not supported.")
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": condition["Value"]}}
    document = json.loads(bus.policy) if bus.policy else {"Version": "2012-10-17", "Statement": []}
    document["Statement"] = [one for one in _statements(document) if one.get("Sid") != req["StatementId"]] + [statement]
    _store(there, bus, document)


@operation(on=on_bus)
def remove_permission(ctx: Context, req: dict[str, Any]) -> None:
    there, bus = find_bus(ctx, req.get("EventBusName"))
    if not bus.policy:
        raise errors.no_policy()
    if req.get("RemoveAllPermissions"):
        there.put(replace(bus, policy="", modified=there.now))
        return
    name = req.get("StatementId")
    if not name:
        raise errors.bad_parameter("StatementId", "StatementId is a required argument.")
    document = json.loads(bus.policy)
    kept = [one for one in _statements(document) if one.get("Sid") != name]
    if len(kept) == len(_statements(document)):
        raise errors.no_such_statement(name)
    _store(there, bus, {**document, "Statement": kept} if kept else None)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        compile_policy(parse(text, "resource"))
    except (PolicyProblem, ValueError, RecursionError) as problem:
        raise errors.invalid(f"This policy contains invalid Json: {problem}") from None
    if not isinstance(document, dict):
        raise errors.invalid("This policy contains invalid Json")
    return document


def _store(ctx: Context, bus: Bus, document: dict[str, Any] | None) -> None:
    text = json.dumps(document, separators=(",", ":")) if document else ""
    if len(text) > LARGEST_POLICY:
        raise errors.policy_too_long(LARGEST_POLICY)
    ctx.put(replace(bus, policy=text, modified=ctx.now))


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document.get("Statement") or []
    return found if isinstance(found, list) else [found]
