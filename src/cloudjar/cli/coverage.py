"""`cloudjar coverage`: the register of what is real, modelled and absent. It needs no running jar."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloudjar.cli import show
from cloudjar.cli.problem import Problem

if TYPE_CHECKING:
    from cloudjar.services.registry import Services


def coverage(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints counts for all services, or each operation of one."""
    from cloudjar.gateway import coverage as register
    from cloudjar.services.registry import Services
    from cloudjar.wire.models import Models

    services = Services(Models())
    if args.authorization:
        return _authorization(args, services)
    if args.service:
        found = register.of_service(services, args.service)
        if found is None:
            raise Problem(f"AWS has no service {args.service!r} that botocore knows.")
        if args.json:
            show.as_json(found)
        else:
            show.table(("operation", "state"), list(found["operations"].items()))
        return 0
    summary = register.summary(services)
    if args.json:
        show.as_json(summary)
        return 0
    rows = [(row["service"], row["real"], row["modelled"], row["absent"]) for row in summary["services"]]
    totals = [sum(row[column] for row in summary["services"]) for column in ("real", "modelled", "absent")]
    show.table(("service", "real", "modelled", "absent"), [*rows, ("all of these", *totals)])
    show.say(f"{summary['absent_services']} further AWS services are absent: each of their operations answers NotImplemented.")
    return 0


def _authorization(args: Namespace, services: Services) -> int:
    """Prints the operations that IAM is asked about by their bare names."""
    from cloudjar.gateway.coverage_authorization import undescribed

    found = {name: undescribed(services, name) for name in ([args.service] if args.service else services.names)}
    if args.json:
        show.as_json({name: operations for name, operations in found.items() if operations})
        return 0
    show.table(("service", "operation"), [(name, operation) for name, operations in found.items() for operation in operations])
    return 0
