"""How callers name a function: by name, partial ARN or ARN, with or without a version or alias."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from cloudjar.kernel.context import Context
from cloudjar.services.lambda_ import errors

LATEST = "$LATEST"
_FUNCTION = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
_LONGEST = 64


class Named(Struct, frozen=True):
    """What a request calls a function."""

    name: str
    qualifier: str
    """A version, an alias, or "" where the caller gave none."""


def named(ctx: Context, req: dict[str, Any]) -> Named:
    """The function that a request names, by FunctionName and Qualifier."""
    text = req["FunctionName"]
    match = _FUNCTION.fullmatch(text)
    if match is None:
        raise errors.validation(text, "functionName", "Member must satisfy regular expression pattern: " + _FUNCTION.pattern)
    name, inner = match["name"], match["qualifier"] or ""
    if len(name) > _LONGEST:
        raise errors.validation(name, "functionName", f"Member must have length less than or equal to {_LONGEST}")
    if match["region"] and match["region"] != ctx.region:
        raise errors.other_region(match["region"], ctx.region)
    qualifier = req.get("Qualifier") or ""
    if inner and qualifier and inner != qualifier:
        raise errors.invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return Named(name, qualifier or inner)


def version_number(text: str) -> int | None:
    """The number in a version's qualifier; None for what is no version's, also because no version ever has so many digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def owner(ctx: Context, req: dict[str, Any]) -> Context:
    """The context of the account that an ARN in FunctionName names; this one for a bare name."""
    match = _FUNCTION.fullmatch(req["FunctionName"])
    if match and match["account"] and match["account"] != ctx.account:
        return ctx.at(account=match["account"])
    return ctx


def function_arn(ctx: Context, name: str, qualifier: str = "") -> str:
    """A function's ARN, or that of a version or alias."""
    return ctx.arn("lambda", f"function:{name}:{qualifier}" if qualifier else f"function:{name}")


def on_function(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that IAM is asked about."""
    who = named(ctx, req)
    return function_arn(owner(ctx, req), who.name, who.qualifier)
