"""Contributor Insights rules: who contributes most to what log groups say."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel import paging, tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.insight_definition import Definition

SCHEMA = json.dumps({"Name": "CloudWatchLogRule", "Version": 1})
ENABLED, DISABLED = "ENABLED", "DISABLED"
MOST = 100


@record("cloudwatch.insight_rule", key="name")
class InsightRule(Record):
    """A rule. `spans` are the times in which it has looked at events, [from, until or None]."""

    name: str
    state: str
    definition: str
    spans: tuple[tuple[datetime, datetime | None], ...]


def rule_arn(ctx: Context, name: str) -> str:
    """A rule's ARN."""
    return ctx.arn("cloudwatch", f"insight-rule/{name}")


def _on_rule(ctx: Context, req: dict[str, Any]) -> str:
    return rule_arn(ctx, req["RuleName"])


def _on_rules(ctx: Context, req: dict[str, Any]) -> list[str]:
    return [rule_arn(ctx, name) for name in req["RuleNames"]]


@operation(on=_on_rule)
def put_insight_rule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("ApplyOnTransformedLogs"):
        raise not_implemented("cloudwatch", "PutInsightRule", "ApplyOnTransformedLogs")
    name, state = req["RuleName"], req.get("RuleState") or ENABLED
    if state not in (ENABLED, DISABLED):
        raise errors.invalid_value(f"The value {state} for parameter RuleState is not valid: it must be {ENABLED} or {DISABLED}.")
    Definition(req["RuleDefinition"])
    old = ctx.get(InsightRule, name)
    if old is None:
        if ctx.where(InsightRule).count() >= MOST:
            raise AwsError("LimitExceededException", f"At most {MOST} Contributor Insights rules are allowed.")
        given = tags.from_list(req.get("Tags"))
        tags.check(given, "InvalidParameterValue")
        ctx.set_tags(rule_arn(ctx, name), given)
    # A rule that looks for something else starts anew.
    kept = old.spans if old and old.definition == req["RuleDefinition"] else ()
    rule = InsightRule(name, old.state if old and kept else DISABLED, req["RuleDefinition"], kept)
    _switch(ctx, rule, state)
    return {}


def _switch(ctx: Context, rule: InsightRule, state: str) -> None:
    spans = rule.spans
    if state == ENABLED and (not spans or spans[-1][1] is not None):
        spans = (*spans, (ctx.now, None))
    elif state == DISABLED and spans and spans[-1][1] is None:
        spans = (*spans[:-1], (spans[-1][0], ctx.now))
    ctx.put(replace(rule, state=state, spans=spans))


@operation(on=_on_rules)
def enable_insight_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _each(ctx, req, lambda rule: _switch(ctx, rule, ENABLED))


@operation(on=_on_rules)
def disable_insight_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return _each(ctx, req, lambda rule: _switch(ctx, rule, DISABLED))


@operation(on=_on_rules)
def delete_insight_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    def delete(rule: InsightRule) -> None:
        ctx.delete(rule)
        ctx.set_tags(rule_arn(ctx, rule.name), {})

    return _each(ctx, req, delete)


def _each(ctx: Context, req: dict[str, Any], act: Any) -> dict[str, Any]:
    failures = []
    for name in req["RuleNames"]:
        rule = ctx.get(InsightRule, name)
        if rule is None:
            failures.append(
                {
                    "FailureResource": name,
                    "ExceptionType": "ResourceNotFoundException",
                    "FailureCode": "404",
                    "FailureDescription": f"The rule {name} does not exist.",
                }
            )
        else:
            act(rule)
    return {"Failures": failures}


@operation()
def describe_insight_rules(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    def wire(rule: InsightRule) -> dict[str, Any]:
        return {"Name": rule.name, "State": rule.state, "Schema": SCHEMA, "Definition": rule.definition, "ManagedRule": False}

    members = PageMembers("NextToken", "NextToken", "MaxResults", "InsightRules")
    return paging.page(members, req, ctx.where(InsightRule), wire, default=500, maximum=500, error=errors.invalid_token())
