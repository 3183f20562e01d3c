"""What CreateTable and UpdateTable refuse, and the indexes and throughput that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import Index

MOST_UNITS = 40_000
"""Read, and write, capacity units of a table or index."""
MOST_LOCAL = 5
MOST_GLOBAL = 20
MOST_INCLUDED = 100
MOST_KEYS = 4
"""Hash attributes, and range attributes, of a global index."""


def attribute_types(definitions: list[dict[str, str]] | None) -> dict[str, str]:
    """AttributeDefinitions as name -> type."""
    types: dict[str, str] = {}
    for definition in definitions or ():
        name = definition["AttributeName"]
        if name in types:
            raise errors.invalid_parameters(f"Cannot have two attributes with the same name: {name}")
        types[name] = definition["AttributeType"]
    return types


def table_keys(schema: list[dict[str, str]] | None, types: dict[str, str]) -> tuple[str, str]:
    """The hash and range attribute ("" for none) of a table's KeySchema."""
    if not schema:
        raise errors.invalid_parameters("KeySchema must not be empty")
    if len(schema) > 2:
        raise errors.too_many_keys(schema)
    if schema[0]["KeyType"] != "HASH":
        raise errors.invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2 and schema[1]["KeyType"] != "RANGE":
        raise errors.invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    names = [element["AttributeName"] for element in schema]
    if len(set(names)) != len(names):
        raise errors.invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    check_defined(names, types)
    return names[0], names[1] if len(names) == 2 else ""


def check_defined(names: list[str], types: dict[str, str]) -> None:
    """Keys must be among the AttributeDefinitions."""
    if any(name not in types for name in names):
        raise errors.invalid_parameters(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )


def check_used(types: dict[str, str], used: list[str], *, indexed: bool) -> None:
    """AttributeDefinitions must all be keys."""
    if all(name in used for name in types):
        return
    if not indexed:
        raise errors.invalid_parameters(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"
        )
    raise errors.invalid_parameters(
        f"Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(types)}], keys used: [{', '.join(dict.fromkeys(used))}]"
    )


def check_throughput(billing: str, given: dict[str, int] | None, what: str) -> tuple[int, int]:
    """Read and write units, which go with PROVISIONED and only with it."""
    if billing == "PAY_PER_REQUEST":
        if given:
            raise errors.invalid_parameters(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
        return 0, 0
    if not given:
        if what == "table":
            raise errors.invalid_parameters(
                "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
            )
        raise errors.invalid_parameters(f"ProvisionedThroughput must be specified for index: {what}")
    for member, units in given.items():
        if units > MOST_UNITS:
            raise errors.capacity_limit(member, MOST_UNITS)
    return given["ReadCapacityUnits"], given["WriteCapacityUnits"]


def on_demand(billing: str, given: dict[str, int] | None, before: dict[str, int]) -> dict[str, int]:
    """The most that a table or index on demand may take, -1 for no limit."""
    if not given:
        return before
    if billing != "PAY_PER_REQUEST":
        raise errors.invalid_parameters("OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
    for member, units in given.items():
        if units < 1 and units != -1:
            raise errors.invalid_parameters(f"{member} must be at least 1, or -1 for no limit")
    return {**before, **given}


def warm_of(billing: str, units: tuple[int, int], warm: dict[str, int]) -> dict[str, int]:
    """What a table or index can take at once: at the least what it is provisioned for. Source: "Warm throughput", Developer Guide."""
    read, write = (12_000, 4_000) if billing == "PAY_PER_REQUEST" else units
    return {
        "ReadUnitsPerSecond": max(read, warm.get("ReadUnitsPerSecond", 0)),
        "WriteUnitsPerSecond": max(write, warm.get("WriteUnitsPerSecond", 0)),
    }


def warm(what: str, billing: str, units: tuple[int, int], given: dict[str, int] | None, before: dict[str, int]) -> dict[str, int]:
    """WarmThroughput as it is asked for, which is never less than it was."""
    if not given:
        return before
    now = warm_of(billing, units, before)
    for member, wanted in given.items():
        if wanted < now[member]:
            raise errors.lower_warm_throughput(member, what)
    return {**before, **given}


def projection(given: dict[str, Any]) -> tuple[str, list[str]]:
    """A projection's type and what it includes."""
    kind, included = given.get("ProjectionType"), given.get("NonKeyAttributes")
    if kind is None:
        raise errors.invalid_parameters("Unknown ProjectionType: null")
    if kind != "INCLUDE" and included is not None:
        raise errors.invalid_parameters(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not included:
        raise errors.invalid_parameters("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    return kind, list(included or ())


def local_index(given: dict[str, Any], hash_: str, range_: str, types: dict[str, str], next_number: Callable[[], int]) -> Index:
    """A local secondary index as it is asked for."""
    name, schema = given["IndexName"], given["KeySchema"]
    hashes, ranges = index_keys(name, schema, types)
    if not range_:
        raise errors.invalid_parameters(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    if hashes != [hash_]:
        raise errors.invalid_parameters(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {', '.join(hashes)}, table hash key: {hash_}"
        )
    if not ranges:
        raise errors.invalid_parameters(f"Index KeySchema does not have a range key for index: {name}")
    kind, included = projection(given["Projection"])
    return Index(name, next_number(), hashes, ranges, kind, included, local=True)


def global_index(given: dict[str, Any], billing: str, types: dict[str, str], next_number: Callable[[], int], status: str) -> Index:
    """A global secondary index as it is asked for."""
    name = given["IndexName"]
    hashes, ranges = index_keys(name, given["KeySchema"], types)
    kind, included = projection(given["Projection"])
    read, write = check_throughput(billing, given.get("ProvisionedThroughput"), name)
    return Index(
        name,
        next_number(),
        hashes,
        ranges,
        kind,
        included,
        status=status,
        read_units=read,
        write_units=write,
        on_demand=on_demand(billing, given.get("OnDemandThroughput"), {}),
        warm=warm(f"index {name}", billing, (read, write), given.get("WarmThroughput"), {}),
    )


def index_keys(name: str, schema: list[dict[str, str]], types: dict[str, str]) -> tuple[list[str], list[str]]:
    """The hash and range attributes of an index's KeySchema."""
    kinds = [element["KeyType"] for element in schema]
    names = [element["AttributeName"] for element in schema]
    if kinds[0] != "HASH":
        raise errors.invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds != sorted(kinds):
        raise errors.invalid("Invalid KeySchema: HASH key elements must come before RANGE key elements")
    if max(kinds.count("HASH"), kinds.count("RANGE")) > MOST_KEYS:
        raise errors.invalid_parameters(f"Index KeySchema has more than {MOST_KEYS} elements of one key type for index: {name}")
    if len(set(names)) != len(names):
        raise errors.invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    check_defined(names, types)
    return names[: kinds.count("HASH")], names[kinds.count("HASH") :]


def check_indexes(indexes: list[Index]) -> None:
    """How many indexes there may be, and that their names differ."""
    names = [index.name for index in indexes]
    for name in names:
        if names.count(name) > 1:
            raise errors.invalid_parameters(f"Duplicate index name: {name}")
    if sum(index.local for index in indexes) > MOST_LOCAL:
        raise errors.invalid_parameters(f"Number of LocalSecondaryIndexes exceeds per-table limit of {MOST_LOCAL}")
    if sum(not index.local for index in indexes) > MOST_GLOBAL:
        raise errors.invalid_parameters(f"GlobalSecondaryIndex count exceeds the per-table limit of {MOST_GLOBAL}")
    if sum(len(index.included) for index in indexes) > MOST_INCLUDED:
        raise errors.invalid_parameters(f"Number of NonKeyAttributes in all indexes exceeds the per-table limit of {MOST_INCLUDED}")
