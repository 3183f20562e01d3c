"""Who am I?"""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation


@operation()  # Nobody can be denied this one.
def get_caller_identity(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    caller = ctx.principal
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
