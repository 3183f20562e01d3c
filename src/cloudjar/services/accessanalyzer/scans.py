"""Scans: what there is to find is looked for again when somebody asks, each half hour in which something has changed, and, where
nothing but time makes a difference, each day."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.world import World
from cloudjar.services.accessanalyzer import archive_rules, errors, external, pages, scope
from cloudjar.services.accessanalyzer.analyzer_record import EXTERNAL, Analyzer, at_arn, on_analyzer
from cloudjar.services.accessanalyzer.findings import Finding
from cloudjar.services.accessanalyzer.resources import Resource, all_resources
from cloudjar.services.accessanalyzer.scope import Zone
from cloudjar.services.accessanalyzer.unused import Unused, all_unused

EVERY_SECONDS = 1800
DAILY_SECONDS = 86_400
_FAMILIES = ("s3", "iam", "sqs", "sns", "kms", "lambda", "secretsmanager", "dynamodb", "organizations")
"""The records in which the policies are, and who belongs to an organization."""


@record("accessanalyzer.analyzed", key=("analyzer", "arn"))
class Analyzed(Record):
    """A resource that an analyzer has looked at."""

    analyzer: str
    arn: str
    type: str
    created: datetime
    analyzed: datetime
    account: str = ""
    """Whose it is; empty for the analyzer's own account's, in worlds from before organizations were analyzed."""


class _Scanned:
    """What the world was like when it was last looked at, by analyzer. A part of the world."""

    def __init__(self, world: World) -> None:
        self._versions = world.versions
        self.states: dict[tuple[str, str, str], tuple[int, ...]] = {}

    def now(self) -> tuple[int, ...]:
        """The state of all that is looked at."""
        return tuple([self._versions[family] for family in _FAMILIES])


def next_seconds(kind: str) -> int:
    """How long until an analyzer of that type looks again."""
    return EVERY_SECONDS if kind in EXTERNAL else DAILY_SECONDS


@timer
def tick(ctx: Context, name: str) -> None:
    """Time to look again."""
    analyzer = ctx.get(Analyzer, name)
    if analyzer is None:
        return
    ctx.put(replace(analyzer, timer=ctx.after(tick, name, seconds=next_seconds(analyzer.type), housekeeping=True)))
    scanned = ctx.world.part(_Scanned)
    if analyzer.type not in EXTERNAL or scanned.states.get((ctx.account, ctx.region, name)) != scanned.now():
        ctx.effect(scan, name)


@effect
async def scan(ctx: Context, name: str, only: str = "") -> None:
    """Looks at everything, or at one resource."""
    with ctx.transaction():
        analyzer = ctx.get(Analyzer, name)
        if analyzer is None:
            return
        now = ctx.now
        scanned = ctx.world.part(_Scanned)
        if not only:
            scanned.states[ctx.account, ctx.region, name] = scanned.now()
        zone = scope.zone_of(ctx, analyzer)
        acting = {account: scope.acting_in(ctx, account) for account in zone.accounts}
    if analyzer.type in EXTERNAL:
        resources = [(account, each) for account, there in acting.items() async for each in all_resources(there) if only in ("", each.arn)]
        with ctx.transaction():
            _keep_external(ctx, name, zone, resources, only)
    else:
        unused = [(account, each) for account, there in acting.items() for each in await all_unused(there, now, analyzer.age_days)]
        with ctx.transaction():
            _keep_unused(ctx, name, unused)


def _keep_external(ctx: Context, name: str, zone: Zone, resources: list[tuple[str, Resource]], only: str) -> None:
    analyzer = ctx.get(Analyzer, name)
    if analyzer is None:
        return
    fresh: dict[str, Finding] = {}
    for account, resource in resources:
        trust = resource.type == "AWS::IAM::Role"
        for grant in external.grants(resource.policy, zone, trust=trust) if resource.policy else ():
            mark = json.dumps([resource.arn, grant.mark])
            fresh[mark] = _new(ctx, account, name, mark, "ExternalAccess", resource.arn, resource.type, external.details(grant))
        known = ctx.get(Analyzed, name, resource.arn)
        ctx.put(Analyzed(name, resource.arn, resource.type, known.created if known else ctx.now, ctx.now, account))
        analyzer = replace(analyzer, last=resource.arn, last_at=ctx.now)
    there = {resource.arn for _, resource in resources}
    if not only:
        for gone in [each for each in ctx.where(Analyzed, analyzer=name) if each.arn not in there]:
            ctx.delete(gone)
    ctx.put(analyzer)
    _settle(ctx, name, fresh, only)


def _keep_unused(ctx: Context, name: str, unused: list[tuple[str, Unused]]) -> None:
    analyzer = ctx.get(Analyzer, name)
    if analyzer is None:
        return
    fresh = {}
    for account, each in unused:
        if scope.excludes(ctx, analyzer, account, each.resource):
            continue
        mark = json.dumps([each.resource, each.type, each.what])
        fresh[mark] = _new(ctx, account, name, mark, each.type, each.resource, each.resource_type, each.details)
    last = unused[-1][1].resource if unused else analyzer.last
    ctx.put(replace(analyzer, last=last, last_at=ctx.now if unused else analyzer.last_at))
    _settle(ctx, name, fresh, "")


def _new(
    ctx: Context, account: str, analyzer: str, mark: str, kind: str, resource: str, resource_type: str, details: dict[str, Any]
) -> Finding:
    now = ctx.now
    return Finding(analyzer, "", mark, kind, resource, resource_type, account, "ACTIVE", now, now, now, details)


def _settle(ctx: Context, name: str, fresh: dict[str, Finding], only: str) -> None:
    """What was found before and is not there any more is resolved; what is new, or back, is active, or archived by a rule."""
    known = {finding.mark: finding for finding in ctx.where(Finding, analyzer=name)}
    for mark, finding in known.items():
        if only not in ("", finding.resource):
            continue
        if mark not in fresh:
            if finding.status != "RESOLVED":
                _publish(ctx, ctx.put(replace(finding, status="RESOLVED", analyzed=ctx.now, updated=ctx.now)))
            continue
        found = fresh[mark]
        changed = finding.details != found.details
        status = finding.status if finding.status != "RESOLVED" else "ARCHIVED" if archive_rules.archives(ctx, found) else "ACTIVE"
        updated = ctx.now if changed or status != finding.status else finding.updated
        ctx.put(replace(finding, status=status, details=found.details, analyzed=ctx.now, updated=updated))
        if updated == ctx.now:
            _publish(ctx, replace(finding, status=status))
    for mark, found in fresh.items():
        if mark not in known:
            made = replace(found, id=ctx.ids.uuid())
            if archive_rules.archives(ctx, made):
                made = replace(made, status="ARCHIVED")
            _publish(ctx, ctx.put(made))


def _publish(ctx: Context, finding: Finding) -> None:
    """The event that EventBridge gets. Source: "Monitoring Access Analyzer with Amazon EventBridge"."""
    times = {"createdAt": finding.created, "analyzedAt": finding.analyzed, "updatedAt": finding.updated}
    detail = {
        "version": "1.0",
        "id": finding.id,
        "status": finding.status,
        "resourceType": finding.resource_type,
        "resource": finding.resource,
        **{name: moment.strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in times.items()},
        "accountId": finding.owner,
        "region": ctx.region,
        **(finding.details if finding.type == "ExternalAccess" else {"findingType": finding.type}),
        "isDeleted": False,
    }
    kind = "Access Analyzer Finding" if finding.type == "ExternalAccess" else "Unused Access Finding for IAM entities"
    ctx.emit("aws.access-analyzer", kind, detail, [ctx.arn("access-analyzer", f"analyzer/{finding.analyzer}")])


@operation(on=on_analyzer)
def start_resource_scan(ctx: Context, req: dict[str, Any]) -> None:
    analyzer = at_arn(ctx, req["analyzerArn"])
    if analyzer.type not in EXTERNAL:
        raise errors.invalid("The operation is for analyzers of external access only.")
    ctx.effect(scan, analyzer.name, req["resourceArn"])


@operation(on=on_analyzer)
def list_analyzed_resources(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    analyzer = at_arn(ctx, req["analyzerArn"])
    rows = [each for each in ctx.where(Analyzed, analyzer=analyzer.name) if req.get("resourceType") in (None, each.type)]
    return pages.page_of(
        req,
        "analyzedResources",
        rows,
        lambda each: each.arn,
        lambda each: {"resourceArn": each.arn, "resourceOwnerAccount": each.account or ctx.account, "resourceType": each.type},
    )


@operation(on=on_analyzer)
def get_analyzed_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    analyzer = at_arn(ctx, req["analyzerArn"])
    found = ctx.get(Analyzed, analyzer.name, req["resourceArn"])
    if found is None:
        raise errors.not_found("AnalyzedResource", req["resourceArn"])
    findings = [each for each in ctx.where(Finding, analyzer=analyzer.name) if each.resource == found.arn and each.status != "RESOLVED"]
    wire: dict[str, Any] = {
        "resourceArn": found.arn,
        "resourceType": found.type,
        "createdAt": found.created,
        "analyzedAt": found.analyzed,
        "updatedAt": max([each.updated for each in findings], default=found.created),
        "isPublic": any(each.details.get("isPublic") for each in findings),
        "resourceOwnerAccount": found.account or ctx.account,
    }
    if findings:
        wire["status"] = "ACTIVE" if any(each.status == "ACTIVE" for each in findings) else "ARCHIVED"
        wire["actions"] = sorted({action for each in findings for action in each.details.get("action", ())})
    return {"resource": wire}
