"""The register of what is real, modelled and absent: made from the code."""

from __future__ import annotations

from typing import Any

from cloudjar.services.registry import Services


def summary(services: Services) -> dict[str, Any]:
    """Counts for each service that cloudjar has, and how many AWS services it has nothing of."""
    rows = []
    for name in services.names:
        states = list(_states(services, name).values())
        rows.append({"service": name, **{state: states.count(state) for state in ("real", "modelled", "absent")}})
    return {"services": rows, "absent_services": len(set(services.models.names()) - set(services.names))}


def of_service(services: Services, name: str) -> dict[str, Any] | None:
    """The state of each operation of a service; None if AWS has no such service."""
    if name not in services.models.names():
        return None
    return {"service": name, "operations": _states(services, name)}


def _states(services: Services, name: str) -> dict[str, str]:
    found = services.service(name)
    model = found.model if found else services.models.service(name)
    implemented = found.operations if found else {}
    return {
        operation: "absent" if operation not in implemented else "modelled" if implemented[operation].mark.modelled else "real"
        for operation in sorted(model.operations)
    }


def markdown(services: Services) -> str:
    """The register as docs/coverage.md has it: what is there. What is absent depends on botocore's version and is left out."""
    lines = [
        "# Operations that cloudjar has",
        "",
        "Made from the code by `python scripts/coverage.py`. What is absent answers `NotImplemented`; `cloudjar coverage NAME` lists it.",
        "*Real*: it has its effect. *Modelled*: state and answers are right, nothing outside moves.",
    ]
    for name in services.names:
        states = _states(services, name)
        lines += ["", f"## {name}", ""]
        for state in ("real", "modelled"):
            operations = [operation for operation, its in states.items() if its == state]
            if operations:
                lines.append(f"{state.capitalize()} ({len(operations)}): {', '.join(operations)}")
                lines.append("")
        lines.pop()
    return "\n".join(lines) + "\n"
