"""Global endpoints: one way in to the buses of two Regions. Events go to the primary one, and are replicated to the other.

Source: "Making applications Regional-fault tolerant with global endpoints and event replication" in the user guide.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.input_template import dump
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import errors
from cloudjar.services.events.buses import bus_arn, get_bus

MOST_ENDPOINTS = 100
_ARRIVED = {"CREATING": "ACTIVE", "UPDATING": "ACTIVE"}


@record("events.endpoint", key=("account", "region", "name"), indexes={"id": "id"}, scope="world")
class Endpoint(Record):
    """A global endpoint; `settings` are its members as the API has them, `region` is its primary Region."""

    account: str
    region: str
    name: str
    id: str
    settings: dict[str, Any]
    state: str
    created: datetime
    modified: datetime

    @property
    def bus(self) -> str:
        """The name of its bus, which is the same in both Regions."""
        return str(self.settings["EventBuses"][0]["EventBusArn"].split("/", 1)[1])

    @property
    def secondary(self) -> str:
        return str(self.settings["RoutingConfig"]["FailoverConfig"]["Secondary"]["Route"])

    @property
    def replicates(self) -> bool:
        return bool(self.settings["ReplicationConfig"]["State"] == "ENABLED")


def endpoint_arn(ctx: Context, name: str) -> str:
    """An endpoint's ARN."""
    return ctx.arn("events", f"endpoint/{name}")


def on_endpoint(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return endpoint_arn(ctx, req.get("Name") or "*")


def find_endpoint(ctx: Context, name: str, region: str | None = None) -> Endpoint:
    """The endpoint of that name in its primary Region; ResourceNotFoundException."""
    found = ctx.get(Endpoint, ctx.account, region or ctx.region, name)
    if found is None:
        raise errors.endpoint_not_found(name)
    return found


def by_id(ctx: Context, endpoint_id: str) -> Endpoint:
    """The endpoint that PutEvents names."""
    found = ctx.where(Endpoint, id=endpoint_id).first()
    if found is None:
        raise errors.invalid(f"EndpointId {endpoint_id} is not valid.")
    return found


def _checked(ctx: Context, settings: dict[str, Any]) -> dict[str, Any]:
    """The members of an endpoint. Raises ValidationException."""
    settings = {**settings, "ReplicationConfig": {"State": (settings.get("ReplicationConfig") or {}).get("State") or "ENABLED"}}
    secondary = settings["RoutingConfig"]["FailoverConfig"]["Secondary"]["Route"]
    arns = [bus["EventBusArn"] for bus in settings["EventBuses"]]
    regions, accounts, names = ({arn.split(":", 5)[at] for arn in arns} for at in (3, 4, 5))
    if regions != {ctx.region, secondary} or accounts != {ctx.account}:
        raise errors.bad_parameter("EventBuses", "One bus must be in the primary and one in the secondary Region, of this account.")
    if len(names) > 1:
        raise errors.bad_parameter("EventBuses", "The event buses must have the same name.")
    if settings["ReplicationConfig"]["State"] == "ENABLED" and not settings.get("RoleArn"):
        raise errors.bad_parameter("RoleArn", "RoleArn is required when event replication is enabled.")
    for arn in arns:
        there, name = ctx.at(region=arn.split(":")[3]), arn.split("/", 1)[1]
        if get_bus(there, name) is None:
            raise errors.bus_not_found(name)
    # The primary Region's bus comes first.
    settings["EventBuses"] = sorted(settings["EventBuses"], key=lambda bus: bus["EventBusArn"].split(":")[3] != ctx.region)
    return settings


@operation(on=on_endpoint)
def create_endpoint(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Name"]
    if ctx.get(Endpoint, ctx.account, ctx.region, name):
        raise errors.endpoint_exists(name)
    settings = _checked(ctx, {member: value for member, value in req.items() if member != "Name"})
    if ctx.where(Endpoint, account=ctx.account, region=ctx.region).count() >= MOST_ENDPOINTS:
        raise errors.limit_exceeded("The requested resource exceeds the maximum number allowed.")
    endpoint_id = f"{ctx.ids.hex(10)}.{ctx.ids.hex(3)}"
    endpoint = ctx.put(Endpoint(ctx.account, ctx.region, name, endpoint_id, settings, "CREATING", ctx.now, ctx.now))
    ctx.after(arrive, name)
    return _settings(ctx, endpoint)


@operation(on=on_endpoint)
def update_endpoint(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    endpoint = find_endpoint(ctx, req["Name"])
    settings = _checked(ctx, endpoint.settings | {member: value for member, value in req.items() if member != "Name"})
    endpoint = ctx.put(replace(endpoint, settings=settings, state="UPDATING", modified=ctx.now))
    ctx.after(arrive, endpoint.name)
    return _settings(ctx, endpoint) | {"EndpointId": endpoint.id, "EndpointUrl": _url(endpoint)}


@timer
def arrive(ctx: Context, name: str) -> None:
    """The making, or the change, of an endpoint ends."""
    endpoint = ctx.get(Endpoint, ctx.account, ctx.region, name)
    if endpoint is not None and endpoint.state in _ARRIVED:
        ctx.put(replace(endpoint, state=_ARRIVED[endpoint.state]))


@operation(on=on_endpoint)
def delete_endpoint(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(find_endpoint(ctx, req["Name"]))


@operation(on=on_endpoint)
def describe_endpoint(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return endpoint_to_wire(ctx, find_endpoint(ctx, req["Name"], req.get("HomeRegion")))


@operation()
def list_endpoints(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    prefix, region = req.get("NamePrefix") or "", req.get("HomeRegion") or ctx.region
    rows = ctx.where(Endpoint, account=ctx.account, region=region).filtered(lambda endpoint: endpoint.name.startswith(prefix))
    members = paging.PageMembers("NextToken", "NextToken", "MaxResults", "Endpoints")
    wrong = errors.bad_parameter("NextToken")
    return paging.page(members, req, rows, lambda endpoint: endpoint_to_wire(ctx, endpoint), default=100, maximum=100, error=wrong)


def _url(endpoint: Endpoint) -> str:
    return f"https://{endpoint.id}.endpoint.events.amazonaws.com"


def _settings(ctx: Context, endpoint: Endpoint) -> dict[str, Any]:
    kept = ("RoutingConfig", "ReplicationConfig", "EventBuses", "RoleArn")
    wire = {member: endpoint.settings[member] for member in kept if endpoint.settings.get(member)}
    there = ctx.at(region=endpoint.region)
    return wire | {"Name": endpoint.name, "Arn": endpoint_arn(there, endpoint.name), "State": endpoint.state}


def endpoint_to_wire(ctx: Context, endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as DescribeEndpoint and ListEndpoints give it."""
    wire = _settings(ctx, endpoint) | {
        "EndpointId": endpoint.id,
        "EndpointUrl": _url(endpoint),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
    }
    return wire | ({"Description": endpoint.settings["Description"]} if endpoint.settings.get("Description") else {})


def replicate(ctx: Context, endpoint: Endpoint, event: dict[str, Any]) -> None:
    """Sends an event that the primary Region got to the other one, under the endpoint's role, once this transaction has committed."""
    from cloudjar.services.events.delivery import deliver
    from cloudjar.services.events.rules import rule_arn

    there = ctx.at(account=endpoint.account, region=endpoint.region)
    target = {"Id": endpoint.name, "Arn": bus_arn(there.at(region=endpoint.secondary), endpoint.bus)}
    task = {
        "rule": rule_arn(there, endpoint.bus, f"GlobalEndpointManagedRule-{endpoint.name}"),
        "target": target,
        "role": endpoint.settings["RoleArn"],
        "payload": dump(event),
        "event": event["id"],
        "hops": 0,
        "dead_letter": "",
        "attempts": 0,
        "retries": 185,
        "until": ctx.now.timestamp() + 86_400,
    }
    there.effect(deliver, task)
