"""Archive rules: findings that are archived as they appear."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.accessanalyzer import analyzer_record, errors, pages
from cloudjar.services.accessanalyzer.findings import Finding, takes

MOST = 100


@record("accessanalyzer.archive_rule", key=("analyzer", "name"))
class ArchiveRule(Record):
    """One rule of an analyzer."""

    analyzer: str
    name: str
    filter: dict[str, dict[str, Any]]
    created: datetime
    updated: datetime


def _to_wire(rule: ArchiveRule) -> dict[str, Any]:
    return {"ruleName": rule.name, "filter": rule.filter, "createdAt": rule.created, "updatedAt": rule.updated}


def _find(ctx: Context, req: dict[str, Any]) -> ArchiveRule:
    analyzer = analyzer_record.find(ctx, req["analyzerName"])
    found = ctx.get(ArchiveRule, analyzer.name, req["ruleName"])
    if found is None:
        raise errors.not_found("ArchiveRule", req["ruleName"])
    return found


def _checked(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if not given:
        raise errors.invalid("The filter must have at least one criterion.")
    for name, criterion in given.items():
        if not criterion:
            raise errors.invalid(f"The criterion of {name} must have an operator.")
    return given


def add(ctx: Context, analyzer: str, name: str, given: dict[str, dict[str, Any]]) -> None:
    """Makes a rule; raises ConflictException."""
    if ctx.get(ArchiveRule, analyzer, name) is not None:
        raise errors.conflict("ArchiveRule", name)
    if ctx.where(ArchiveRule, analyzer=analyzer).count() >= MOST:
        raise errors.too_many("ArchiveRule", name)
    ctx.put(ArchiveRule(analyzer, name, _checked(given), ctx.now, ctx.now))


def archives(ctx: Context, finding: Finding) -> bool:
    """Whether some rule archives a new finding."""
    return any(takes(finding, rule.filter) for rule in ctx.where(ArchiveRule, analyzer=finding.analyzer))


@operation(on=analyzer_record.on_rule)
def create_archive_rule(ctx: Context, req: dict[str, Any]) -> None:
    add(ctx, analyzer_record.find(ctx, req["analyzerName"]).name, req["ruleName"], req["filter"])


@operation(on=analyzer_record.on_rule)
def get_archive_rule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"archiveRule": _to_wire(_find(ctx, req))}


@operation(on=analyzer_record.on_analyzer)
def list_archive_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(ArchiveRule, analyzer=analyzer_record.find(ctx, req["analyzerName"]).name)
    return pages.page_of(req, "archiveRules", rows, lambda rule: rule.name, _to_wire)


@operation(on=analyzer_record.on_rule)
def update_archive_rule(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(_find(ctx, req), filter=_checked(req["filter"]), updated=ctx.now))


@operation(on=analyzer_record.on_rule)
def delete_archive_rule(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, req))


@operation(on=analyzer_record.on_rule)
def apply_archive_rule(ctx: Context, req: dict[str, Any]) -> None:
    """A rule archives what appears; this archives what is there already."""
    analyzer = analyzer_record.at_arn(ctx, req["analyzerArn"])
    rule = _find(ctx, {**req, "analyzerName": analyzer.name})
    for finding in list(ctx.where(Finding, analyzer=analyzer.name)):
        if finding.status == "ACTIVE" and takes(finding, rule.filter):
            ctx.put(replace(finding, status="ARCHIVED", updated=ctx.now))
