"""Tags of alarms, mute rules, Contributor Insights rules and dashboards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.alarms import Alarm, alarm_arn
from cloudjar.services.cloudwatch.dashboards import Dashboard, dashboard_arn
from cloudjar.services.cloudwatch.insight_rules import InsightRule, rule_arn
from cloudjar.services.cloudwatch.mute_rules import MuteRule
from cloudjar.services.cloudwatch.mute_rules import rule_arn as mute_rule_arn

_KINDS: dict[str, tuple[type[Alarm] | type[InsightRule] | type[Dashboard] | type[MuteRule], Callable[[Context, str], str]]] = {
    "alarm": (Alarm, alarm_arn),
    "insight-rule": (InsightRule, rule_arn),
    "dashboard": (Dashboard, dashboard_arn),
    "alarm-mute-rule": (MuteRule, mute_rule_arn),
}


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceARN"])


def _find(ctx: Context, arn: str) -> str:
    resource = arn.split(":", 5)[-1]
    kind, _, name = resource.partition(":" if ":" in resource else "/")
    known = _KINDS.get(kind)
    if known is None or arn != known[1](ctx, name) or ctx.get(known[0], name) is None:
        raise errors.resource_not_found(arn)
    return arn


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn, given = _find(ctx, req["ResourceARN"]), tags.from_list(req["Tags"])
    tags.check({**ctx.tags(arn), **given}, "InvalidParameterValue")
    ctx.add_tags(arn, given)


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_find(ctx, req["ResourceARN"]), req["TagKeys"])


@operation(on=on_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": tags.to_list(ctx.tags(_find(ctx, req["ResourceARN"])))}
