"""Platform endpoints: devices, as records, and what would be pushed to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import delivery_status, envelopes, errors, outbox
from cloudjar.services.sns.platform_applications import PlatformApplication, find_application, on_application

if TYPE_CHECKING:
    from cloudjar.services.sns.publishing import Published
    from cloudjar.services.sns.topics import Topic


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
    wanted = {"Enabled": "true", **given, "Token": token}
    existing = ctx.where(PlatformEndpoint, application_arn=application.arn, token=token).first()
    if existing:
        if any(existing.attributes.get(name) != value for name, value in given.items()):
            words = f"Token Reason: Endpoint {existing.arn} already exists with the same Token, but different attributes."
            raise errors.invalid(words)
        return {"EndpointArn": existing.arn}
    arn = ctx.arn("sns", f"endpoint/{application.platform}/{application.name}/{ctx.ids.uuid()}")
    ctx.put(PlatformEndpoint(arn, application.arn, token, wanted))
    return {"EndpointArn": arn}


@operation(on=on_endpoint, modelled=True)
def delete_endpoint(ctx: Context, req: dict[str, Any]) -> None:
    found = ctx.get(PlatformEndpoint, req["EndpointArn"])
    if found:
        ctx.delete(found)


@operation(on=on_endpoint, modelled=True)
def get_endpoint_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": find_endpoint(ctx, req["EndpointArn"]).attributes}


@operation(on=on_endpoint, modelled=True)
def set_endpoint_attributes(ctx: Context, req: dict[str, Any]) -> None:
    found = find_endpoint(ctx, req["EndpointArn"])
    attributes = {**found.attributes, **req["Attributes"]}
    ctx.put(replace(found, attributes=attributes, token=attributes["Token"]))


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
    platform, name = arn.partition(":endpoint/")[2].split("/")[:2]
    application = ctx.get(PlatformApplication, platform, name)
    if application is None or application.attributes.get("Enabled", "true").lower() != "true":
        raise errors.application_disabled()
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
    status = (problem.status or 400) if problem else 200
    words = problem.message if problem else ""
    outcome = delivery_status.Outcome(problem is None, published.id, arn, words, status, published=published.time, topic_arn=topic.arn)
    delivery_status.note(ctx, topic.attributes, "Application", topic.name, outcome)
