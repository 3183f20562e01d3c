"""The SMS sandbox: no account is in it here, but numbers can be registered and verified with the code that they are sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.sns import errors, sms

CODE_MINUTES = 15
KEPT_HOURS = 24
"""A number can be deleted so long after it was verified."""
MOST = 10


@record("sns.sandbox_number", key="phone")
class SandboxNumber(Record):
    """A destination of text messages."""

    phone: str
    code: str
    sent: datetime
    verified: datetime | None = None


@operation(on=lambda ctx, req: "*", modelled=True)
def get_sms_sandbox_account_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"IsInSandbox": False}


@operation(on=lambda ctx, req: "*", modelled=True)
def create_sms_sandbox_phone_number(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    number = sms.plain(req["PhoneNumber"])
    found = ctx.get(SandboxNumber, number)
    if found and found.verified:
        raise _user_error("The phone number is already verified.")
    if not found and ctx.where(SandboxNumber).count() >= MOST:
        raise _user_error(f"An account can have {MOST} destination phone numbers in the SMS sandbox.")
    if sms.is_opted_out(ctx, number):
        raise AwsError("OptedOut", "The phone number has opted out of text messages from this account.")
    code = f"{int(ctx.ids.hex(8), 16) % 1_000_000:06d}"
    ctx.put(SandboxNumber(number, code, ctx.now))
    sms.send(ctx, number, f"Your AWS verification code is: {code}", message_id=ctx.ids.uuid())
    return {}


@operation(on=lambda ctx, req: "*", modelled=True)
def verify_sms_sandbox_phone_number(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = _find(ctx, req["PhoneNumber"])
    if found.verified is None:
        if req["OneTimePassword"] != found.code or ctx.now > found.sent + timedelta(minutes=CODE_MINUTES):
            raise AwsError("VerificationException", "The one-time password is not valid, or no longer.")
        ctx.put(replace(found, verified=ctx.now))
    return {}


@operation(on=lambda ctx, req: "*", modelled=True)
def delete_sms_sandbox_phone_number(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = _find(ctx, req["PhoneNumber"])
    if found.verified and ctx.now < found.verified + timedelta(hours=KEPT_HOURS):
        raise _user_error("A verified phone number can be deleted 24 hours after its verification.")
    ctx.delete(found)
    return {}


@operation(on=lambda ctx, req: "*", modelled=True)
def list_sms_sandbox_phone_numbers(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return ctx.page(
        req,
        ctx.where(SandboxNumber),
        lambda found: {"PhoneNumber": found.phone, "Status": "Verified" if found.verified else "Pending"},
        default=100,
        maximum=100,
        error=errors.invalid("NextToken"),
    )


def _find(ctx: Context, phone: str) -> SandboxNumber:
    found = ctx.get(SandboxNumber, sms.plain(phone))
    if found is None:
        raise AwsError("ResourceNotFound", "The phone number is not in the SMS sandbox.", status=404)
    return found


def _user_error(message: str) -> AwsError:
    return AwsError("UserError", message)
