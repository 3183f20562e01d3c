"""ListPoliciesGrantingServiceAccess: which of a principal's policies allow anything of a service."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.policy import parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.iam import effective, errors, naming
from cloudjar.services.iam.context_keys import find_source
from cloudjar.services.iam.entities import Owner, User, groups_of


def entity_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req["Arn"]
    return arn


@operation(on=entity_arn)
def list_policies_granting_service_access(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for service in req["ServiceNamespaces"]:
        if not service.replace("-", "").isalnum():
            raise errors.invalid_input(f"Invalid service namespace: {service}")
    entity = find_source(ctx, req["Arn"])
    owners: list[Owner] = [entity]
    if isinstance(entity, User):
        owners += groups_of(ctx, entity.id)
    found = [
        {"ServiceNamespace": service, "Policies": [item for owner in owners for item in _granting(ctx, owner, service)]}
        for service in dict.fromkeys(req["ServiceNamespaces"])
    ]
    return naming.page_of(req, "PoliciesGrantingServiceAccess", found, lambda item: str(item["ServiceNamespace"]), lambda item: item)


def _granting(ctx: Context, owner: Owner, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, text in effective.attached_and_inline(ctx, owner):
        if not _grants(text, service.lower()):
            continue
        if name.startswith("arn:"):
            found.append({"PolicyName": name.rpartition("/")[2], "PolicyType": "MANAGED", "PolicyArn": name})
        else:
            kind = type(owner).__name__.upper()
            found.append({"PolicyName": name, "PolicyType": "INLINE", "EntityType": kind, "EntityName": owner.name})
    return found


def _grants(text: str, service: str) -> bool:
    for statement in parse(text).statements:
        if not statement.allow:
            continue
        if statement.actions is None:
            # NotAction leaves something of a service unless it names all of it.
            if not {f"{service}:*", "*", "*:*"} & {action.lower() for action in statement.not_actions or ()}:
                return True
        elif any(action == "*" or action.lower().partition(":")[0] in (service, "*") for action in statement.actions):
            return True
    return False
