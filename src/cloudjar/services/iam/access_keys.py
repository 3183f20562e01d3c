"""Access keys of users and of the account's root."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.credentials import AccessKey, new_key_id, new_secret
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import root_of
from cloudjar.kernel.records import replace
from cloudjar.kernel.rows import Rows
from cloudjar.services.iam import errors, naming, quotas
from cloudjar.services.iam.entities import User, find_user, user_arn


def keys_of(ctx: Context, user_name: str) -> Rows[AccessKey]:
    """The keys of a user; of the root for ""."""
    return ctx.where(AccessKey, account=ctx.account, user_name=user_name)


def _owner(ctx: Context, req: dict[str, Any]) -> str:
    if not req.get("UserName") and ctx.principal.kind == "root":
        return ""
    return find_user(ctx, naming.user_name(ctx, req)).name


def _find(ctx: Context, req: dict[str, Any]) -> AccessKey:
    owner = _owner(ctx, req)
    found = ctx.get(AccessKey, req["AccessKeyId"])
    if found is None or (found.account, found.user_name) != (ctx.account, owner):
        raise errors.access_key_not_found(req["AccessKeyId"])
    return found


def key_to_wire(key: AccessKey) -> dict[str, Any]:
    """An AccessKeyMetadata: no secret, which AWS shows once."""
    wire = {"AccessKeyId": key.id, "Status": key.status, "CreateDate": key.created}
    return {"UserName": key.user_name, **wire} if key.user_name else wire


@operation(on=user_arn)
def create_access_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = _owner(ctx, req)
    if name:
        user: User = find_user(ctx, name)
        user_id, arn = user.id, user.arn
    else:
        root = root_of(ctx.account)
        user_id, arn = root.user_id, root.arn
    quotas.check(keys_of(ctx, name).count(), quotas.ACCESS_KEYS_PER_USER, "AccessKeysPerUser")
    key = AccessKey(
        id=new_key_id("AKIA", ctx.account, ctx.ids.data),
        account=ctx.account,
        user_name=name,
        user_id=user_id,
        user_arn=arn,
        secret=new_secret(),
        created=naming.now(ctx),
    )
    ctx.put(key)
    return {"AccessKey": {**key_to_wire(key), "UserName": name or "root", "SecretAccessKey": key.secret}}


@operation(on=user_arn)
def list_access_keys(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, keys_of(ctx, _owner(ctx, req)), key_to_wire)


@operation(on=user_arn)
def update_access_key(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(_find(ctx, req), status=naming.status_of(req)))


@operation(on=user_arn)
def delete_access_key(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, req))


@operation()
def get_access_key_last_used(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = ctx.get(AccessKey, req["AccessKeyId"])
    if key is None or key.account != ctx.account:
        raise errors.access_denied("User is not authorized to perform: iam:GetAccessKeyLastUsed on the specified access key")
    used: dict[str, Any] = {"ServiceName": key.last_used_service, "Region": key.last_used_region}
    if key.last_used:
        used["LastUsedDate"] = key.last_used
    return {"UserName": key.user_name or "root", "AccessKeyLastUsed": used}
