"""Data protection policies: sensitive data is found as events come in, reported, and masked for those who may not see it.

Source: "Help protect sensitive log data with masking" in the CloudWatch Logs user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors, identifiers
from cloudjar.services.logs.account_policy_record import DATA_PROTECTION, AccountPolicy
from cloudjar.services.logs.groups import NAMESPACE, LogEvent, LogGroup, find_group, group_arn, group_name, milliseconds

VERSION = "2021-06-01"
LONGEST = 30_720
MOST_CUSTOM = 10
# What AWS lets a custom identifier's expression hold; without parentheses, matching takes linear time.
_CUSTOM = re.compile(r"[A-Za-z0-9_#=@/;,\- ^$?\[\]{}|\\*+.]{1,200}")


@record("logs.data_protection", key="group")
class DataProtection(Record):
    """The data protection policy of the group with that uid."""

    group: int
    document: str
    updated: datetime


class Policy(NamedTuple):
    """A policy, taken apart."""

    name: str
    managed: tuple[str, ...]
    custom: tuple[tuple[str, str], ...]
    """(name, regular expression)."""
    findings: str
    """The name of the log group that findings go to, or ""."""


def _on_group(ctx: Context, req: dict[str, Any]) -> str:
    return group_arn(ctx, group_name(req["logGroupIdentifier"])) + ":*"


@operation(on=_on_group)
def put_data_protection_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    document = req["policyDocument"]
    check_document(ctx, "PutDataProtectionPolicy", document)
    found = ctx.put(DataProtection(group.uid, document, ctx.now))
    ctx.put(replace(group, guarded="ACTIVATED"))
    return _wire(req, found)


@operation(on=_on_group)
def get_data_protection_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(DataProtection, find_group(ctx, group_name(req["logGroupIdentifier"])).uid)
    # AWS answers for a group without a policy with its name alone.
    return _wire(req, found) if found else {"logGroupIdentifier": req["logGroupIdentifier"]}


@operation(on=_on_group)
def delete_data_protection_policy(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    found = ctx.get(DataProtection, group.uid)
    if found is None:
        raise errors.no_policy_on_group()
    ctx.delete(found)
    ctx.put(replace(group, guarded="DELETED"))


def _wire(req: dict[str, Any], found: DataProtection) -> dict[str, Any]:
    updated = milliseconds(found.updated)
    return {"logGroupIdentifier": req["logGroupIdentifier"], "policyDocument": found.document, "lastUpdatedTime": updated}


def check_document(ctx: Context, operation_name: str, document: str) -> None:
    """Refuses what is no policy, and what cannot be done here."""
    if len(document) > LONGEST:
        raise errors.invalid_policy(f"it is longer than {LONGEST} characters")
    policy = parse(document)
    for name in policy.managed:
        if name not in identifiers.IDENTIFIERS:
            raise not_implemented("logs", operation_name, f"the data identifier {name}")
    for destination, _ in _destinations(json.loads(document)):
        if destination != "CloudWatchLogs":
            raise not_implemented("logs", operation_name, f"findings to {destination}")
    if policy.findings and ctx.get(LogGroup, policy.findings) is None:
        raise errors.invalid_policy(f"the log group {policy.findings} of its FindingsDestination does not exist")


def parse(document: str) -> Policy:
    """A policy taken apart; InvalidParameterException if it is none."""
    try:
        body = json.loads(document)
    except (ValueError, RecursionError):
        raise errors.invalid_policy("it is not valid JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("Statement"), list):
        raise errors.invalid_policy("it must be an object with a Statement list")
    if body.get("Version", VERSION) != VERSION:
        raise errors.invalid_policy(f"its Version must be {VERSION}")
    audits, masks = [], []
    for statement in body["Statement"]:
        operation_, wanted = (statement.get("Operation"), statement.get("DataIdentifier")) if isinstance(statement, dict) else (None, None)
        if not isinstance(operation_, dict) or not isinstance(wanted, list) or not wanted or not all(isinstance(w, str) for w in wanted):
            raise errors.invalid_policy("each statement must have an Operation and a DataIdentifier list")
        if isinstance(audit := operation_.get("Audit"), dict) and isinstance(audit.get("FindingsDestination"), dict):
            audits.append(wanted)
        elif isinstance(deidentify := operation_.get("Deidentify"), dict) and deidentify.get("MaskConfig") == {}:
            masks.append(wanted)
        else:
            raise errors.invalid_policy("an Operation must be Audit with a FindingsDestination, or Deidentify with an empty MaskConfig")
    if len(audits) != 1 or len(masks) != 1 or sorted(audits[0]) != sorted(masks[0]):
        raise errors.invalid_policy("it must have one Audit and one Deidentify statement with the same DataIdentifier lists")
    custom = dict(_custom(body))
    managed = [name.partition(identifiers.MANAGED)[2] for name in audits[0] if name not in custom]
    if not all(managed):
        raise errors.invalid_policy("a DataIdentifier must be the ARN of a managed one, or the name of a custom one in Configuration")
    used = tuple((name, custom[name]) for name in audits[0] if name in custom)
    findings = next((str(value.get("LogGroup") or "") for kind, value in _destinations(body) if kind == "CloudWatchLogs"), "")
    return Policy(str(body.get("Name") or ""), tuple(managed), used, findings)


def _custom(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    configuration = body.get("Configuration") or {}
    given = configuration.get("CustomDataIdentifier") if isinstance(configuration, dict) else None
    if given is None:
        return
    if not isinstance(given, list) or len(given) > MOST_CUSTOM:
        raise errors.invalid_policy(f"CustomDataIdentifier must be a list of at most {MOST_CUSTOM}")
    for one in given:
        name, pattern = (one.get("Name"), one.get("Regex")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(pattern, str) or not _CUSTOM.fullmatch(pattern):
            raise errors.invalid_policy("a custom data identifier must have a Name and a Regex of at most 200 allowed characters")
        try:
            re.compile(pattern)
        except re.error as problem:
            raise errors.invalid_policy(f"the Regex of {name} is invalid: {problem}") from None
        yield name, pattern


def _destinations(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for statement in body["Statement"]:
        audit = statement["Operation"].get("Audit")
        for kind, value in (audit["FindingsDestination"] if audit else {}).items():
            yield kind, value if isinstance(value, dict) else {}


class Guard:
    """The policies that hold for a group, and what they have found in one batch of events."""

    def __init__(self, group: LogGroup, policies: list[Policy]) -> None:
        self._group = group
        self._policies = policies
        self._found: list[tuple[Policy, dict[str, list[identifiers.Span]]]] = []

    def marked(self, event: LogEvent) -> LogEvent:
        """An event with its sensitive data marked."""
        spans: list[identifiers.Span] = []
        for policy in self._policies:
            found = {name: where for name, where in _find(policy, event.message) if where}
            if found:
                self._found.append((policy, found))
                spans += [span for where in found.values() for span in where]
        return replace(event, masks=_merged(spans)) if spans else event

    def report(self, ctx: Context) -> None:
        """Counts what was found, and writes each policy's findings to its log group."""
        from cloudjar.services.logs.findings import write

        stamp = ctx.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        reports: dict[str, list[str]] = {}
        for policy, found in self._found:
            for dimensions in ((("DataProtectionOperation", "Audit"), ("LogGroupName", self._group.name)), ()):
                ctx.metric(NAMESPACE, "LogEventsWithFindings", dimensions, 1.0, "None")
            if policy.findings and policy.findings != self._group.name:
                told = [
                    {"name": name, "count": len(where), "detections": [{"start": start, "end": end} for start, end in where]}
                    for name, where in found.items()
                ]
                report = {"auditTimestamp": stamp, "resourceArn": group_arn(ctx, self._group.name) + ":*", "dataIdentifiers": told}
                reports.setdefault(policy.findings, []).append(json.dumps(report, separators=(",", ":")))
        for name, lines in reports.items():
            write(ctx, name, self._group.name, lines)


def _find(policy: Policy, text: str) -> Iterator[tuple[str, list[identifiers.Span]]]:
    for name in policy.managed:
        yield name, list(identifiers.find(name, text))
    for name, pattern in policy.custom:
        yield name, list(identifiers.find_custom(pattern, text))


def _merged(spans: list[identifiers.Span]) -> tuple[int, ...]:
    out: list[int] = []
    for start, end in sorted(spans):
        if out and start <= out[-1]:
            out[-1] = max(out[-1], end)
        else:
            out += [start, end]
    return tuple(out)


_parsed = lru_cache(maxsize=64)(parse)
"""Policies, taken apart once."""


def guard_of(ctx: Context, group: LogGroup) -> Guard | None:
    """What guards a group: its own policy and the account's, together; None where there is neither."""
    documents = [policy.document for policy in ctx.where(AccountPolicy, kind=DATA_PROTECTION)]
    if group.guarded == "ACTIVATED" and (own := ctx.get(DataProtection, group.uid)):
        documents.append(own.document)
    return Guard(group, [_parsed(document) for document in documents]) if documents else None
