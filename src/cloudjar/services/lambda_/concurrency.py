"""Reserved concurrency: how many invocations of a function may run at once."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Function, find_function
from cloudjar.services.lambda_.names import named, on_function, owner

ACCOUNT_LIMIT = 1000
_UNRESERVED_MINIMUM = 100


def reserved_in_account(ctx: Context, but: str = "") -> int:
    """What all functions but one reserve together."""
    return sum(f.reserved_concurrency or 0 for f in ctx.where(Function) if f.name != but)


@operation(on=on_function)
def put_function_concurrency(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    function = find_function(ctx, who.name)
    wanted = req["ReservedConcurrentExecutions"]
    if reserved_in_account(ctx, who.name) + wanted > ACCOUNT_LIMIT - _UNRESERVED_MINIMUM:
        raise errors.invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum "
            f"value of [{_UNRESERVED_MINIMUM}]."
        )
    ctx.put(replace(function, reserved_concurrency=wanted))
    return {"ReservedConcurrentExecutions": wanted}


@operation(on=on_function)
def get_function_concurrency(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    reserved = find_function(ctx, who.name).reserved_concurrency
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@operation(on=on_function)
def delete_function_concurrency(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = owner(ctx, req), named(ctx, req)
    ctx.put(replace(find_function(ctx, who.name), reserved_concurrency=None))
