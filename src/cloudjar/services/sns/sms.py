"""Text messages: their settings. Nobody opts out here, and no account is in the sandbox."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.sns import errors

SETTABLE = ("DefaultSMSType", "DefaultSenderID", "MonthlySpendLimit")
REFUSED = ("DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate", "UsageReportS3Bucket")


@record("sns.sms_settings", key="id")
class SmsSettings(Record):
    """An account's settings in a Region."""

    id: str
    attributes: dict[str, str]


@operation(on=lambda ctx, req: "*", modelled=True)
def set_sms_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for name, value in req["attributes"].items():
        if name in REFUSED and value:
            raise not_implemented("sns", "SetSMSAttributes", name)
        if name not in SETTABLE and name not in REFUSED:
            raise errors.invalid(f"{name}")
        if name == "DefaultSMSType" and value not in ("Promotional", "Transactional"):
            raise errors.invalid("DefaultSMSType is invalid")
        if name == "MonthlySpendLimit" and not value.isdecimal():
            raise errors.invalid("MonthlySpendLimit is invalid")
    found = ctx.get(SmsSettings, "sms")
    ctx.put(SmsSettings("sms", {**(found.attributes if found else {}), **req["attributes"]}))
    return {}


@operation(on=lambda ctx, req: "*", modelled=True)
def get_sms_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = ctx.get(SmsSettings, "sms")
    attributes = {"MonthlySpendLimit": "1", **(found.attributes if found else {})}
    wanted = req.get("attributes")
    return {"attributes": {name: value for name, value in attributes.items() if not wanted or name in wanted}}


@operation(on=lambda ctx, req: "*", modelled=True)
def check_if_phone_number_is_opted_out(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"isOptedOut": False}


@operation(on=lambda ctx, req: "*", modelled=True)
def list_phone_numbers_opted_out(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"phoneNumbers": []}


@operation(on=lambda ctx, req: "*", modelled=True)
def opt_in_phone_number(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {}


@operation(on=lambda ctx, req: "*", modelled=True)
def get_sms_sandbox_account_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"IsInSandbox": False}
