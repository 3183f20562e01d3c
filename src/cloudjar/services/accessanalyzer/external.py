"""What a resource's policy gives to those outside the account. Pure: a document in, grants out."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cloudjar.identity.policy import PolicyProblem, Statement, parse
from cloudjar.services.accessanalyzer.checks import forbids, is_public
from cloudjar.services.accessanalyzer.scope import Zone

_OWN_ACCOUNT = frozenset({"aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount"})
_OWN_ORGANIZATION = frozenset({"aws:principalorgid", "aws:sourceorgid"})
_TOLD = frozenset(
    {
        "aws:principalorgid", "aws:principalorgpaths", "aws:principalarn", "aws:principalaccount", "aws:sourcearn", "aws:sourceaccount",
        "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "aws:sourceorgid", "aws:principaltag", "kms:calleraccount",
        "kms:viaservice", "s3:dataaccesspointarn", "s3:dataaccesspointaccount", "aws:username", "aws:multifactorauthpresent",
    }
)  # fmt: skip


class Grant(NamedTuple):
    """Access that somebody outside has."""

    principal: dict[str, str]
    actions: tuple[str, ...]
    condition: dict[str, str]
    public: bool

    @property
    def mark(self) -> str:
        return json.dumps([self.principal, self.actions, self.condition], sort_keys=True)


def grants(text: str, zone: Zone, *, trust: bool = False) -> list[Grant]:
    """What a policy gives to those outside a zone of trust, to identity providers, and to everybody; [] for a text that is no policy."""
    try:
        document = parse(text, "trust" if trust else "resource")
    except PolicyProblem:
        return []
    found: dict[str, Grant] = {}
    for statement in document.statements:
        if not statement.allow or _within(statement, zone):
            continue
        actions = statement.actions or ("*",)
        if all(forbids(document, action.lower(), resource) for action in actions for resource in statement.resources or ("*",)):
            continue
        for principal in _outside(statement, zone):
            public = principal.get("AWS") == "*" and is_public(statement)
            grant = Grant(principal, tuple(sorted(actions)), _condition(statement), public)
            found[grant.mark] = grant
    return list(found.values())


def _outside(statement: Statement, zone: Zone) -> list[dict[str, str]]:
    if statement.not_principals is not None:
        return [{"AWS": "*"}]
    found = []
    for kind, value in statement.principals or ():
        if value == "*" and kind in ("*", "AWS"):
            found.append({"AWS": "*"})
        elif kind == "AWS":
            account = value if value.isdecimal() else value.split(":")[4] if value.count(":") >= 5 else ""
            # A bare unique id stands for a user or role of the account that is gone.
            if account and account not in zone.accounts:
                found.append({"AWS": account if value == f"arn:aws:iam::{account}:root" else value})
        elif kind in ("Federated", "CanonicalUser"):
            found.append({kind: value})
    return found


def _within(statement: Statement, zone: Zone) -> bool:
    """Whether a condition lets in nobody but the zone of trust."""
    inside = {key: frozenset(zone.accounts) for key in _OWN_ACCOUNT}
    if zone.organization:
        inside |= {key: frozenset({zone.organization}) for key in _OWN_ORGANIZATION}
    return any(
        condition.operator in ("StringEquals", "StringLike") and set(condition.values) <= inside.get(condition.key.lower(), frozenset())
        for condition in statement.conditions
    )


def _condition(statement: Statement) -> dict[str, str]:
    return {
        condition.key: ",".join(condition.values)
        for condition in statement.conditions
        if condition.key.lower().partition("/")[0] in _TOLD or ":sub" in condition.key or ":aud" in condition.key
    }


def details(grant: Grant) -> dict[str, Any]:
    """A grant as a finding has it."""
    return {"principal": grant.principal, "action": list(grant.actions), "condition": grant.condition, "isPublic": grant.public}
