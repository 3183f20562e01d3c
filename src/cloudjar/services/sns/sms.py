"""Text messages: their settings, who has opted out, and how they leave, which is into the outbox."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import delivery_status, errors, outbox
from cloudjar.services.sns.delivery_status import Outcome

SETTABLE = ("DefaultSMSType", "DefaultSenderID", "MonthlySpendLimit", "DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate")
REFUSED = ("UsageReportS3Bucket",)
STOP_WORDS = frozenset(("ARRET", "CANCEL", "END", "OPT-OUT", "OPTOUT", "QUIT", "REMOVE", "STOP", "TD", "UNSUBSCRIBE"))
"""Whoever answers a text message with one of these gets no more."""
OPT_IN_DAYS = 30
DIRECT = "DirectPublishToPhoneNumber"
_PHONE = re.compile(r"\+?[0-9]{5,20}")
_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,11}")


@record("sns.sms_settings", key="id")
class SmsSettings(Record):
    """An account's settings in a Region."""

    id: str
    attributes: dict[str, str]


@record("sns.opt_out", key="phone")
class OptOut(Record):
    """A number that wants, or once wanted, no more text messages."""

    phone: str
    opted_out: bool
    opted_in: datetime | None = None
    """When it was last opted in."""


def settings(ctx: Context) -> dict[str, str]:
    """What was set."""
    found = ctx.get(SmsSettings, "sms")
    return dict(found.attributes) if found else {}


def send(
    ctx: Context, phone: str, text: str, *, message_id: str, subject: str = "", topic_arn: str = "", published: datetime | None = None
) -> None:
    """Sends a text message, as far as they go here."""
    number = plain(phone)
    opted_out = is_opted_out(ctx, number)
    if not opted_out:
        outbox.put(ctx, "sms", phone, text, message_id=message_id, subject=subject, topic_arn=topic_arn)
    response = "Phone number is opted out" if opted_out else "Message has been accepted by phone carrier"
    outcome = Outcome(not opted_out, message_id, phone, response, 400 if opted_out else 200, 1, published, topic_arn)
    delivery_status.note_text(ctx, settings(ctx), topic_arn.rpartition(":")[2] or DIRECT, outcome)


def plain(phone: str) -> str:
    """A number in E.164 form: "+" and digits."""
    return "+" + re.sub(r"\D", "", phone)


def is_opted_out(ctx: Context, number: str) -> bool:
    """Whether the owner of a number wants no text messages."""
    found = ctx.get(OptOut, number)
    return found is not None and found.opted_out


def reply(ctx: Context, phone: str, text: str) -> bool:
    """What happens when the owner of a phone answers; says whether that opted the number out."""
    if text.strip().upper() not in STOP_WORDS:
        return False
    number = plain(phone)
    found = ctx.get(OptOut, number)
    ctx.put(replace(found, opted_out=True) if found else OptOut(number, opted_out=True))
    return True


@operation(on=lambda ctx, req: "*", modelled=True)
def set_sms_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for name, value in req["attributes"].items():
        _check(name, value)
    ctx.put(SmsSettings("sms", {**settings(ctx), **req["attributes"]}))
    return {}


def _check(name: str, value: str) -> None:
    if name in REFUSED:
        if value:
            raise not_implemented("sns", "SetSMSAttributes", name)
        return
    if name not in SETTABLE:
        raise errors.invalid(f"{name} is not a valid attribute")
    if name == "DefaultSMSType" and value not in ("Promotional", "Transactional"):
        raise errors.invalid("DefaultSMSType is invalid")
    if name == "MonthlySpendLimit" and not value.isdecimal():
        raise errors.invalid("MonthlySpendLimit is invalid")
    if name == "DefaultSenderID" and value and not _SENDER.fullmatch(value):
        raise errors.invalid("DefaultSenderID is invalid")
    if name == "DeliveryStatusIAMRole" and value:
        delivery_status.check(delivery_status.SUCCESS_ROLE, value)
    if name == "DeliveryStatusSuccessSamplingRate" and value:
        delivery_status.check(delivery_status.SUCCESS_RATE, value)


@operation(on=lambda ctx, req: "*", modelled=True)
def get_sms_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    attributes = {"MonthlySpendLimit": "1", **settings(ctx)}
    wanted = req.get("attributes")
    return {"attributes": {name: value for name, value in attributes.items() if not wanted or name in wanted}}


@operation(on=lambda ctx, req: "*", modelled=True)
def check_if_phone_number_is_opted_out(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"isOptedOut": is_opted_out(ctx, _number(req))}


@operation(on=lambda ctx, req: "*", modelled=True)
def list_phone_numbers_opted_out(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(OptOut).filtered(lambda found: found.opted_out)
    return ctx.page(req, rows, lambda found: found.phone, default=100, maximum=100, error=errors.invalid("nextToken"))


@operation(on=lambda ctx, req: "*", modelled=True)
def opt_in_phone_number(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(OptOut, _number(req))
    if found is None or not found.opted_out:
        return {}
    if found.opted_in and ctx.now < found.opted_in + timedelta(days=OPT_IN_DAYS):
        raise errors.invalid("The phone number has been opted in within the last 30 days and cannot be opted in again yet")
    ctx.put(replace(found, opted_out=False, opted_in=ctx.now))
    return {}


def _number(req: dict[str, Any]) -> str:
    if not _PHONE.fullmatch(req["phoneNumber"]):
        raise errors.invalid("PhoneNumber Reason: input incorrectly formatted")
    return plain(req["phoneNumber"])
