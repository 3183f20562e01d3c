"""Field index policies: which fields of a group's events are indexed.

cloudjar's queries look at every event in any case, so that an index changes what is told of it, and no result.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.logs import errors
from cloudjar.services.logs.account_policy_record import FIELD_INDEX
from cloudjar.services.logs.groups import LogGroup, find_group, group_arn, group_name, milliseconds

MOST_FIELDS = 20
DEFAULT_FIELDS = ("@aws.account", "@aws.region", "@logStream", "@source.log", "traceId")


@record("logs.index_policy", key="group")
class IndexPolicy(Record):
    """The field index policy of the group with that uid."""

    group: int
    document: str
    updated: datetime


def _on_group(ctx: Context, req: dict[str, Any]) -> str:
    return group_arn(ctx, group_name(req["logGroupIdentifier"])) + ":*"


def _on_groups(ctx: Context, req: dict[str, Any]) -> list[str]:
    return [group_arn(ctx, group_name(one)) + ":*" for one in req["logGroupIdentifiers"]]


def parse(document: str) -> dict[str, str]:
    """The indexed fields, and whether each is a FIELD_INDEX or a FACET; InvalidParameterException if it is no policy."""
    try:
        body = json.loads(document)
    except (ValueError, RecursionError):
        raise errors.invalid_policy("it is not valid JSON") from None
    plain, typed = (body.get("Fields", []), body.get("FieldsV2", {})) if isinstance(body, dict) else (None, None)
    if not isinstance(plain, list) or not isinstance(typed, dict) or not (plain or typed):
        raise errors.invalid_policy("it must have Fields, or FieldsV2")
    if not all(isinstance(name, str) and 0 < len(name) <= 100 for name in [*plain, *typed]):
        raise errors.invalid_policy("a field's name must have 1 to 100 characters")
    if set(plain) & set(typed):
        raise errors.invalid_policy("Fields and FieldsV2 must not have a field in common")
    kinds = {name: one.get("type") if isinstance(one, dict) else None for name, one in typed.items()}
    if any(kind not in ("FIELD_INDEX", "FACET") for kind in kinds.values()):
        raise errors.invalid_policy("a field's type must be FIELD_INDEX or FACET")
    found = dict.fromkeys(plain, "FIELD_INDEX") | {name: str(kind) for name, kind in kinds.items()}
    if len(found) > MOST_FIELDS:
        raise errors.invalid_policy(f"it must have at most {MOST_FIELDS} fields")
    return found


@operation(on=_on_group)
def put_index_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    group = find_group(ctx, group_name(req["logGroupIdentifier"]))
    if group.group_class != "STANDARD":
        raise errors.invalid("Field index policies are supported only for log groups of the Standard log class.")
    parse(req["policyDocument"])
    return {"indexPolicy": _wire(ctx, group, ctx.put(IndexPolicy(group.uid, req["policyDocument"], ctx.now)))}


@operation(on=_on_group)
def delete_index_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(IndexPolicy, find_group(ctx, group_name(req["logGroupIdentifier"])).uid)
    if found is None:
        raise errors.resource_not_found(req["logGroupIdentifier"])
    ctx.delete(found)
    return {}


@operation(on=_on_groups)
def describe_index_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = [_policy(ctx, find_group(ctx, group_name(one))) for one in req["logGroupIdentifiers"]]
    return {"indexPolicies": [wire for wire in found if wire]}


def _policy(ctx: Context, group: LogGroup) -> dict[str, Any] | None:
    """A group's policy as the API has it: its own, or else the account's."""
    from cloudjar.services.logs.account_policies import policy_for

    if own := ctx.get(IndexPolicy, group.uid):
        return _wire(ctx, group, own)
    policy = policy_for(ctx, FIELD_INDEX, group.name)
    if policy is None:
        return None
    told = {"lastUpdateTime": milliseconds(policy.updated), "policyDocument": policy.document, "policyName": policy.name}
    return {"logGroupIdentifier": group_arn(ctx, group.name), "source": "ACCOUNT"} | told


def _wire(ctx: Context, group: LogGroup, policy: IndexPolicy) -> dict[str, Any]:
    return {
        "logGroupIdentifier": group_arn(ctx, group.name),
        "lastUpdateTime": milliseconds(policy.updated),
        "policyDocument": policy.document,
        "source": "LOG_GROUP",
    }


@operation(on=_on_groups)
def describe_field_indexes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    wanted = req.get("indexCategories") or ("DEFAULT", "CUSTOM", "INACTIVE")
    found: list[dict[str, Any]] = []
    for one in req["logGroupIdentifiers"]:
        group = find_group(ctx, group_name(one))
        policy = _policy(ctx, group)
        fields = {name: ("DEFAULT", "FIELD_INDEX") for name in DEFAULT_FIELDS if group.group_class == "STANDARD"}
        fields |= {name: ("CUSTOM", kind) for name, kind in (parse(policy["policyDocument"]) if policy else {}).items()}
        now = milliseconds(ctx.now)
        found += [
            {"logGroupIdentifier": group_arn(ctx, group.name), "fieldIndexName": name, "type": kind, "indexCategory": category}
            | ({"lastScanTime": now} if category == "CUSTOM" else {})
            for name, (category, kind) in sorted(fields.items())
            if category in wanted
        ]
    return {"fieldIndexes": found}
