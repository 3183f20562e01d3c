"""Findings: what an analyzer has found, and what became of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.accessanalyzer import analyzer_record, errors, pages


@record("accessanalyzer.finding", key=("analyzer", "id"))
class Finding(Record):
    """One finding. Its `mark` says what was found: the same, found again, is the same finding."""

    analyzer: str
    id: str
    mark: str
    type: str
    """ "ExternalAccess", "UnusedIAMRole" ..."""
    resource: str
    resource_type: str
    owner: str
    status: str
    created: datetime
    analyzed: datetime
    updated: datetime
    details: dict[str, Any] = {}
    """As the answer has them; instants as ISO 8601."""


def takes(finding: Finding, criteria: dict[str, dict[str, Any]]) -> bool:
    """Whether a finding meets all of a filter's criteria."""
    return all(_meets(_values(finding, name), criterion) for name, criterion in criteria.items())


def _meets(values: list[str], criterion: dict[str, Any]) -> bool:
    if "exists" in criterion and criterion["exists"] != bool(values):
        return False
    if criterion.get("eq") and not set(values) & set(criterion["eq"]):
        return False
    if criterion.get("neq") and set(values) & set(criterion["neq"]):
        return False
    return not criterion.get("contains") or any(part in value for value in values for part in criterion["contains"])


def _values(finding: Finding, name: str) -> list[str]:
    details = finding.details
    simple = {
        "id": finding.id,
        "resource": finding.resource,
        "resourceType": finding.resource_type,
        "resourceOwnerAccount": finding.owner,
        "status": finding.status,
        "findingType": finding.type,
    }
    if name in simple:
        return [simple[name]]
    if name == "isPublic":
        return ["true" if details["isPublic"] else "false"] if "isPublic" in details else []
    if name == "action":
        return list(details.get("action", ()))
    group, _, key = name.partition(".")
    if group in ("principal", "condition"):
        found = {each.lower(): value for each, value in details.get(group, {}).items()}.get(key.lower())
        return [] if found is None else [found]
    return []


def _common(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "resource": finding.resource,
        "resourceType": finding.resource_type,
        "resourceOwnerAccount": finding.owner,
        "status": finding.status,
        "createdAt": finding.created,
        "analyzedAt": finding.analyzed,
        "updatedAt": finding.updated,
    }


def first_to_wire(finding: Finding) -> dict[str, Any]:
    """A finding of external access, as the first version of the API has it."""
    return {**_common(finding), **finding.details, "sources": [{"type": "POLICY"}]}


def second_to_wire(finding: Finding) -> dict[str, Any]:
    return {**_common(finding), "findingType": finding.type}


def _details(finding: Finding) -> list[dict[str, Any]]:
    if finding.type == "ExternalAccess":
        return [{"externalAccessDetails": {**finding.details, "sources": [{"type": "POLICY"}]}}]
    member = {
        "UnusedIAMRole": "unusedIamRoleDetails",
        "UnusedIAMUserAccessKey": "unusedIamUserAccessKeyDetails",
        "UnusedIAMUserPassword": "unusedIamUserPasswordDetails",
        "UnusedPermission": "unusedPermissionDetails",
    }[finding.type]
    return [{member: _timed(each)} for each in finding.details.get("all", [finding.details])]


def _timed(details: dict[str, Any]) -> dict[str, Any]:
    return {key: datetime.fromisoformat(value) if key == "lastAccessed" else value for key, value in details.items()}


def _listed(ctx: Context, req: dict[str, Any]) -> list[tuple[str, Finding]]:
    """The findings that a request asks for, in its order, each under the text that a page's token holds."""
    analyzer = analyzer_record.at_arn(ctx, req["analyzerArn"])
    found = [each for each in ctx.where(Finding, analyzer=analyzer.name) if takes(each, req.get("filter") or {})]
    sort = req.get("sort") or {}
    name = sort.get("attributeName", "createdAt")
    moments = {"createdAt": "created", "analyzedAt": "analyzed", "updatedAt": "updated"}

    def place(finding: Finding) -> tuple[str, str]:
        value = getattr(finding, moments[name]).isoformat() if name in moments else ",".join(_values(finding, name))
        return value, finding.id

    found.sort(key=place, reverse=sort.get("orderBy") == "DESC")
    return [(f"{number:06d}", finding) for number, finding in enumerate(found)]


@operation(on=analyzer_record.on_analyzer)
def list_findings(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _external_only(ctx, req)
    return pages.page_of(req, "findings", _listed(ctx, req), lambda row: row[0], lambda row: first_to_wire(row[1]))


@operation(on=analyzer_record.on_analyzer)
def list_findings_v2(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return pages.page_of(req, "findings", _listed(ctx, req), lambda row: row[0], lambda row: second_to_wire(row[1]))


def _external_only(ctx: Context, req: dict[str, Any]) -> None:
    if analyzer_record.at_arn(ctx, req["analyzerArn"]).type not in analyzer_record.EXTERNAL:
        raise errors.invalid("The operation is for analyzers of external access only; use the second version of it.")


def _find(ctx: Context, req: dict[str, Any]) -> Finding:
    found = ctx.get(Finding, analyzer_record.at_arn(ctx, req["analyzerArn"]).name, req["id"])
    if found is None:
        raise errors.not_found("Finding", req["id"])
    return found


@operation(on=analyzer_record.on_analyzer)
def get_finding(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _external_only(ctx, req)
    return {"finding": first_to_wire(_find(ctx, req))}


@operation(on=analyzer_record.on_analyzer)
def get_finding_v2(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    finding = _find(ctx, req)
    rows = [(f"{number:06d}", each) for number, each in enumerate(_details(finding))]
    return {**second_to_wire(finding), **pages.page_of(req, "findingDetails", rows, lambda row: row[0], lambda row: row[1])}


@operation(on=analyzer_record.on_analyzer)
def update_findings(ctx: Context, req: dict[str, Any]) -> None:
    analyzer = analyzer_record.at_arn(ctx, req["analyzerArn"])
    if bool(req.get("ids")) == bool(req.get("resourceArn")):
        raise errors.invalid("Specify either ids or resourceArn.")
    for finding in list(ctx.where(Finding, analyzer=analyzer.name)):
        meant = finding.id in (req.get("ids") or ()) or finding.resource == req.get("resourceArn")
        if meant and finding.status in ("ACTIVE", "ARCHIVED"):
            ctx.put(replace(finding, status=req["status"], updated=ctx.now))


@operation(on=analyzer_record.on_analyzer)
def get_findings_statistics(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    analyzer = analyzer_record.at_arn(ctx, req["analyzerArn"])
    found = list(ctx.where(Finding, analyzer=analyzer.name))
    by_status = Counter(each.status for each in found)
    statistics: dict[str, Any] = {
        "totalActiveFindings": by_status["ACTIVE"],
        "totalArchivedFindings": by_status["ARCHIVED"],
        "totalResolvedFindings": by_status["RESOLVED"],
    }
    active = [each for each in found if each.status == "ACTIVE"]
    if analyzer.type in analyzer_record.EXTERNAL:
        kinds: dict[str, Counter[str]] = {}
        for each in active:
            member = "totalActivePublic" if each.details.get("isPublic") else "totalActiveCrossAccount"
            kinds.setdefault(each.resource_type, Counter())[member] += 1
        statistics["resourceTypeStatistics"] = {
            kind: {"totalActivePublic": counts["totalActivePublic"], "totalActiveCrossAccount": counts["totalActiveCrossAccount"]}
            for kind, counts in kinds.items()
        }
        wire = {"externalAccessFindingsStatistics": statistics}
    else:
        types = Counter(each.type for each in active)
        statistics["unusedAccessTypeStatistics"] = [{"unusedAccessType": kind, "total": total} for kind, total in sorted(types.items())]
        wire = {"unusedAccessFindingsStatistics": statistics}
    return {"findingsStatistics": [wire]} | ({"lastUpdatedAt": analyzer.last_at} if analyzer.last_at else {})
