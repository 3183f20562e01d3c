"""Partner event sources: what a partner offers to an account, and what comes of it there.

On AWS only registered partners may offer sources; here any account may, so that an application can be tried with a partner's events.
Source: "Receiving events from a SaaS partner with Amazon EventBridge" in the user guide.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import errors, lists, metering
from cloudjar.services.events.envelope import envelope

PENDING_FOR = timedelta(days=14)
"""How long an account has to make a bus of a source."""


@record("events.partner_source", key=("name", "customer"))
class PartnerSource(Record):
    """A source that this account, a partner, offers to another."""

    name: str
    customer: str


@record("events.event_source", key="name")
class EventSource(Record):
    """A source that a partner offers to this account."""

    name: str
    partner: str
    created: datetime
    state: str = "PENDING"
    expires: datetime | None = None


def source_arn(ctx: Context, name: str) -> str:
    """A source's ARN, which names no account."""
    return f"arn:{ctx.partition}:events:{ctx.region}::event-source/{name}"


def on_source(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return source_arn(ctx, req.get("Name") or req.get("EventSourceName") or "*")


# The partner's side


@operation(on=on_source)
def create_partner_event_source(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, there = req["Name"], ctx.at(account=req["Account"])
    known = there.get(EventSource, name)
    if ctx.get(PartnerSource, name, req["Account"]) or (known is not None and known.state != "DELETED"):
        raise errors.source_exists(name)
    ctx.put(PartnerSource(name, req["Account"]))
    expires = ctx.now + PENDING_FOR
    there.put(EventSource(name, ctx.account, ctx.now, "PENDING", expires))
    there.after(lapse, name, at=expires, housekeeping=True)
    return {"EventSourceArn": source_arn(ctx, name)}


def _offers(ctx: Context, name: str) -> list[PartnerSource]:
    """The offers of a source; ResourceNotFoundException if there are none."""
    found = list(ctx.where(PartnerSource, name=name))
    if not found:
        raise errors.source_not_found(name)
    return found


@operation(on=on_source)
def describe_partner_event_source(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _offers(ctx, req["Name"])
    return {"Arn": source_arn(ctx, req["Name"]), "Name": req["Name"]}


@operation()
def list_partner_event_sources(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = lists.named(ctx.where(PartnerSource), req["NamePrefix"])
    answer = lists.page(req, "PartnerEventSources", rows, lambda one: {"Arn": source_arn(ctx, one.name), "Name": one.name})
    # A source that is offered to several accounts is one source.
    answer["PartnerEventSources"] = list({one["Name"]: one for one in answer["PartnerEventSources"]}.values())
    return answer


@operation(on=on_source)
def list_partner_event_source_accounts(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["EventSourceName"]
    _offers(ctx, name)

    def wire(one: PartnerSource) -> dict[str, Any]:
        source = ctx.at(account=one.customer).get(EventSource, name)
        told = _state(source) if source is not None else {"State": "DELETED"}
        return {"Account": one.customer, **told}

    return lists.page(req, "PartnerEventSourceAccounts", ctx.where(PartnerSource, name=name), wire)


@operation(on=on_source)
def delete_partner_event_source(ctx: Context, req: dict[str, Any]) -> None:
    offer = ctx.get(PartnerSource, req["Name"], req["Account"])
    if offer is None:
        return
    ctx.delete(offer)
    there = ctx.at(account=offer.customer)
    source = there.get(EventSource, offer.name)
    if source is not None:
        there.put(replace(source, state="DELETED", expires=None))


@operation()
def put_partner_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.events.put_events import size_of

    results: list[dict[str, Any]] = []
    failed = 0
    for entry in req["Entries"]:
        try:
            results.append({"EventId": _accept(ctx, entry)})
        except AwsError as error:
            failed += 1
            results.append({"ErrorCode": error.code, "ErrorMessage": error.message})
    metering.of_put(ctx, len(results), failed, sum(size_of(entry) for entry in req["Entries"]))
    return {"FailedEntryCount": failed, "Entries": results}


def _accept(ctx: Context, entry: dict[str, Any]) -> str:
    from cloudjar.services.events.put_events import checked_detail
    from cloudjar.services.events.routing import publish

    detail = checked_detail(entry)
    name = entry["Source"]
    offers = list(ctx.where(PartnerSource, name=name))
    if not offers:
        raise AwsError("NotAuthorizedForSourceException", "Not authorized for the source.")
    event_id = ctx.ids.uuid()
    for offer in offers:
        there = ctx.at(account=offer.customer)
        source = there.get(EventSource, name)
        # Until its account has made a bus of a source, nobody is there to get its events.
        if source is not None and source.state == "ACTIVE":
            resources, time = entry.get("Resources") or [], entry.get("Time")
            publish(there, name, envelope(there, name, entry["DetailType"], detail, resources, event_id=event_id, time=time))
    return event_id


# The customer's side


def find_source(ctx: Context, name: str) -> EventSource:
    """A source that is offered to this account, or ResourceNotFoundException."""
    found = ctx.get(EventSource, name)
    if found is None:
        raise errors.source_not_found(name)
    return found


def connect(ctx: Context, name: str) -> None:
    """A bus is made of a source."""
    source = find_source(ctx, name)
    if source.state != "PENDING":
        raise errors.bad_state(f"Event source {name} is in state {source.state}.")
    ctx.put(replace(source, state="ACTIVE", expires=None))


def disconnect(ctx: Context, name: str) -> None:
    """A source's bus is gone, or wants nothing of it for now: the account has two weeks again."""
    source = ctx.get(EventSource, name)
    if source is not None and source.state == "ACTIVE":
        expires = ctx.now + PENDING_FOR
        ctx.put(replace(source, state="PENDING", expires=expires))
        ctx.after(lapse, name, at=expires, housekeeping=True)


@timer
def lapse(ctx: Context, name: str) -> None:
    """A source that nobody made a bus of goes."""
    source = ctx.get(EventSource, name)
    if source is None or source.state != "PENDING" or source.expires is None or source.expires > ctx.now:
        return
    ctx.delete(source)
    partner = ctx.at(account=source.partner)
    offer = partner.get(PartnerSource, name, ctx.account)
    if offer is not None:
        partner.delete(offer)


@operation(on=on_source)
def activate_event_source(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.events.buses import get_bus

    source = find_source(ctx, req["Name"])
    if source.state != "PENDING" or get_bus(ctx, source.name) is None:
        raise errors.bad_state(f"Event source {source.name} is in state {source.state}, or has no matching event bus.")
    ctx.put(replace(source, state="ACTIVE", expires=None))


@operation(on=on_source)
def deactivate_event_source(ctx: Context, req: dict[str, Any]) -> None:
    source = find_source(ctx, req["Name"])
    if source.state != "ACTIVE":
        raise errors.bad_state(f"Event source {source.name} is in state {source.state}.")
    disconnect(ctx, source.name)


@operation(on=on_source)
def describe_event_source(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return source_to_wire(ctx, find_source(ctx, req["Name"]))


@operation()
def list_event_sources(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = lists.named(ctx.where(EventSource), req.get("NamePrefix"))
    return lists.page(req, "EventSources", rows, lambda source: source_to_wire(ctx, source))


def _state(source: EventSource) -> dict[str, Any]:
    wire: dict[str, Any] = {"CreationTime": source.created, "State": source.state}
    return wire | ({"ExpirationTime": source.expires} if source.expires else {})


def source_to_wire(ctx: Context, source: EventSource) -> dict[str, Any]:
    """An EventSource."""
    # The partner's name is the second part of its sources' names.
    return {"Arn": source_arn(ctx, source.name), "CreatedBy": source.name.split("/")[1], "Name": source.name, **_state(source)}
