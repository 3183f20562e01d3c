"""Platform applications: records of push services. Nothing is pushed; what would be is in the outbox."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import application_events, delivery_status, errors

PLATFORMS = ("ADM", "APNS", "APNS_SANDBOX", "BAIDU", "FCM", "GCM", "MACOS", "MACOS_SANDBOX", "MPNS", "WNS")
SECRETS = ("PlatformCredential", "PlatformPrincipal")
SETTABLE = frozenset(
    (
        *SECRETS,
        *application_events.ATTRIBUTES,
        "ApplePlatformBundleID",
        "ApplePlatformTeamID",
        "Enabled",
        delivery_status.FAILURE_ROLE,
        delivery_status.SUCCESS_RATE,
        delivery_status.SUCCESS_ROLE,
    )
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")


@record("sns.platform_application", key=("platform", "name"))
class PlatformApplication(Record):
    """An app at a push service. Credentials are kept to be replaced, and never shown."""

    platform: str
    name: str
    arn: str
    attributes: dict[str, str]


def find_application(ctx: Context, arn: str) -> PlatformApplication:
    """The application with this ARN; NotFound if there is none."""
    parts = arn.split("/")
    if len(parts) != 3 or not parts[0].endswith(":app"):
        raise errors.invalid("PlatformApplicationArn Reason: Wrong number of slashes in relative portion of the ARN.")
    found = ctx.get(PlatformApplication, parts[1], parts[2])
    if found is None or found.arn != arn:
        raise errors.application_not_found()
    return found


def on_application(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["PlatformApplicationArn"])


@operation(on=lambda ctx, req: ctx.arn("sns", f"app/{req['Platform']}/{req['Name']}"), modelled=True)
def create_platform_application(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    platform, name = req["Platform"], req["Name"]
    if platform not in PLATFORMS:
        raise errors.invalid(f"Platform Reason: {platform} is not supported")
    if not _NAME.fullmatch(name):
        raise errors.invalid("Name Reason: must contain only letters, numbers, underscores, hyphens and periods, at most 256")
    if not req["Attributes"].get("PlatformCredential"):
        raise errors.invalid("Attributes Reason: PlatformCredential attribute is missing")
    _check(ctx, req["Attributes"])
    arn = ctx.arn("sns", f"app/{platform}/{name}")
    existing = ctx.get(PlatformApplication, platform, name)
    attributes = {"Enabled": "true", **req["Attributes"]}
    if existing and existing.attributes != attributes:
        raise errors.invalid("Attributes Reason: An application with the same name but different properties already exists")
    ctx.put(PlatformApplication(platform, name, arn, attributes))
    return {"PlatformApplicationArn": arn}


def _check(ctx: Context, attributes: dict[str, str]) -> None:
    """InvalidParameter for what an application does not have, or cannot have so."""
    for name, value in attributes.items():
        if name not in SETTABLE:
            raise errors.invalid(f"Attributes Reason: Invalid attribute name: {name}")
        if name == "Enabled" and value.lower() not in ("true", "false"):
            raise errors.invalid("Attributes Reason: Invalid value for attribute: Enabled: must be true or false")
        if name in application_events.ATTRIBUTES:
            application_events.check(ctx, name, value)
        if value and name in (delivery_status.SUCCESS_ROLE, delivery_status.FAILURE_ROLE, delivery_status.SUCCESS_RATE):
            delivery_status.check(name, value)


@operation(on=on_application, modelled=True)
def delete_platform_application(ctx: Context, req: dict[str, Any]) -> None:
    parts = req["PlatformApplicationArn"].split("/")
    found = ctx.get(PlatformApplication, parts[1], parts[2]) if len(parts) == 3 else None
    if found:
        ctx.delete(found)


@operation(on=on_application, modelled=True)
def get_platform_application_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": shown(find_application(ctx, req["PlatformApplicationArn"]))}


@operation(on=on_application, modelled=True)
def set_platform_application_attributes(ctx: Context, req: dict[str, Any]) -> None:
    found = find_application(ctx, req["PlatformApplicationArn"])
    _check(ctx, req["Attributes"])
    ctx.put(replace(found, attributes={**found.attributes, **req["Attributes"]}))


@operation(on=lambda ctx, req: "*", modelled=True)
def list_platform_applications(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return ctx.page(
        req,
        ctx.where(PlatformApplication),
        lambda found: {"PlatformApplicationArn": found.arn, "Attributes": shown(found)},
        default=100,
        maximum=100,
        error=errors.invalid("NextToken"),
    )


def shown(found: PlatformApplication) -> dict[str, str]:
    """An application's attributes, without its secrets."""
    return {name: value for name, value in found.attributes.items() if name not in SECRETS}
