"""What the account may use of Lambda, and what it uses."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.lambda_.code import ZIPPED_LIMIT
from cloudjar.services.lambda_.concurrency import ACCOUNT_LIMIT, reserved_in_account
from cloudjar.services.lambda_.deploy import UNZIPPED_LIMIT
from cloudjar.services.lambda_.functions import Function, Version
from cloudjar.services.lambda_.layers import LayerVersion

CODE_STORAGE = 80_530_636_800


@operation()
def get_account_settings(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    used = sum(v.code.size for v in ctx.where(Version)) + sum(v.code.size for v in ctx.where(LayerVersion))
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE,
            "CodeSizeUnzipped": UNZIPPED_LIMIT,
            "CodeSizeZipped": ZIPPED_LIMIT,
            "ConcurrentExecutions": ACCOUNT_LIMIT,
            "UnreservedConcurrentExecutions": ACCOUNT_LIMIT - reserved_in_account(ctx),
        },
        "AccountUsage": {"TotalCodeSize": used, "FunctionCount": ctx.where(Function).count()},
    }
