"""GetContextKeysFor*: which condition keys policies mention."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.identity.policy.grammar import PolicyDocument, PolicyProblem, parse
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.iam import effective, errors
from cloudjar.services.iam.entities import Group, User, find_group, find_role, find_user, groups_of

_VARIABLE = re.compile(r"\$\{\s*([A-Za-z0-9_:/.-]+:[^},]+?)\s*(?:,[^}]*)?\}")


def source_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req["PolicySourceArn"]
    return arn


def find_source(ctx: Context, arn: str) -> User | Group | Role:
    """The user, group or role of an ARN; raises NoSuchEntity or InvalidInput."""
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    name = rest.rpartition("/")[2]
    if kind == "user":
        found: User | Group | Role = find_user(ctx, name)
    elif kind == "group":
        found = find_group(ctx, name)
    elif kind == "role":
        found = find_role(ctx, name)
    else:
        raise errors.invalid_input(f"{arn} is not a valid entity ARN.")
    if found.arn != arn:
        raise errors.arn_not_found(arn)
    return found


def documents_of(ctx: Context, source: User | Group | Role) -> list[effective.Document]:
    """The identity policies of an entity; a user's include its groups'."""
    found = list(effective.attached_and_inline(ctx, source))
    if isinstance(source, User):
        for group in groups_of(ctx, source.id):
            found += effective.attached_and_inline(ctx, group)
    return found


@operation()
def get_context_keys_for_custom_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"ContextKeyNames": _keys(req["PolicyInputList"])}


@operation(on=source_arn)
def get_context_keys_for_principal_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    source = find_source(ctx, req["PolicySourceArn"])
    return {"ContextKeyNames": _keys([text for _, text in documents_of(ctx, source)] + (req.get("PolicyInputList") or []))}


def _keys(documents: list[str]) -> list[str]:
    found: dict[str, str] = {}
    for text in documents:
        try:
            parsed = parse(text, "resource" if '"Principal"' in text else "identity")
        except PolicyProblem as problem:
            raise errors.invalid_input(problem.message) from None
        for key in mentioned(text, parsed):
            found.setdefault(key.lower(), key)
    return sorted(found.values())


def mentioned(text: str, parsed: PolicyDocument) -> list[str]:
    """The keys in a document's conditions and variables."""
    return [condition.key for statement in parsed.statements for condition in statement.conditions] + _VARIABLE.findall(text)
