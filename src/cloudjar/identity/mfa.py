"""MFA devices as records, and the codes that they show (RFC 6238: SHA-1, six digits, thirty seconds)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from cloudjar.kernel.records import Record, record

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""How many steps a device's clock may be away from the world's."""
RESYNC_STEPS = 20


@record("iam.mfa_device", key="serial", scope="account", indexes={"user": ("user_id", "serial")})
class MfaDevice(Record):
    """A virtual device. Its serial number is its ARN."""

    serial: str
    path: str
    name: str
    seed: bytes
    user_id: str | None = None
    """The user that it is enabled for; the account's number for its root; None while it is not assigned."""
    enabled: datetime | None = None
    drift: int = 0
    """Steps that the device was found to be ahead of the world's clock."""
    last_step: int = 0
    """The latest step whose code was taken: no code is taken twice."""


def code_at(seed: bytes, step: int) -> str:
    """The code that a device shows in a step of thirty seconds since 1970."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06d}"


def step_of(now: datetime) -> int:
    """The step that an instant lies in."""
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(device: MfaDevice, code: str, now: datetime) -> int | None:
    """The step whose code this is; None for a wrong code, or one that was taken before."""
    middle = step_of(now) + device.drift
    for step in range(middle - DRIFT_STEPS, middle + DRIFT_STEPS + 1):
        if step > device.last_step and hmac.compare_digest(code_at(device.seed, step), code):
            return step
    return None
