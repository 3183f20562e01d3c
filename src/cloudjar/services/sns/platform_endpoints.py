"""Platform endpoints: devices, as records, and what would be pushed to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import application_events, delivery_status, envelopes, errors, outbox
from cloudjar.services.sns.platform_applications import PlatformApplication, find_application, on_application

if TYPE_CHECKING:
    from cloudjar.services.sns.publishing import Published
    from cloudjar.services.sns.topics import Topic


LONGEST_DATA = 2048
"""Bytes of CustomUserData."""


@record("sns.platform_endpoint", key="arn", indexes={"application": ("application_arn", "arn"), "token": ("application_arn", "token")})
class PlatformEndpoint(Record):
    """A device."""

    arn: str
    application_arn: str
    token: str
    attributes: dict[str, str]


def find_endpoint(ctx: Context, arn: str) -> PlatformEndpoint:
    """The endpoint with this ARN; NotFound if there is none."""
    if arn.count("/") != 3 or ":endpoint/" not in arn:
        raise errors.invalid("EndpointArn Reason: Wrong number of slashes in relative portion of the ARN.")
    found = ctx.get(PlatformEndpoint, arn)
    if found is None:
        raise errors.endpoint_not_found()
    return found


def on_endpoint(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the endpoint's application."""
    head, _, rest = str(req["EndpointArn"]).partition(":endpoint/")
    return f"{head}:app/{rest.rpartition('/')[0]}"


@operation(on=on_application, modelled=True)
def create_platform_endpoint(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    application = find_application(ctx, req["PlatformApplicationArn"])
    token = req["Token"]
    given = dict(req.get("Attributes") or {})
    if req.get("CustomUserData"):
        given["CustomUserData"] = req["CustomUserData"]
    _check(given)
    wanted = {"Enabled": "true", **given, "Token": token}
    existing = ctx.where(PlatformEndpoint, application_arn=application.arn, token=token).first()
    if existing:
        if any(existing.attributes.get(name) != value for name, value in given.items()):
            words = f"Token Reason: Endpoint {existing.arn} already exists with the same Token, but different attributes."
            raise errors.invalid(words)
        return {"EndpointArn": existing.arn}
    arn = ctx.arn("sns", f"endpoint/{application.platform}/{application.name}/{ctx.ids.uuid()}")
    ctx.put(PlatformEndpoint(arn, application.arn, token, wanted))
    application_events.tell(ctx, application, "EndpointCreated", arn)
    return {"EndpointArn": arn}


@operation(on=on_endpoint, modelled=True)
def delete_endpoint(ctx: Context, req: dict[str, Any]) -> None:
    found = ctx.get(PlatformEndpoint, req["EndpointArn"])
    if found:
        ctx.delete(found)
        application_events.tell(ctx, _application(ctx, found.arn), "EndpointDeleted", found.arn)


def _application(ctx: Context, endpoint_arn: str) -> PlatformApplication | None:
    platform, name = endpoint_arn.partition(":endpoint/")[2].split("/")[:2]
    return ctx.get(PlatformApplication, platform, name)


def _check(attributes: dict[str, str]) -> None:
    """InvalidParameter for what an endpoint does not have, or cannot have so."""
    for name, value in attributes.items():
        if name not in ("CustomUserData", "Enabled", "Token"):
            raise errors.invalid(f"Attributes Reason: Invalid attribute name: {name}")
        if name == "CustomUserData" and len(value.encode()) > LONGEST_DATA:
            raise errors.invalid(
                "Attributes Reason: Invalid value for attribute: CustomUserData: must be at most 2048 bytes long in UTF-8 encoding"
            )
        if name == "Enabled" and value.lower() not in ("true", "false"):
            raise errors.invalid("Attributes Reason: Invalid value for attribute: Enabled: must be true or false")
        if name == "Token" and not value:
            raise errors.invalid("Attributes Reason: Invalid value for attribute: Token: cannot be empty")


@operation(on=on_endpoint, modelled=True)
def get_endpoint_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": find_endpoint(ctx, req["EndpointArn"]).attributes}


@operation(on=on_endpoint, modelled=True)
def set_endpoint_attributes(ctx: Context, req: dict[str, Any]) -> None:
    found = find_endpoint(ctx, req["EndpointArn"])
    _check(req["Attributes"])
    attributes = {**found.attributes, **req["Attributes"]}
    ctx.put(replace(found, attributes=attributes, token=attributes["Token"]))
    if attributes != found.attributes:
        application_events.tell(ctx, _application(ctx, found.arn), "EndpointUpdated", found.arn)


@operation(on=on_application, modelled=True)
def list_endpoints_by_platform_application(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    application = find_application(ctx, req["PlatformApplicationArn"])
    return ctx.page(
        req,
        ctx.where(PlatformEndpoint, application_arn=application.arn),
        lambda found: {"EndpointArn": found.arn, "Attributes": found.attributes},
        default=100,
        maximum=100,
        error=errors.invalid("NextToken"),
    )


def push(ctx: Context, arn: str, published: Published, topic_arn: str = "") -> None:
    """Puts into the outbox what would go to a device. Raises NotFound, EndpointDisabled, PlatformApplicationDisabled."""
    endpoint = find_endpoint(ctx, arn)
    if endpoint.attributes.get("Enabled", "true").lower() != "true":
        raise errors.endpoint_disabled()
    application = _application(ctx, arn)
    if application is None or application.attributes.get("Enabled", "true").lower() != "true":
        raise errors.application_disabled()
    platform, name = application.platform, application.name
    text = published.text_for(platform)
    subject, attributes = published.subject or "", envelopes.attributes_to_wire(published.attributes)
    outbox.put(ctx, "push", arn, text, message_id=published.id, subject=subject, topic_arn=topic_arn, attributes=attributes)
    outcome = delivery_status.Outcome(True, published.id, arn, "", 200, published=published.time, topic_arn=topic_arn)
    delivery_status.note(ctx, application.attributes, "", f"app/{platform}/{name}", outcome)


def push_quietly(ctx: Context, arn: str, published: Published, topic: Topic) -> None:
    """The same for a subscriber: a device that is off gets nothing."""
    try:
        push(ctx, arn, published, topic.arn)
        problem = None
    except AwsError as error:
        problem = error
    application = _application(ctx, arn)
    # The news of a failure, if that fails too, is no news.
    if problem is not None and application is not None and application.attributes.get("EventDeliveryFailure") != topic.arn:
        failure: dict[str, str | int] = {
            "DeliveryAttempts": 1,
            "FailureMessage": problem.message,
            "FailureType": problem.code,
            "MessageId": published.id,
        }
        application_events.tell(ctx, application, "DeliveryFailure", arn, **failure)
    status = (problem.status or 400) if problem else 200
    words = problem.message if problem else ""
    outcome = delivery_status.Outcome(problem is None, published.id, arn, words, status, published=published.time, topic_arn=topic.arn)
    delivery_status.note(ctx, topic.attributes, "Application", topic.name, outcome)
