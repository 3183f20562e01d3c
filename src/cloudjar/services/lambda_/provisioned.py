"""Provisioned concurrency: environments that are initialised before anybody calls, and kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import errors, tenancy
from cloudjar.services.lambda_.concurrency import ACCOUNT_LIMIT, reserved_in_account
from cloudjar.services.lambda_.functions import aws_time, find_function, find_version
from cloudjar.services.lambda_.names import LATEST, function_arn, named, on_function, owner
from cloudjar.services.lambda_.pool import Pool

if TYPE_CHECKING:
    from cloudjar.kernel.world import World


@record("lambda.provisioned", key=("function", "qualifier"))
class ProvisionedConfig(Record):
    """How many environments of a version, or of what an alias points to, are kept ready."""

    function: str
    qualifier: str
    requested: int
    modified: datetime
    allocated: int = 0
    status: str = "IN_PROGRESS"
    reason: str = ""


class Restorer:
    """Brings back, once after a jar's start, what its worlds' functions had provisioned."""

    def __init__(self, world: World) -> None:
        self._seen: set[tuple[str, str]] = set()

    def restore(self, ctx: Context) -> None:
        """In the first call of an account and Region; within a transaction."""
        place = (ctx.account, ctx.region)
        if place not in self._seen:
            self._seen.add(place)
            for config in list(ctx.where(ProvisionedConfig)):
                ctx.effect(allocate, config.function, config.qualifier)


def _to_wire(config: ProvisionedConfig) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": config.allocated,
        "AllocatedProvisionedConcurrentExecutions": config.allocated,
        "Status": config.status,
        "LastModified": aws_time(config.modified),
    }
    if config.reason:
        wire["StatusReason"] = config.reason
    return wire


def _find(ctx: Context, function: str, qualifier: str) -> ProvisionedConfig:
    found = ctx.get(ProvisionedConfig, function, qualifier)
    if found is None:
        raise AwsError(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
            members={"Type": "User"},
        )
    return found


@operation(on=on_function)
def put_provisioned_concurrency_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    if who.qualifier in ("", LATEST):
        raise errors.invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    function = find_function(ctx, who.name)
    version = find_version(ctx, who.name, who.qualifier)
    if not version.number:
        raise errors.invalid("Alias with weights can not be used with Provisioned Concurrency")
    tenancy.refuse(ctx, who.name, "Provisioned Concurrency")
    if version.has_snapshot:
        raise errors.invalid("Provisioned Concurrency is not supported for SnapStart enabled functions.")
    wanted = req["ProvisionedConcurrentExecutions"]
    others = sum(c.requested for c in ctx.where(ProvisionedConfig, function=who.name) if c.qualifier != who.qualifier)
    if function.reserved_concurrency is not None and wanted + others > function.reserved_concurrency:
        raise errors.invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
    if function.reserved_concurrency is None and wanted + others > ACCOUNT_LIMIT - reserved_in_account(ctx):
        raise errors.invalid("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency")
    config = ctx.put(ProvisionedConfig(who.name, who.qualifier, wanted, ctx.now))
    ctx.effect(allocate, who.name, who.qualifier)
    return _to_wire(config)


@operation(on=on_function)
def get_provisioned_concurrency_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_version(ctx, who.name, who.qualifier)
    return _to_wire(_find(ctx, who.name, who.qualifier))


@operation(on=on_function)
def delete_provisioned_concurrency_config(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)
    config = ctx.get(ProvisionedConfig, who.name, who.qualifier)
    if config is not None:
        ctx.delete(config)
        ctx.effect(allocate, who.name, who.qualifier)


@operation(on=on_function)
def list_provisioned_concurrency_configs(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)
    rows = ctx.where(ProvisionedConfig, function=who.name)
    return ctx.page(req, rows, lambda c: {"FunctionArn": function_arn(ctx, c.function, c.qualifier), **_to_wire(c)}, default=50, maximum=50)


def moved(ctx: Context, function: str, alias: str) -> None:
    """An alias may point to another version now."""
    config = ctx.get(ProvisionedConfig, function, alias)
    if config is not None:
        ctx.put(replace(config, status="IN_PROGRESS", allocated=0, modified=ctx.now))
        ctx.effect(allocate, function, alias)


def forget(ctx: Context, function: str) -> None:
    """The function is gone."""
    for config in list(ctx.where(ProvisionedConfig, function=function)):
        ctx.delete(config)
    ctx.effect(allocate, function, "")


@effect
async def allocate(ctx: Context, function: str, qualifier: str) -> None:
    """Has as many environments as all configurations of a function want, each for its version."""
    pool = ctx.world.part(Pool)
    wanted: dict[int, int] = {}
    with ctx.transaction():
        configs = list(ctx.where(ProvisionedConfig, function=function))
        versions = {}
        for config in configs:
            try:
                version = find_version(ctx, function, config.qualifier)
            except AwsError:
                continue
            wanted[version.number] = wanted.get(version.number, 0) + config.requested
            versions[version.number] = version
    pool.unprovision(ctx, function, set(wanted))
    for number, version in versions.items():
        reason = ""
        try:
            problem = await pool.provision(ctx, version, wanted[number])
            if problem is not None:
                reason = "FUNCTION_ERROR_INIT_FAILURE"
        except AwsError as error:
            reason = error.message
        with ctx.transaction():
            for config in list(ctx.where(ProvisionedConfig, function=function)):
                if find_version(ctx, function, config.qualifier).number == number:
                    status, allocated = ("FAILED", 0) if reason else ("READY", config.requested)
                    ctx.put(replace(config, status=status, allocated=allocated, reason=reason))
