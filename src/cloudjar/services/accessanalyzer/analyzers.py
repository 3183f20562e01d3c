"""Analyzers: made, changed and removed."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.accessanalyzer import archive_rules, errors, pages, scans, scope
from cloudjar.services.accessanalyzer.analyzer_record import (
    DEFAULT_AGE,
    EXTERNAL,
    MOST,
    NAME,
    UNUSED,
    Analyzer,
    arn_of,
    at_arn,
    find,
    on_analyzer,
)
from cloudjar.services.accessanalyzer.findings import Finding


def to_wire(ctx: Context, analyzer: Analyzer) -> dict[str, Any]:
    arn = arn_of(ctx, analyzer.name)
    wire: dict[str, Any] = {"arn": arn, "name": analyzer.name, "type": analyzer.type, "createdAt": analyzer.created, "status": "ACTIVE"}
    if analyzer.last_at is not None:
        wire |= {"lastResourceAnalyzed": analyzer.last, "lastResourceAnalyzedAt": analyzer.last_at}
    if analyzer.type in UNUSED:
        unused = analyzer.configuration.get("unusedAccess") or {}
        wire["configuration"] = {"unusedAccess": {**unused, "unusedAccessAge": analyzer.age_days}}
    return {**wire, "tags": ctx.tags(arn)}


def _checked(operation_name: str, kind: str, configuration: dict[str, Any]) -> dict[str, Any]:
    unused = configuration.get("unusedAccess") or {}
    if configuration.get("internalAccess"):
        raise not_implemented("accessanalyzer", operation_name, "internal access")
    if configuration and kind in EXTERNAL:
        raise errors.invalid("The configuration does not fit the analyzer's type.")
    exclusions = (unused.get("analysisRule") or {}).get("exclusions") or []
    if not kind.startswith("ORGANIZATION") and any(each.get("accountIds") for each in exclusions):
        raise errors.invalid("Account ids can only be excluded by the analyzers of an organization.")
    age = unused.get("unusedAccessAge", DEFAULT_AGE)
    if not 1 <= age <= 365:
        raise errors.invalid("unusedAccessAge must be between 1 and 365.")
    return configuration


@operation(on=on_analyzer)
def create_analyzer(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, kind = req["analyzerName"], req["type"]
    if kind not in EXTERNAL | UNUSED:
        raise not_implemented("accessanalyzer", "CreateAnalyzer", f"analyzers of type {kind}")
    if not NAME.fullmatch(name):
        raise errors.invalid(f"The analyzer name {name} is not valid.")
    configuration = _checked("CreateAnalyzer", kind, req.get("configuration") or {})
    if kind.startswith("ORGANIZATION"):
        scope.check_administrator(ctx)
    if ctx.get(Analyzer, name) is not None:
        raise errors.conflict("Analyzer", arn_of(ctx, name))
    if sum(each.type == kind for each in ctx.where(Analyzer)) >= MOST.get(kind, 1):
        raise errors.too_many("Analyzer", arn_of(ctx, name))
    tags = req.get("tags") or {}
    tag_rules.check(tags, "ValidationException")
    scope.make_role(ctx)
    timer = ctx.after(scans.tick, name, seconds=scans.next_seconds(kind), housekeeping=True)
    ctx.put(Analyzer(name, kind, ctx.now, configuration, timer=timer))
    for rule in req.get("archiveRules") or ():
        archive_rules.add(ctx, name, rule["ruleName"], rule["filter"])
    ctx.set_tags(arn_of(ctx, name), tags)
    ctx.effect(scans.scan, name)
    return {"arn": arn_of(ctx, name)}


@operation(on=on_analyzer)
def get_analyzer(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"analyzer": to_wire(ctx, find(ctx, req["analyzerName"]))}


@operation()
def list_analyzers(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = [each for each in ctx.where(Analyzer) if req.get("type") in (None, each.type)]
    return pages.page_of(req, "analyzers", rows, lambda each: each.name, lambda each: to_wire(ctx, each))


@operation(on=on_analyzer)
def update_analyzer(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    analyzer = find(ctx, req["analyzerName"])
    configuration = _checked("UpdateAnalyzer", analyzer.type, req.get("configuration") or {})
    analyzer = ctx.put(replace(analyzer, configuration=configuration))
    ctx.effect(scans.scan, analyzer.name)
    return {"configuration": to_wire(ctx, analyzer).get("configuration", {})}


@operation(on=on_analyzer)
def delete_analyzer(ctx: Context, req: dict[str, Any]) -> None:
    analyzer = find(ctx, req["analyzerName"])
    ctx.cancel(analyzer.timer)
    for finding in list(ctx.where(Finding, analyzer=analyzer.name)):
        ctx.delete(finding)
    for resource in list(ctx.where(scans.Analyzed, analyzer=analyzer.name)):
        ctx.delete(resource)
    for rule in list(ctx.where(archive_rules.ArchiveRule, analyzer=analyzer.name)):
        ctx.delete(rule)
    ctx.set_tags(arn_of(ctx, analyzer.name), {})
    ctx.delete(analyzer)


@operation(on=on_analyzer)
def tag_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    at_arn(ctx, req["resourceArn"])
    tag_rules.check(req["tags"], "ValidationException")
    ctx.add_tags(req["resourceArn"], req["tags"])
    return {}


@operation(on=on_analyzer)
def untag_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    at_arn(ctx, req["resourceArn"])
    ctx.remove_tags(req["resourceArn"], req["tagKeys"])
    return {}


@operation(on=on_analyzer)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    at_arn(ctx, req["resourceArn"])
    return {"tags": ctx.tags(req["resourceArn"])}
