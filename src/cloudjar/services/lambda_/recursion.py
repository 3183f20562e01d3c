"""Recursive loops: functions that call themselves, directly or through each other, are stopped after so many rounds.

The trace header carries the lineage, as SDKs within a function pass it on: `Root=...;Lineage=FUNCTION:COUNT`.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_.functions import Function, find_function
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner

ROUNDS = 16
"""How often one chain of requests may reach the same function."""
_LINEAGE = re.compile(r";?Lineage=([0-9a-f:|]*)")


@operation(on=on_function)
def get_function_recursion_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    return {"RecursiveLoop": find_function(ctx, who.name).recursive_loop}


@operation(on=on_function)
def put_function_recursion_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    ctx.put(replace(find_function(ctx, who.name), recursive_loop=req["RecursiveLoop"]))
    return {"RecursiveLoop": req["RecursiveLoop"]}


def furthest(ctx: Context, traces: Sequence[str], function: Function) -> str:
    """Of the trace headers that messages carried, the one of the longest chain through a function; "" if there is none."""
    mine = _id(ctx, function)
    return max(traces, key=lambda trace: _counts(trace).get(mine, 0), default="")


def lengthened(ctx: Context, trace: str, function: Function) -> str | None:
    """The trace header with one more round of a function; None for one round too many, where the function does not allow it."""
    mine, counts = _id(ctx, function), _counts(trace)
    counts[mine] = counts.get(mine, 0) + 1
    if counts[mine] > ROUNDS and function.recursive_loop != "Allow":
        return None
    lineage = "|".join(f"{name}:{count}" for name, count in list(counts.items())[-8:])
    return f"{_LINEAGE.sub('', trace)};Lineage={lineage}"


def _id(ctx: Context, function: Function) -> str:
    return hashlib.sha256(function_arn(ctx, function.name).encode()).hexdigest()[:8]


def _counts(trace: str) -> dict[str, int]:
    match = _LINEAGE.search(trace)
    counts: dict[str, int] = {}
    for part in (match[1] if match else "").split("|"):
        name, _, count = part.partition(":")
        if name and count.isdecimal() and len(count) < 6:
            counts[name] = int(count)
    return counts
