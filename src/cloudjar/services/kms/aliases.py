"""Aliases: names for keys."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.kms import aws_managed, errors
from cloudjar.services.kms.alias_record import Alias
from cloudjar.services.kms.find import check_not_leaving, own_key
from cloudjar.services.kms.records import Key

_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+").fullmatch


def _arn(ctx: Context, name: str) -> str:
    return ctx.arn("kms", name)


def alias_and_target(ctx: Context, req: dict[str, Any]) -> list[str]:
    """IAM is asked about the alias and the key."""
    arns = [_arn(ctx, req["AliasName"]), own_key(ctx, req["TargetKeyId"]).arn]
    present = ctx.get(Alias, req["AliasName"])
    current = ctx.get(Key, present.key_id) if present else None
    # UpdateAlias asks about the key that the alias leaves, too.
    if current is not None and ctx.call_info.operation == "UpdateAlias" and current.arn not in arns:
        arns.append(current.arn)
    return arns


def alias_and_key(ctx: Context, req: dict[str, Any]) -> list[str]:
    """The alias and the key that it names."""
    found = ctx.get(Alias, req["AliasName"])
    key = ctx.get(Key, found.key_id) if found else None
    return [_arn(ctx, req["AliasName"]), *([key.arn] if key else [])]


@operation(on=alias_and_target)
def create_alias(ctx: Context, req: dict[str, Any]) -> None:
    name = _checked_name(req["AliasName"])
    key = own_key(ctx, req["TargetKeyId"])
    check_not_leaving(key)
    if ctx.get(Alias, name):
        raise errors.alias_exists(_arn(ctx, name))
    ctx.put(Alias(name, key.id, ctx.now, ctx.now))


@operation(on=alias_and_target)
def update_alias(ctx: Context, req: dict[str, Any]) -> None:
    alias = _find_alias(ctx, _checked_name(req["AliasName"]))
    key = own_key(ctx, req["TargetKeyId"])
    check_not_leaving(key)
    current = ctx.get(Key, alias.key_id)
    if current is not None and (current.usage != key.usage or current.key_spec.is_secret != key.key_spec.is_secret):
        raise errors.alias_of_other_kind()
    ctx.put(replace(alias, key_id=key.id, updated=ctx.now))


@operation(on=alias_and_key)
def delete_alias(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find_alias(ctx, _checked_name(req["AliasName"])))


@operation()
def list_aliases(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Alias, key_id=own_key(ctx, req["KeyId"]).id) if req.get("KeyId") else ctx.where(Alias)
    return ctx.page(req, rows, lambda alias: _to_wire(ctx, alias), default=50, maximum=100, error=errors.invalid_marker())


def _to_wire(ctx: Context, alias: Alias) -> dict[str, Any]:
    return {
        "AliasName": alias.name,
        "AliasArn": _arn(ctx, alias.name),
        "TargetKeyId": alias.key_id,
        "CreationDate": alias.created,
        "LastUpdatedDate": alias.updated,
    }


def _find_alias(ctx: Context, name: str) -> Alias:
    found = ctx.get(Alias, name)
    if found is None:
        raise errors.alias_not_found(_arn(ctx, name))
    return found


def _checked_name(name: str) -> str:
    if not name.startswith("alias/") or name == "alias/":
        raise errors.invalid_alias_name()
    if not _NAME(name):
        raise errors.alias_characters(name)
    if name.startswith(aws_managed.PREFIX):
        raise errors.reserved_alias()
    return name
