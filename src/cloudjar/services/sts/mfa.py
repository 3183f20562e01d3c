"""The second factor: a code of the caller's MFA device."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.mfa import MfaDevice, matching_step
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.sts import errors


def verified(ctx: Context, req: dict[str, Any]) -> datetime | None:
    """When a code was given, that is now; None if the request has none. Raises AccessDenied for a wrong one, or someone else's device."""
    serial, code = req.get("SerialNumber"), req.get("TokenCode")
    if not serial and not code:
        return None
    if not serial or not code:
        raise errors.validation("Both SerialNumber and TokenCode must be given to authenticate with MFA.")
    device = ctx.get(MfaDevice, serial)
    step = matching_step(device, code, ctx.now) if device and device.user_id == ctx.principal.user_id else None
    if device is None or step is None:
        raise errors.multi_factor_failed(serial)
    ctx.put(replace(device, last_step=step))
    return ctx.now.replace(microsecond=0)
