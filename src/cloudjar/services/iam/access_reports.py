"""Access reports of an organization: what its policies let a root, unit or account use, and what the accounts in it did use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.accessed import Access, Accessed
from cloudjar.identity.organization import AWS_MANAGED, Control, ControlType, Member, Organization, levels_of, line_of, membership, path_of
from cloudjar.identity.service_reference import service_names
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import errors, naming
from cloudjar.services.iam.access_jobs import granted_services

SCP: ControlType = "SERVICE_CONTROL_POLICY"


@record("iam.access_report", key="id", scope="account")
class AccessReport(Record):
    """A report that was asked for; it is made whole at once."""

    id: str
    created: datetime
    services: list[dict[str, Any]]
    """By service: its prefix and, where it was used, the latest time, Region and account, and how many accounts used it."""


def _path_arn(ctx: Context, req: dict[str, Any]) -> str:
    return "*"


@operation(on=_path_arn)
def generate_organizations_access_report(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    member = membership(ctx, ctx.account)
    organization = ctx.get(Organization, member.organization) if member else None
    if organization is None or organization.management != ctx.account:
        raise errors.access_denied("You must use the organization's management account to generate this report.")
    if SCP not in organization.enabled_types:
        raise errors.invalid_input("Service control policies must be enabled for the organization's root.")
    nodes = _nodes(ctx, organization, req["EntityPath"].rstrip("/"))
    ctx.world.part(Accessed).store(ctx)
    allowed = _allowed(ctx, organization, nodes, req.get("OrganizationsPolicyId"))
    accounts = [each for each in ctx.where(Member, organization=organization.id) if nodes[-1] in line_of(ctx, organization, each.account)]
    report = AccessReport(ctx.ids.uuid(), naming.now(ctx), [_used(ctx, accounts, service) for service in sorted(allowed)])
    return {"JobId": ctx.put(report).id}


def _nodes(ctx: Context, organization: Organization, path: str) -> tuple[str, ...]:
    """The ids of a path, "o-.../r-.../ou-.../123456789012", without the organization's; InvalidInput for one that is not there."""
    first, *nodes = path.split("/")
    try:
        right = first == organization.id and bool(nodes) and tuple(nodes) == line_of(ctx, organization, nodes[-1])
    except ValueError:
        right = False
    if not right:
        raise errors.invalid_input(f"The entity path {path} is not valid.")
    return tuple(nodes)


def _allowed(ctx: Context, organization: Organization, nodes: tuple[str, ...], policy: str | None) -> set[str]:
    """The services of which every level's policies allow something; of one policy alone, if it is named."""
    if policy is not None:
        control = AWS_MANAGED.get(policy) or ctx.get(Control, policy)
        if control is None or control.type != SCP:
            raise errors.no_such_entity(f"Policy {policy} cannot be found.")
        return granted_services([control.content])
    found = set(service_names())
    if nodes[-1] != organization.management:
        for level in levels_of(ctx, nodes, SCP):
            found &= granted_services([text for _, text in level])
    return found


def _used(ctx: Context, accounts: list[Member], service: str) -> dict[str, Any]:
    latest: dict[str, Any] = {}
    count = 0
    for member in accounts:
        times = [access for access in ctx.at(account=member.account).where(Access) if access.service == service]
        if times:
            count += 1
            last = max(times, key=lambda access: access.time)
            if not latest or last.time.isoformat() > latest["time"]:
                place = f"{path_of(ctx, member)}{member.account}"
                latest = {"time": last.time.isoformat(), "region": last.region, "path": place}
    return {"service": service, "count": count, **latest}


@operation()
def get_organizations_access_report(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    report = ctx.get(AccessReport, req["JobId"])
    if report is None:
        raise errors.no_such_entity(f"Job {req['JobId']} cannot be found.")
    by_time = (req.get("SortKey") or "").startswith("LAST")
    rows = sorted(report.services, key=lambda row: (row.get("time", ""), row["service"]) if by_time else ("", row["service"]))
    if (req.get("SortKey") or "").endswith("DESCENDING"):
        rows.reverse()
    places = {row["service"]: f"{place:06d}" for place, row in enumerate(rows)}
    page = naming.page_of(req, "AccessDetails", rows, lambda row: places[row["service"]], _to_wire)
    return {
        "JobStatus": "COMPLETED",
        "JobCreationDate": report.created,
        "JobCompletionDate": report.created,
        "NumberOfServicesAccessible": len(rows),
        "NumberOfServicesNotAccessed": sum(not row["count"] for row in rows),
        **page,
    }


def _to_wire(row: dict[str, Any]) -> dict[str, Any]:
    wire = {"ServiceName": service_names()[row["service"]], "ServiceNamespace": row["service"], "TotalAuthenticatedEntities": row["count"]}
    if row["count"]:
        wire |= {"Region": row["region"], "EntityPath": row["path"], "LastAuthenticatedTime": datetime.fromisoformat(row["time"])}
    return wire
