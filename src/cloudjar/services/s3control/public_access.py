"""Block Public Access of a whole account."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3.access_points import AccountPublicAccess
from cloudjar.services.s3control import errors
from cloudjar.services.s3control.accounts import check_account


@operation()
def put_public_access_block(ctx: Context, req: dict[str, Any]) -> None:
    account, wanted = check_account(ctx, req), req["PublicAccessBlockConfiguration"]
    ctx.put(
        AccountPublicAccess(
            account,
            wanted.get("BlockPublicAcls", False),
            wanted.get("IgnorePublicAcls", False),
            wanted.get("BlockPublicPolicy", False),
            wanted.get("RestrictPublicBuckets", False),
        )
    )


@operation()
def get_public_access_block(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    account = check_account(ctx, req)
    found = ctx.get(AccountPublicAccess, account)
    if found is None:
        raise errors.no_public_access_block(account)
    return {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": found.block_acls,
            "IgnorePublicAcls": found.ignore_acls,
            "BlockPublicPolicy": found.block_policy,
            "RestrictPublicBuckets": found.restrict,
        }
    }


@operation()
def delete_public_access_block(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(AccountPublicAccess(check_account(ctx, req)))
