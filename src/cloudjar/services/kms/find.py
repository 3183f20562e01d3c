"""From the names that callers give keys (ids, ARNs, aliases) to keys; and the checks that come before using one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.kms import aws_managed, errors
from cloudjar.services.kms.alias_record import Alias
from cloudjar.services.kms.grant_record import check_tokens
from cloudjar.services.kms.records import Key, home

KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})").fullmatch


def find_key(ctx: Context, identifier: str) -> Key:
    """The key that an id, an ARN, an alias or an alias's ARN means, in this account or another's; NotFoundException."""
    account, resource = _take_apart(ctx, identifier)
    if resource.startswith("alias/"):
        return _by_alias(ctx, account, resource)
    return _by_id(ctx, account, resource.removeprefix("key/"), identifier)


def named_key(ctx: Context, identifier: str) -> Key:
    """The key of an id or a key ARN, in this account or another's; aliases are refused."""
    account, resource = _take_apart(ctx, identifier)
    if resource.startswith("alias/"):
        raise errors.invalid_key_id(identifier)
    return _by_id(ctx, account, resource.removeprefix("key/"), identifier)


def own_key(ctx: Context, identifier: str) -> Key:
    """The key of an id or a key ARN, in this account: for what cannot be done to another account's."""
    key = named_key(ctx, identifier)
    if key.account != ctx.account:
        raise errors.access_denied(ctx.principal, f"kms:{ctx.call_info.operation}", key.arn)
    return key


def _take_apart(ctx: Context, identifier: str) -> tuple[str, str]:
    if not identifier.startswith("arn:"):
        return ctx.account, identifier
    parts = identifier.split(":", 5)
    if len(parts) != 6 or parts[2] != "kms" or not parts[5].startswith(("key/", "alias/")):
        raise errors.invalid_arn(identifier)
    if parts[3] != ctx.region:
        raise errors.invalid_arn(parts[3])
    return parts[4], parts[5]


def _by_id(ctx: Context, account: str, key_id: str, identifier: str) -> Key:
    if not KEY_ID(key_id):
        raise errors.invalid_key_id(identifier)
    there = ctx if account == ctx.account else ctx.at(account=account)
    found = there.get(Key, key_id)
    if found is None:
        arn = there.arn("kms", f"key/{key_id}")
        if account != ctx.account:
            raise errors.access_denied(ctx.principal, f"kms:{ctx.call_info.operation}", arn)
        raise errors.key_not_found(arn)
    return found


def _by_alias(ctx: Context, account: str, name: str) -> Key:
    there = ctx if account == ctx.account else ctx.at(account=account)
    alias = there.get(Alias, name)
    if alias is None and account == ctx.account:
        alias = aws_managed.alias_on_demand(ctx, name)
    key = there.get(Key, alias.key_id) if alias else None
    if key is None:
        raise errors.alias_not_found(there.arn("kms", name))
    return key


# What IAM is asked about


def used_key(ctx: Context, req: dict[str, Any]) -> str:
    """The key of an operation that takes any name for it."""
    return find_key(ctx, req["KeyId"]).arn


def managed_key(ctx: Context, req: dict[str, Any]) -> str:
    """The key of an operation that takes ids and key ARNs, of this account."""
    return own_key(ctx, req["KeyId"]).arn


def granted_key(ctx: Context, req: dict[str, Any]) -> str:
    """The key of an operation that takes ids and key ARNs, of any account."""
    return named_key(ctx, req["KeyId"]).arn


# Whether it may be used


def check_enabled(key: Key) -> None:
    """DisabledException or KMSInvalidStateException unless the key works."""
    if key.state == "Disabled":
        raise errors.disabled(key.arn)
    if key.state != "Enabled":
        raise errors.wrong_state(key.arn, key.state)


def check_not_leaving(key: Key) -> None:
    """KMSInvalidStateException if the key is going to be deleted."""
    if key.state in ("PendingDeletion", "PendingReplicaDeletion"):
        raise errors.wrong_state(key.arn, key.state)


def key_for(ctx: Context, req: dict[str, Any], usage: str, member: str = "KeyId") -> Key:
    """The key of a cryptographic operation: found, enabled, and meant for this."""
    key = find_key(ctx, req[member])
    check_use(ctx, key, req, usage)
    return key


def check_use(ctx: Context, key: Key, req: dict[str, Any], usage: str) -> None:
    """The checks of every cryptographic operation, in AWS's order."""
    if req.get("GrantTokens"):
        check_tokens(home(ctx, key), req["GrantTokens"])
    check_enabled(key)
    if key.usage != usage:
        raise errors.wrong_usage(key.arn, key.usage, ctx.call_info.operation)


def check_algorithm(key: Key, algorithm: str, allowed: Callable[[Any], tuple[str, ...]]) -> None:
    """InvalidKeyUsageException unless the key's spec has the algorithm."""
    if algorithm not in allowed(key.key_spec):
        raise errors.wrong_algorithm(algorithm, key.spec)


def check_dry_run(req: dict[str, Any]) -> None:
    """A dry run ends here: everything but the work is done."""
    if req.get("DryRun"):
        raise errors.dry_run()
