"""Policies for all log groups of an account and Region: data protection, subscription filters, field indexes, transformers."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.services.logs import data_protection, errors, index_policies, subscriptions, transformers
from cloudjar.services.logs.account_policy_record import DATA_PROTECTION, FIELD_INDEX, SUBSCRIPTION, TRANSFORMER, AccountPolicy
from cloudjar.services.logs.groups import milliseconds

MOST = {DATA_PROTECTION: 1, SUBSCRIPTION: 1, FIELD_INDEX: 20, TRANSFORMER: 20}
# AWS asks for these besides the operation's own action.
_PUT = {
    DATA_PROTECTION: "logs:PutDataProtectionPolicy",
    SUBSCRIPTION: "logs:PutSubscriptionFilter",
    FIELD_INDEX: "logs:PutIndexPolicy",
    TRANSFORMER: "logs:PutTransformer",
}
_DELETE = {kind: action.replace(":Put", ":Delete") for kind, action in _PUT.items()}
_DESCRIBE = {
    DATA_PROTECTION: "logs:GetDataProtectionPolicy",
    SUBSCRIPTION: "logs:DescribeSubscriptionFilters",
    FIELD_INDEX: "logs:DescribeIndexPolicies",
    TRANSFORMER: "logs:GetTransformer",
}
_PREFIX = re.compile(r'\s*LogGroupNamePrefix\s*(?:=\s*"?([^"\s]+)"?|IN\s*\[\s*"([^"]+)"\s*\])\s*', re.IGNORECASE)
_NOT_IN = re.compile(r"\s*LogGroupName\s+NOT\s+IN\s*(\[.*\])\s*", re.IGNORECASE | re.DOTALL)


def _check_allowed(ctx: Context, actions: dict[str, str], kind: str) -> None:
    if kind not in actions:
        raise not_implemented("logs", ctx.call_info.operation, f"policyType {kind}")
    if not ctx.world.host.allowed(ctx, actions[kind], "*"):
        raise errors.not_authorized(ctx.principal.arn, actions[kind], "*")


@operation()
async def put_account_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    kind, name, document = req["policyType"], req["policyName"], req["policyDocument"]
    criteria = req.get("selectionCriteria") or ""
    with ctx.transaction():
        _check_allowed(ctx, _PUT, kind)
        if name.lower().startswith("aws/"):
            raise errors.invalid("Policy names cannot start with aws/.")
        if req.get("dryRun"):
            raise errors.invalid("dryRun is valid only for RETENTION_POLICY.")
        _check_criteria(kind, criteria)
        if kind == DATA_PROTECTION:
            data_protection.check_document(ctx, "PutAccountPolicy", document)
        elif kind == FIELD_INDEX:
            index_policies.parse(document)
        elif kind == TRANSFORMER:
            transformers.check_document(document)
    if kind == SUBSCRIPTION:
        settings = subscriptions.policy_settings(document)
        await subscriptions.check_destination(ctx, "PutAccountPolicy", settings, ctx.arn("logs", "log-group:*"))
    with ctx.transaction():
        known = list(ctx.where(AccountPolicy, kind=kind))
        if ctx.get(AccountPolicy, kind, name) is None and len(known) >= MOST[kind]:
            raise errors.limit_exceeded()
        return {"accountPolicy": _wire(ctx, ctx.put(AccountPolicy(kind, name, document, criteria, ctx.now)))}


def _check_criteria(kind: str, criteria: str) -> None:
    if not criteria:
        return
    if kind == FIELD_INDEX and "DataSource" in criteria:
        raise not_implemented("logs", "PutAccountPolicy", "selectionCriteria by data source")
    wanted = {SUBSCRIPTION: _NOT_IN, FIELD_INDEX: _PREFIX, TRANSFORMER: _PREFIX}.get(kind)
    if wanted is None or not wanted.fullmatch(criteria):
        raise errors.invalid(f"The selectionCriteria {criteria} is not valid for {kind}.")
    if wanted is _NOT_IN:
        _excluded(criteria)


def _excluded(criteria: str) -> list[str]:
    found = _NOT_IN.fullmatch(criteria)
    assert found is not None
    try:
        names = json.loads(found[1])
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise errors.invalid(f"The selectionCriteria {criteria} is not valid: a list of log group names is needed.")
    return names


def applies(policy: AccountPolicy, group: str) -> bool:
    """Whether a policy is meant for the group of that name."""
    if not policy.criteria:
        return True
    if policy.kind == SUBSCRIPTION:
        return group not in _excluded(policy.criteria)
    found = _PREFIX.fullmatch(policy.criteria)
    return found is not None and group.startswith(found[1] or found[2])


def policy_for(ctx: Context, kind: str, group: str) -> AccountPolicy | None:
    """The account's policy of a kind that is meant for a group, if there is one; the one with the longest prefix."""
    fitting = [policy for policy in ctx.where(AccountPolicy, kind=kind) if applies(policy, group)]
    return max(fitting, key=lambda policy: len(policy.criteria), default=None)


@operation()
def delete_account_policy(ctx: Context, req: dict[str, Any]) -> None:
    _check_allowed(ctx, _DELETE, req["policyType"])
    if req.get("dryRun"):
        raise errors.invalid("dryRun is valid only for RETENTION_POLICY.")
    found = ctx.get(AccountPolicy, req["policyType"], req["policyName"])
    if found is None:
        raise errors.account_policy_not_found(req["policyName"])
    ctx.delete(found)


@operation()
def describe_account_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _check_allowed(ctx, _DESCRIBE, req["policyType"])
    if any(account != ctx.account for account in req.get("accountIdentifiers") or ()):
        raise not_implemented("logs", "DescribeAccountPolicies", "linked accounts")
    rows = ctx.where(AccountPolicy, kind=req["policyType"])
    if name := req.get("policyName"):
        if ctx.get(AccountPolicy, req["policyType"], name) is None:
            raise errors.account_policy_not_found(name)
        rows = rows.filtered(lambda policy: policy.name == name)
    members = PageMembers("nextToken", "nextToken", None, "accountPolicies")
    return paging.page(members, req, rows, lambda policy: _wire(ctx, policy), default=50, maximum=50, error=errors.invalid_token())


def _wire(ctx: Context, policy: AccountPolicy) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": milliseconds(policy.updated),
        "policyType": policy.kind,
        "scope": "ALL",
        "accountId": ctx.account,
    }
    return wire | ({"selectionCriteria": policy.criteria} if policy.criteria else {})
