"""Names of parameters: their rules, and what callers hang on them.

Source: "Requirements and constraints for parameter names", AWS Systems Manager User Guide.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.services.ssm import errors
from cloudjar.services.ssm.records import Parameter, parameter_arn

LONGEST = 1011
"""Characters of a name together with the ARN before it."""
DEEPEST = 15

_NAME = re.compile(r"[A-Za-z0-9_.\-/]+").fullmatch
_PATH = re.compile(r"/[A-Za-z0-9_.\-/]*").fullmatch


class Reference(NamedTuple):
    """A name as callers give it: with a version or label behind it, or as an ARN."""

    name: str
    selector: str = ""
    """ "3" or "prod"; "" for the latest version."""
    account: str = ""
    """The account that an ARN names; "" for the caller's own."""


def parse(text: str) -> Reference:
    """The parts of `name`, `name:3`, `name:label` or an ARN with either."""
    text = text.strip()
    if text.startswith("arn:"):
        parts = text.split(":", 6)
        if len(parts) < 6 or parts[2] != "ssm" or not parts[5].startswith("parameter/"):
            raise errors.parameter_not_found()
        path = parts[5].removeprefix("parameter/")
        # An ARN does not tell "a" from "/a"; only paths hold a slash.
        name = f"/{path}" if "/" in path else path
        return Reference(name, parts[6] if len(parts) == 7 else "", parts[4])
    name, _, selector = text.partition(":")
    return Reference(name, selector)


def home(ctx: Context, reference: Reference) -> Context:
    """The context of the account that a parameter is in."""
    return ctx if reference.account in ("", ctx.account) else ctx.at(account=reference.account)


def lookup(ctx: Context, reference: Reference) -> Parameter | None:
    """The parameter that is meant, in its own account; None if there is none."""
    there = home(ctx, reference)
    found = there.get(Parameter, reference.name)
    if found is None and reference.account and "/" not in reference.name:
        return there.get(Parameter, f"/{reference.name}")
    return found


def reference_arn(ctx: Context, text: str) -> str:
    """The ARN of what a caller names, without version or label."""
    reference = parse(text)
    return parameter_arn(home(ctx, reference), reference.name)


def check_new(ctx: Context, name: str) -> None:
    """AWS's rules for the name of a parameter that is put."""
    if ":" in name or not _NAME(name) or "//" in name or name.endswith("/"):
        raise errors.bad_name("ssm")
    first = name.removeprefix("/").lower()
    if first.startswith("aws"):
        # A path of AWS's own is a matter of permission; a plain name is one of form.
        raise errors.reserved_name(name) if name.startswith("/") else errors.bad_name("aws")
    if first.startswith("ssm"):
        raise errors.bad_name("ssm")
    if "/" in name and not name.startswith("/"):
        raise errors.not_qualified()
    if name.count("/") > DEEPEST:
        raise errors.too_deep()
    if len(parameter_arn(ctx, name)) > LONGEST:
        raise errors.name_too_long(LONGEST)


def check_path(path: str) -> None:
    """The rules for the path of GetParametersByPath."""
    if not _PATH(path) or "//" in path:
        raise errors.bad_path()
    if path.count("/") > DEEPEST:
        raise errors.too_deep()


# What IAM is asked about


def named(ctx: Context, req: dict[str, Any]) -> str:
    """One parameter."""
    return reference_arn(ctx, req["Name"])


def all_named(ctx: Context, req: dict[str, Any]) -> list[str]:
    """Several parameters."""
    return [reference_arn(ctx, name) for name in req["Names"]]


def under_path(ctx: Context, req: dict[str, Any]) -> str:
    """A path. AWS leaves the slash at its end out."""
    return parameter_arn(ctx, req["Path"].rstrip("/"))


def tagged(ctx: Context, req: dict[str, Any]) -> str:
    """What tags are put on."""
    return parameter_arn(ctx, req["ResourceId"]) if req["ResourceType"] == "Parameter" else "*"
