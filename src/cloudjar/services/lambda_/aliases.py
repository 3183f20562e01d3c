"""Aliases: names for versions, with weights where two share the calls."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version, check_revision, find_function, find_version
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner


@record("lambda.alias", key=("function", "name"))
class Alias(Record):
    """A name for a version of a function. Version 0 is $LATEST."""

    function: str
    name: str
    version: int
    revision: str
    description: str = ""
    weights: dict[str, float] = {}
    """Further versions, and the share of calls that each gets."""

    def choose(self, fraction: float) -> int:
        """The version that serves a call, for a fraction in [0, 1)."""
        for version, weight in self.weights.items():
            if fraction < weight:
                return int(version)
            fraction -= weight
        return self.version


def find_alias(ctx: Context, function: str, name: str) -> Alias:
    """The alias; ResourceNotFoundException if there is none."""
    found = ctx.get(Alias, function, name)
    if found is None:
        raise errors.alias_not_found(function_arn(ctx, function, name))
    return found


def _to_wire(ctx: Context, alias: Alias) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "AliasArn": function_arn(ctx, alias.function, alias.name),
        "Name": alias.name,
        "FunctionVersion": str(alias.version or "$LATEST"),
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        wire["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return wire


def _weights(ctx: Context, function: str, version: int, routing: dict[str, Any]) -> dict[str, float]:
    weights: dict[str, float] = routing.get("AdditionalVersionWeights") or {}
    if not weights:
        return {}
    if len(weights) > 1:
        raise errors.invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for name, weight in weights.items():
        if version == 0:
            raise errors.invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if not name.isdigit() or int(name) == version:
            raise errors.invalid(f"Invalid function version {name}. Function version {name} is already included in routing configuration.")
        find_version(ctx, function, name)
        if not 0.0 <= weight <= 1.0:
            raise errors.validation(weight, "routingConfig.additionalVersionWeights", "Member must have value between 0.0 and 1.0")
    return weights


def _version(ctx: Context, function: str, label: str) -> int:
    return find_version(ctx, function, label).number


@operation(on=on_function)
def create_alias(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    find_function(ctx, who.name)
    if ctx.get(Alias, who.name, req["Name"]):
        raise errors.alias_exists(function_arn(ctx, who.name, req["Name"]))
    version = _version(ctx, who.name, req["FunctionVersion"])
    weights = _weights(ctx, who.name, version, req.get("RoutingConfig") or {})
    return _to_wire(ctx, ctx.put(Alias(who.name, req["Name"], version, ctx.ids.uuid(), req.get("Description") or "", weights)))


@operation(on=on_function)
def get_alias(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    return _to_wire(ctx, find_alias(ctx, who.name, req["Name"]))


@operation(on=on_function)
def list_aliases(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)
    rows = ctx.where(Alias, function=who.name)
    wanted = req.get("FunctionVersion")
    if wanted:
        number = find_version(ctx, who.name, wanted).number
        rows = rows.filtered(lambda a: number == a.version or str(number) in a.weights)
    return ctx.page(req, rows, lambda a: _to_wire(ctx, a), default=50, maximum=50)


@operation(on=on_function)
def update_alias(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    from cloudjar.services.lambda_ import provisioned

    alias = find_alias(ctx, who.name, req["Name"])
    check_revision(req.get("RevisionId"), alias.revision)
    if req.get("FunctionVersion"):
        alias = replace(alias, version=_version(ctx, who.name, req["FunctionVersion"]))
    if req.get("Description") is not None:
        alias = replace(alias, description=req["Description"])
    if req.get("RoutingConfig") is not None:
        alias = replace(alias, weights=_weights(ctx, who.name, alias.version, req["RoutingConfig"]))
    elif str(alias.version) in alias.weights:
        alias = replace(alias, weights={})
    provisioned.moved(ctx, who.name, alias.name)
    return _to_wire(ctx, ctx.put(replace(alias, revision=ctx.ids.uuid())))


@operation(on=on_function)
def delete_alias(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.lambda_.policies import Policy

    ctx, who = owner(ctx, req), named(ctx, req)
    alias = ctx.get(Alias, who.name, req["Name"])
    if alias is None:
        return
    ctx.delete(alias)
    policy = ctx.get(Policy, who.name, req["Name"])
    if policy is not None:
        ctx.delete(policy)


def route(ctx: Context, function: str, qualifier: str) -> Version:
    """The version that serves one call."""
    alias = ctx.get(Alias, function, qualifier) if qualifier else None
    if alias is None or not alias.weights:
        return find_version(ctx, function, qualifier)
    fraction = int.from_bytes(ctx.ids.data(4), "big") / 2**32
    return find_version(ctx, function, str(alias.choose(fraction) or ""))
