"""Which trust policies name a user or role: when it is deleted, its unique id takes the ARN's place, so that no namesake is let in.

Source: "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.policy import parse
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record, replace


@record("iam.trusted_principal", key=("principal", "role"), scope="world", indexes={"role": "role"})
class TrustedPrincipal(Record):
    """That a role's trust policy names a principal; both by ARN."""

    principal: str
    role: str


def note(ctx: Context, role: Role) -> None:
    """A role has a new trust policy."""
    forget(ctx, role)
    for statement in parse(role.trust_policy, "trust").statements:
        for kind, value in statement.principals or ():
            if kind == "AWS" and ":iam:" in value:
                ctx.put(TrustedPrincipal(value, role.arn))


def forget(ctx: Context, role: Role) -> None:
    """A role is gone, or about to have another trust policy."""
    for known in list(ctx.where(TrustedPrincipal, role=role.arn)):
        ctx.delete(known)


def rename(ctx: Context, arn: str, name: str) -> None:
    """Trust policies that name `arn` name something else from now on: an entity's new ARN, or a deleted one's unique id."""
    if arn == name:
        return
    for known in list(ctx.where(TrustedPrincipal, principal=arn)):
        parts = known.role.split(":")
        there = ctx.at(account=parts[4])
        role = there.get(Role, known.role.rpartition("/")[2])
        if role is not None:
            role = there.put(replace(role, trust_policy=_renamed(role.trust_policy, arn, name)))
            note(there, role)


def _renamed(text: str, arn: str, name: str) -> str:
    document = json.loads(text)
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    for statement in statements:
        principal = statement.get("Principal")
        if isinstance(principal, dict) and "AWS" in principal:
            principal["AWS"] = _swapped(principal["AWS"], arn, name)
    return json.dumps(document, separators=(",", ":"))


def _swapped(value: Any, arn: str, name: str) -> Any:
    return [name if item == arn else item for item in value] if isinstance(value, list) else name if value == arn else value
