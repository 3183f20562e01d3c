"""Event buses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import bus_keys, errors, lists, partner_sources

DEFAULT = "default"
MOST_BUSES = 100


@record("events.bus", key="name")
class Bus(Record):
    """An event bus. The default one is everywhere, and is stored once it has settings of its own."""

    name: str
    created: datetime
    modified: datetime
    policy: str = ""
    description: str | None = None
    dead_letter_arn: str = ""
    kms_key: str = ""


def bus_arn(ctx: Context, name: str) -> str:
    """A bus's ARN; `name` may be one already."""
    return name if name.startswith("arn:") else ctx.arn("events", f"event-bus/{name}")


def on_bus(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return bus_arn(ctx, req.get("EventBusName") or req.get("Name") or DEFAULT)


def home_of(ctx: Context, name_or_arn: str | None) -> tuple[Context, str]:
    """The account and Region that a bus is in, and its name."""
    if not name_or_arn:
        return ctx, DEFAULT
    if not name_or_arn.startswith("arn:"):
        return ctx, name_or_arn
    parts = name_or_arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "events" or not parts[5].startswith("event-bus/"):
        raise errors.bad_parameter("EventBusName", "Provided Arn is not in correct format.")
    there = ctx if (parts[4], parts[3]) == (ctx.account, ctx.region) else ctx.at(account=parts[4], region=parts[3])
    return there, parts[5].removeprefix("event-bus/")


def find_bus(ctx: Context, name_or_arn: str | None) -> tuple[Context, Bus]:
    """The bus, and where it is; ResourceNotFoundException if there is none."""
    there, name = home_of(ctx, name_or_arn)
    found = get_bus(there, name)
    if found is None:
        raise errors.bus_not_found(name)
    return there, found


def get_bus(ctx: Context, name: str) -> Bus | None:
    """The bus of that name in this account and Region; the default one always is."""
    found = ctx.get(Bus, name)
    return Bus(DEFAULT, ctx.now, ctx.now) if found is None and name == DEFAULT else found


def check_supported(operation_name: str, req: dict[str, Any]) -> None:
    """Refuses what a bus cannot have here."""
    if (req.get("LogConfig") or {}).get("Level", "OFF") != "OFF":
        raise not_implemented("events", operation_name, "LogConfig")


@operation(on=on_bus)
def create_event_bus(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Name"]
    source = req.get("EventSourceName")
    if source and source != name:
        raise errors.invalid("The name of a partner event bus must be the name of its event source.")
    if "/" in name and not source:
        raise errors.invalid("Event bus name must not contain '/'.")
    check_supported("CreateEventBus", req)
    if get_bus(ctx, name):
        raise errors.bus_exists(name)
    if ctx.where(Bus).count() >= MOST_BUSES:
        raise errors.limit_exceeded("The requested resource exceeds the maximum number allowed.")
    given = tags.from_list(req.get("Tags"))
    tags.check(given)
    dead_letter = (req.get("DeadLetterConfig") or {}).get("Arn", "")
    if source:
        partner_sources.connect(ctx, source)
    key = bus_keys.chosen(ctx, req.get("KmsKeyIdentifier") or "")
    bus = ctx.put(Bus(name, ctx.now, ctx.now, "", req.get("Description"), dead_letter, key))
    ctx.set_tags(bus_arn(ctx, name), given)
    return _settings(bus) | {"EventBusArn": bus_arn(ctx, name)}


@operation(on=on_bus)
def update_event_bus(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    check_supported("UpdateEventBus", req)
    there, bus = find_bus(ctx, req.get("Name"))
    changes: dict[str, Any] = {"modified": ctx.now}
    if "Description" in req:
        changes["description"] = req["Description"]
    if "DeadLetterConfig" in req:
        changes["dead_letter_arn"] = req["DeadLetterConfig"].get("Arn", "")
    if "KmsKeyIdentifier" in req:
        changes["kms_key"] = bus_keys.chosen(ctx, req["KmsKeyIdentifier"])
    bus = there.put(replace(bus, **changes))
    return _settings(bus) | {"Name": bus.name, "Arn": bus_arn(there, bus.name)}


@operation(on=on_bus)
def delete_event_bus(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.events.rules import Rule

    there, name = home_of(ctx, req["Name"])
    if name == DEFAULT:
        raise errors.default_bus_stays()
    bus = there.get(Bus, name)
    if bus is None:
        return
    if there.where(Rule, bus=name).first():
        raise errors.invalid("Event bus can't be deleted since it has rules.")
    there.delete(bus)
    partner_sources.disconnect(there, name)
    there.set_tags(bus_arn(there, name), {})


@operation(on=on_bus)
def describe_event_bus(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    there, bus = find_bus(ctx, req.get("Name"))
    return bus_to_wire(there, bus) | _settings(bus)


@operation()
def list_event_buses(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    prefix = req.get("NamePrefix")
    answer = lists.page(req, "EventBuses", lists.named(ctx.where(Bus), prefix), lambda bus: bus_to_wire(ctx, bus))
    if not req.get("NextToken") and DEFAULT.startswith(prefix or "") and ctx.get(Bus, DEFAULT) is None:
        answer["EventBuses"].append(bus_to_wire(ctx, Bus(DEFAULT, ctx.now, ctx.now)))
        answer["EventBuses"].sort(key=lambda bus: bus["Name"])
    return answer


def bus_to_wire(ctx: Context, bus: Bus) -> dict[str, Any]:
    wire: dict[str, Any] = {"Name": bus.name, "Arn": bus_arn(ctx, bus.name), "CreationTime": bus.created, "LastModifiedTime": bus.modified}
    if bus.policy:
        wire["Policy"] = bus.policy
    if bus.description:
        wire["Description"] = bus.description
    return wire


def _settings(bus: Bus) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if bus.description:
        wire["Description"] = bus.description
    if bus.kms_key:
        wire["KmsKeyIdentifier"] = bus.kms_key
    if bus.dead_letter_arn:
        wire["DeadLetterConfig"] = {"Arn": bus.dead_letter_arn}
    return wire
