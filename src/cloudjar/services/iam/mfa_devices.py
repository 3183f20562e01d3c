"""Virtual MFA devices: time-based one-time passwords that are really checked."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from cloudjar.identity.mfa import RESYNC_STEPS, MfaDevice, code_at, step_of
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import root_of
from cloudjar.kernel.records import replace
from cloudjar.kernel.rows import Rows
from cloudjar.services.iam import errors, naming, quotas, tags
from cloudjar.services.iam.entities import User, find_user, user_arn
from cloudjar.services.iam.qr import qr_png

SEED_BYTES = 40


def find_device(ctx: Context, serial: str) -> MfaDevice:
    """The device of that serial number; raises NoSuchEntity."""
    found = ctx.get(MfaDevice, serial)
    if found is None:
        raise errors.mfa_device_not_found(serial)
    return found


def devices_of(ctx: Context, user_id: str) -> Rows[MfaDevice]:
    """The devices that are enabled for a user, or, by the account's number, for its root."""
    return ctx.where(MfaDevice, user_id=user_id)


def device_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    serial: str = req["SerialNumber"]
    return serial


def new_device_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The serial number that a device about to be made will have."""
    return naming.arn(ctx, "mfa", naming.path_of(req), req["VirtualMFADeviceName"])


@operation(on=new_device_arn)
def create_virtual_mfa_device(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    serial = new_device_arn(ctx, req)
    if ctx.get(MfaDevice, serial):
        raise errors.already_exists("MFADevice entity at the same path and name already exists.")
    device = MfaDevice(serial, naming.path_of(req), req["VirtualMFADeviceName"], secret_bytes(SEED_BYTES))
    ctx.put(device)
    tags.put(ctx, serial, req.get("Tags"))
    seed = base64.b32encode(device.seed)
    label = quote(f"Amazon Web Services:{device.name}@{ctx.account}", safe="")
    uri = f"otpauth://totp/{label}?secret={seed.decode()}&issuer=Amazon%20Web%20Services"
    wire = {"SerialNumber": serial, "Base32StringSeed": seed, "QRCodePNG": qr_png(uri)}
    return {"VirtualMFADevice": wire | tags.to_wire(ctx, serial)}


@operation(on=user_arn)
def enable_mfa_device(ctx: Context, req: dict[str, Any]) -> None:
    owner = _owner_id(ctx, req)
    device = find_device(ctx, req["SerialNumber"])
    if device.user_id:
        raise errors.already_exists("MFADevice is already in use.")
    quotas.check(devices_of(ctx, owner).count(), quotas.MFA_DEVICES_PER_USER, "MfaDevicesPerUser")
    ctx.put(_synchronised(ctx, replace(device, user_id=owner, enabled=naming.now(ctx)), req))


@operation(on=user_arn)
def resync_mfa_device(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(_synchronised(ctx, _enabled(ctx, req), req))


@operation(on=user_arn)
def deactivate_mfa_device(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(_enabled(ctx, req), user_id=None, enabled=None, drift=0, last_step=0))


@operation(on=device_arn)
def delete_virtual_mfa_device(ctx: Context, req: dict[str, Any]) -> None:
    device = find_device(ctx, req["SerialNumber"])
    if device.user_id:
        raise AwsError("DeleteConflict", "Cannot delete entity, MFA device is currently in use.")
    ctx.set_tags(device.serial, {})
    ctx.delete(device)


@operation(on=user_arn)
def get_mfa_device(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    device = find_device(ctx, req["SerialNumber"])
    user = _user_of(ctx, device)
    if req.get("UserName") and (user is None or user.folded != req["UserName"].lower()):
        raise errors.mfa_device_not_enabled(device.serial, req["UserName"])
    wire: dict[str, Any] = {"SerialNumber": device.serial}
    if user:
        wire |= {"UserName": user.name, "EnableDate": device.enabled}
    return wire


@operation(on=user_arn)
def list_mfa_devices(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if not req.get("UserName") and ctx.principal.kind == "root":
        owner, name = ctx.account, "root"
    else:
        user = find_user(ctx, naming.user_name(ctx, req))
        owner, name = user.id, user.name
    return naming.page(
        ctx,
        req,
        devices_of(ctx, owner),
        lambda device: {"UserName": name, "SerialNumber": device.serial, "EnableDate": device.enabled},
    )


@operation()
def list_virtual_mfa_devices(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(MfaDevice)
    status = req.get("AssignmentStatus") or "Any"
    if status != "Any":
        rows = rows.filtered(lambda device: bool(device.user_id) == (status == "Assigned"))
    return naming.page(ctx, req, rows, lambda device: _listed(ctx, device))


def _listed(ctx: Context, device: MfaDevice) -> dict[str, Any]:
    wire: dict[str, Any] = {"SerialNumber": device.serial}
    if device.user_id:
        wire["EnableDate"] = device.enabled
        user = _user_of(ctx, device)
        if user:
            wire["User"] = {"Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": user.arn, "CreateDate": user.created}
        else:
            root = root_of(ctx.account)
            wire["User"] = {"UserId": root.user_id, "Arn": root.arn}
    return wire


def _user_of(ctx: Context, device: MfaDevice) -> User | None:
    return ctx.where(User, id=device.user_id).first() if device.user_id else None


def _owner_id(ctx: Context, req: dict[str, Any]) -> str:
    # The console names the root user so; no IAM user can be enabled under a name that is not there.
    if ctx.principal.kind == "root" and req["UserName"] == "root" and ctx.get(User, "root") is None:
        return ctx.account
    return find_user(ctx, req["UserName"]).id


def _enabled(ctx: Context, req: dict[str, Any]) -> MfaDevice:
    if req.get("UserName"):
        owner = _owner_id(ctx, req)
    else:
        owner = ctx.account if ctx.principal.kind == "root" else find_user(ctx, naming.user_name(ctx, req)).id
    device = ctx.get(MfaDevice, req["SerialNumber"])
    if device is None or device.user_id != owner:
        raise errors.mfa_device_not_enabled(req["SerialNumber"], req.get("UserName") or "root")
    return device


def _synchronised(ctx: Context, device: MfaDevice, req: dict[str, Any]) -> MfaDevice:
    """The device with its clock's difference, found from two codes that it showed one after the other."""
    now = step_of(ctx.now)
    # The world's present first, then further and further away.
    for distance in sorted(range(-RESYNC_STEPS, RESYNC_STEPS + 1), key=abs):
        step = now + distance
        codes = code_at(device.seed, step), code_at(device.seed, step + 1)
        if codes == (req["AuthenticationCode1"], req["AuthenticationCode2"]) and step + 1 > device.last_step:
            return replace(device, drift=distance + 1 if distance < 0 else distance, last_step=step + 1)
    raise AwsError("InvalidAuthenticationCode", "Authentication code for device is not valid.")
