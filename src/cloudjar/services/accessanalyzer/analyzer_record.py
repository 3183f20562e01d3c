"""Analyzers, as records: what is looked for in the account."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.accessanalyzer import errors

EXTERNAL = frozenset({"ACCOUNT", "ORGANIZATION"})
UNUSED = frozenset({"ACCOUNT_UNUSED_ACCESS", "ORGANIZATION_UNUSED_ACCESS"})
"""The types of analyzers, by what they look for."""
MOST = {"ORGANIZATION": 5}
"""Analyzers of a type in an account and Region; one of the others."""
SERVICE = "access-analyzer.amazonaws.com"
ROLE = "AWSServiceRoleForAccessAnalyzer"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
DEFAULT_AGE = 90


@record("accessanalyzer.analyzer", key="name")
class Analyzer(Record):
    """One analyzer of an account or its organization, in a Region."""

    name: str
    type: str
    created: datetime
    configuration: dict[str, Any] = {}
    timer: str = ""
    last: str = ""
    """The resource that was analyzed last."""
    last_at: datetime | None = None

    @property
    def of_organization(self) -> bool:
        """Whether it looks at all accounts of the organization."""
        return self.type.startswith("ORGANIZATION")

    @property
    def age_days(self) -> int:
        """After so many days without use, access counts as unused."""
        days: int = (self.configuration.get("unusedAccess") or {}).get("unusedAccessAge") or DEFAULT_AGE
        return days


def arn_of(ctx: Context, name: str) -> str:
    """An analyzer's ARN."""
    return ctx.arn("access-analyzer", f"analyzer/{name}")


def on_analyzer(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req.get("analyzerArn") or req.get("resourceArn") or arn_of(ctx, req.get("analyzerName", "*"))
    return arn


def on_rule(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return f"{on_analyzer(ctx, req)}/archive-rule/{req['ruleName']}"


def find(ctx: Context, name: str) -> Analyzer:
    """An analyzer by its name; raises ResourceNotFoundException."""
    found = ctx.get(Analyzer, name)
    if found is None:
        raise errors.not_found("Analyzer", arn_of(ctx, name))
    return found


def at_arn(ctx: Context, arn: str) -> Analyzer:
    """An analyzer by its ARN; raises ResourceNotFoundException."""
    found = ctx.get(Analyzer, arn.rpartition("/")[2])
    if found is None or arn_of(ctx, found.name) != arn:
        raise errors.not_found("Analyzer", arn)
    return found
