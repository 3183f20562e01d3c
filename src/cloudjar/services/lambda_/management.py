"""Runtime updates, which stay at their default."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.lambda_.functions import find_version
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner


@operation(on=on_function)
def get_runtime_management_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    version = find_version(ctx, who.name, who.qualifier)
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": function_arn(ctx, who.name, who.qualifier or version.label)}


@operation(on=on_function)
def put_runtime_management_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req["UpdateRuntimeOn"] != "Auto":
        raise not_implemented("lambda", "PutRuntimeManagementConfig", "the interpreters are this machine's own, and so are their updates")
    return get_runtime_management_config(ctx, req)
