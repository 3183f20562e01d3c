"""Operations that IAM is asked about without the Service Authorization Reference describing how."""

from __future__ import annotations

from cloudjar.identity.service_reference import actions_for
from cloudjar.services.registry import Services


def undescribed(services: Services, name: str) -> list[str]:
    """The operations of a service that cloudjar has, and whose actions, resources and condition keys the reference lacks."""
    service = services.service(name)
    operations = service.operations if service else {}
    return [operation for operation in sorted(operations) if any(not action.described for action in actions_for(name, operation))]
