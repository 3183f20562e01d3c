"""MFA delete: versions go, and versioning changes, only with a code of the caller's device.

Source: "Configuring MFA delete" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from typing import Any

from cloudjar.identity.mfa import MfaDevice, matching_step
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import replace
from cloudjar.services.s3.buckets import Bucket

ENABLED = "Enabled"


def check_mfa(ctx: Context, req: dict[str, Any]) -> None:
    """Raises AccessDenied unless the request carries the serial number and the present code of a device of the caller's."""
    given = req.get("MFA")
    if not given:
        raise AwsError("AccessDenied", "Mfa Authentication must be used for this request", status=403)
    serial, _, code = given.strip().rpartition(" ")
    home = ctx.at(account=ctx.principal.account)
    device = home.get(MfaDevice, serial.strip())
    own = device is not None and device.enabled is not None and device.user_id == ctx.principal.user_id
    step = matching_step(device, code, ctx.now) if device is not None and own else None
    if device is None or step is None:
        raise AwsError("AccessDenied", "Invalid Mfa Authentication", status=403)
    # No code is taken twice.
    home.put(replace(device, last_step=step))


def check_versioning(ctx: Context, bucket: Bucket, req: dict[str, Any]) -> str:
    """What MFA delete will be, "" for never set; raises AccessDenied where a change needs a code, or the owner's root user."""
    wanted: str = req["VersioningConfiguration"].get("MFADelete") or ""
    if not wanted and bucket.mfa_delete != ENABLED:
        return bucket.mfa_delete
    if ctx.principal.kind != "root" or ctx.principal.account != bucket.account:
        raise AwsError("AccessDenied", "This operation may only be performed by the bucket owner", status=403)
    check_mfa(ctx, req)
    return wanted or bucket.mfa_delete
