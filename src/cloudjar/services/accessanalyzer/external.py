"""What a resource's policy gives to those outside the account. Pure: a document in, grants out."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cloudjar.identity.policy import PolicyProblem, Statement, parse
from cloudjar.services.accessanalyzer.checks import forbids, is_public

_OWN_ACCOUNT = frozenset({"aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount"})
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


def grants(text: str, owner: str, *, trust: bool = False) -> list[Grant]:
    """What a policy gives to other accounts, to identity providers, and to everybody; [] for a text that is no policy."""
    try:
        document = parse(text, "trust" if trust else "resource")
    except PolicyProblem:
        return []
    found: dict[str, Grant] = {}
    for statement in document.statements:
        if not statement.allow or _within(statement, owner):
            continue
        actions = statement.actions or ("*",)
        if all(forbids(document, action.lower(), resource) for action in actions for resource in statement.resources or ("*",)):
            continue
        for principal in _outside(statement, owner):
            public = principal.get("AWS") == "*" and is_public(statement)
            grant = Grant(principal, tuple(sorted(actions)), _condition(statement), public)
            found[grant.mark] = grant
    return list(found.values())


def _outside(statement: Statement, owner: str) -> list[dict[str, str]]:
    if statement.not_principals is not None:
        return [{"AWS": "*"}]
    found = []
    for kind, value in statement.principals or ():
        if value == "*" and kind in ("*", "AWS"):
            found.append({"AWS": "*"})
        elif kind == "AWS":
            account = value if value.isdecimal() else value.split(":")[4] if value.count(":") >= 5 else ""
            # A bare unique id stands for a user or role of the account that is gone.
            if account not in ("", owner):
                found.append({"AWS": account if value == f"arn:aws:iam::{account}:root" else value})
        elif kind in ("Federated", "CanonicalUser"):
            found.append({kind: value})
    return found


def _within(statement: Statement, owner: str) -> bool:
    """Whether a condition lets in nobody but the account itself."""
    return any(
        condition.key.lower() in _OWN_ACCOUNT and condition.operator in ("StringEquals", "StringLike") and set(condition.values) == {owner}
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
