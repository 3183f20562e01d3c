"""Access that nobody has used for so long: roles, keys, passwords and permissions, as IAM itself tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.accessanalyzer.resources import every


class Unused(NamedTuple):
    """Something that is there, and was not used."""

    resource: str
    resource_type: str
    type: str
    what: str
    """What tells it from others of the same type and resource."""
    details: dict[str, Any]


async def all_unused(ctx: Context, now: datetime, days: int) -> list[Unused]:
    """All of the account's unused access, under the service-linked role."""
    since = now - timedelta(days=days)
    found: list[Unused] = []
    for role in await every(ctx, "iam", "ListRoles", "Roles", ("Marker", "Marker")):
        if role["CreateDate"] > since or role["Path"].startswith("/aws-service-role/"):
            continue
        whole = (await ctx.call_async("iam", "GetRole", {"RoleName": role["RoleName"]}))["Role"]
        used = (whole.get("RoleLastUsed") or {}).get("LastUsedDate")
        if used is None or used < since:
            found.append(Unused(role["Arn"], "AWS::IAM::Role", "UnusedIAMRole", "", _last(used)))
        else:
            found += await _permissions(ctx, role["Arn"], "AWS::IAM::Role", since)
    for user in await every(ctx, "iam", "ListUsers", "Users", ("Marker", "Marker")):
        found += await _of_user(ctx, user, since)
    return found


def _last(used: datetime | None) -> dict[str, Any]:
    return {"lastAccessed": used.isoformat()} if used is not None else {}


async def _of_user(ctx: Context, user: dict[str, Any], since: datetime) -> list[Unused]:
    found: list[Unused] = []
    arn, name = user["Arn"], user["UserName"]
    for key in await every(ctx, "iam", "ListAccessKeys", "AccessKeyMetadata", ("Marker", "Marker"), {"UserName": name}):
        if key["CreateDate"] > since or key["Status"] != "Active":
            continue
        answer = await ctx.call_async("iam", "GetAccessKeyLastUsed", {"AccessKeyId": key["AccessKeyId"]})
        used = answer["AccessKeyLastUsed"].get("LastUsedDate")
        if used is None or used < since:
            details = {"accessKeyId": key["AccessKeyId"], **_last(used)}
            found.append(Unused(arn, "AWS::IAM::User", "UnusedIAMUserAccessKey", key["AccessKeyId"], details))
    try:
        profile = (await ctx.call_async("iam", "GetLoginProfile", {"UserName": name}))["LoginProfile"]
    except AwsError:
        profile = None
    used = user.get("PasswordLastUsed")
    if profile is not None and profile["CreateDate"] <= since and (used is None or used < since):
        found.append(Unused(arn, "AWS::IAM::User", "UnusedIAMUserPassword", "", _last(used)))
    if user["CreateDate"] <= since:
        found += await _permissions(ctx, arn, "AWS::IAM::User", since)
    return found


async def _permissions(ctx: Context, arn: str, kind: str, since: datetime) -> list[Unused]:
    """One finding for an entity that may use services which it has not used."""
    job = (await ctx.call_async("iam", "GenerateServiceLastAccessedDetails", {"Arn": arn, "Granularity": "ACTION_LEVEL"}))["JobId"]
    request = {"JobId": job, "MaxItems": 1000}
    rows = await every(ctx, "iam", "GetServiceLastAccessedDetails", "ServicesLastAccessed", ("Marker", "Marker"), request)
    unused = [row for row in rows if row.get("LastAuthenticated") is None or row["LastAuthenticated"] < since]
    if not unused:
        return []
    details = [{"serviceNamespace": row["ServiceNamespace"], **_last(row.get("LastAuthenticated"))} for row in unused]
    return [Unused(arn, kind, "UnusedPermission", "", {"all": details})]
