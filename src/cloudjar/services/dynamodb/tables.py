"""Tables: create, describe, list, delete."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.dynamodb import encryption, errors, expiry, history, policies, storage, streams
from cloudjar.services.dynamodb import table_checks as checks
from cloudjar.services.dynamodb.schema import Table, check_new_name, named_table, on_table, place_of, table_arn
from cloudjar.services.dynamodb.table_wire import table_to_wire

PURGED_AT_ONCE = 2000
MOST_TABLES = 2500
"""In an account and Region."""


def next_number(ctx: Context) -> int:
    """A number for a new space of items."""
    return ctx.world.step(ctx._open(), "dynamodb.space")


@operation(on=on_table)
def create_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for member in ("GlobalTableSourceArn", "GlobalTableSettingsReplicationMode", "VectorIndexes"):
        if req.get(member):
            raise not_implemented("dynamodb", "CreateTable", member)
    ctx, name = place_of(ctx, req["TableName"])
    check_new_name(name)
    table = new_table(ctx, name, req)
    if ctx.get(Table, name) is not None:
        raise errors.table_exists(name)
    if ctx.where(Table).count() >= MOST_TABLES:
        raise errors.limit_exceeded(f"Subscriber limit exceeded: There is a limit of {MOST_TABLES} tables per subscriber")
    given_tags = tags.from_list(req.get("Tags"))
    tags.check(given_tags)
    if req.get("ResourcePolicy"):
        table = replace(table, policy=policies.checked(req["ResourcePolicy"]), policy_revision=policies.new_revision(ctx))
    table = streams.switched(ctx, table, req.get("StreamSpecification"))
    ctx.put(table)
    ctx.set_tags(table_arn(ctx, name), given_tags)
    # AWS takes some seconds; whoever waits polls far apart, so that here the table is ready for the first look.
    ctx.after(activate, name, table.number)
    return {"TableDescription": table_to_wire(ctx, table)}


def new_table(ctx: Context, name: str, req: dict[str, Any]) -> Table:
    """The table that a request with CreateTable's members asks for. Raises ValidationException."""
    types = checks.attribute_types(req.get("AttributeDefinitions"))
    hash_, range_ = checks.table_keys(req.get("KeySchema"), types)
    billing = req.get("BillingMode") or "PROVISIONED"
    read, write = checks.check_throughput(billing, req.get("ProvisionedThroughput"), "table")
    number = next_number(ctx)
    local, global_ = req.get("LocalSecondaryIndexes"), req.get("GlobalSecondaryIndexes")
    for member, given in (("LocalSecondaryIndexes", local), ("GlobalSecondaryIndexes", global_)):
        if given is not None and not given:
            raise errors.invalid_parameters(f"List of {member} is empty")
    indexes = [checks.local_index(given, hash_, range_, types, lambda: next_number(ctx)) for given in local or ()]
    indexes += [checks.global_index(given, billing, types, lambda: next_number(ctx), "CREATING") for given in global_ or ()]
    checks.check_indexes(indexes)
    used = [hash_, range_, *(key for index in indexes for key in index.key_names)]
    checks.check_used(types, used, indexed=bool(indexes))
    return Table(
        name,
        number,
        ctx.ids.uuid(),
        ctx.now,
        hash_,
        range_,
        types,
        billing=billing,
        on_demand_since=ctx.now if billing == "PAY_PER_REQUEST" else None,
        read_units=read,
        write_units=write,
        on_demand=checks.on_demand(billing, req.get("OnDemandThroughput"), {}),
        warm=checks.warm("table", billing, (read, write), req.get("WarmThroughput"), {}),
        indexes=indexes,
        table_class=req.get("TableClass") or "STANDARD",
        protected=bool(req.get("DeletionProtectionEnabled")),
        encryption=encryption.specified(ctx, name, req.get("SSESpecification")),
    )


@timer
def activate(ctx: Context, name: str, number: int) -> None:
    """A table's creation ends."""
    table = ctx.get(Table, name)
    if table is not None and table.number == number and table.status == "CREATING":
        indexes = [replace(index, status="ACTIVE") for index in table.indexes]
        ctx.put(replace(table, status="ACTIVE", indexes=indexes))


@operation(on=on_table)
def describe_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, table = named_table(ctx, req["TableName"])
    return {"Table": table_to_wire(there, table)}


@operation()
def list_tables(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Table)
    after = req.get("ExclusiveStartTableName")
    if after:
        rows = rows.starting(after).filtered(lambda table: table.name != after)
    limit = req.get("Limit") or 100
    names: list[str] = []
    answer: dict[str, Any] = {"TableNames": names}
    for table in rows:
        if len(names) == limit:
            answer["LastEvaluatedTableName"] = names[-1]
            break
        names.append(table.name)
    return answer


@operation(on=on_table)
def delete_table(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, table = named_table(ctx, req["TableName"])
    if table.status in ("CREATING", "UPDATING"):
        raise errors.table_in_use(table.name, table.status)
    if table.protected:
        raise errors.table_protected(table_arn(ctx, table.name))
    if table.status != "DELETING":
        table = ctx.put(replace(streams.switched(ctx, table, {"StreamEnabled": False}), status="DELETING"))
        ctx.after(finish_deletion, table.name, table.number)
        if table.replicas:
            ctx.emit("cloudjar.dynamodb", "Replica Removed", {"table": table.name, "replicas": table.replicas, "region": ctx.region})
    answer = table_to_wire(ctx, table)
    # AWS leaves these out of the description of a table that goes.
    for member in ("KeySchema", "AttributeDefinitions", "CreationDateTime"):
        answer.pop(member)
    return {"TableDescription": answer}


@timer
def finish_deletion(ctx: Context, name: str, number: int) -> None:
    """A table's deletion ends; its items go afterwards."""
    table = ctx.get(Table, name)
    if table is None or table.number != number:
        return
    ctx.delete(table)
    encryption.release(ctx, table)
    ctx.set_tags(table_arn(ctx, name), {})
    kept = table.recovery_since is not None
    if kept:
        from cloudjar.services.dynamodb.backups import keep_deleted

        keep_deleted(ctx, table)
    for space in [*([] if kept else [number]), *[index.number for index in table.indexes]]:
        storage.forget_totals(ctx, space)
        ctx.after(purge, space)
    if table.ttl:
        ctx.after(expiry.forget, number)
    if kept:
        ctx.after(history.drop, number)


@timer
def purge(ctx: Context, space: int) -> None:
    """Removes the items of a space that nothing names any more, some at a time."""
    if storage.clear(ctx, space, PURGED_AT_ONCE):
        ctx.after(purge, space)
