"""Service settings of Parameter Store: the tier of parameters that name none, and the higher throughput."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.clock import EPOCH
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.ssm import errors

DEFAULT_TIER = "/ssm/parameter-store/default-parameter-tier"
HIGH_THROUGHPUT = "/ssm/parameter-store/high-throughput-enabled"
VALUES: dict[str, tuple[str, ...]] = {DEFAULT_TIER: ("Standard", "Advanced", "Intelligent-Tiering"), HIGH_THROUGHPUT: ("false", "true")}
"""What each setting may be; the first is what it is by default."""
_OTHERS = frozenset(
    {
        "/ssm/appmanager/appmanager-enabled",
        "/ssm/automation/customer-script-log-destination",
        "/ssm/automation/customer-script-log-group-name",
        "/ssm/automation/enable-adaptive-concurrency",
        "/ssm/documents/console/public-sharing-permission",
        "/ssm/managed-instance/activation-tier",
        "/ssm/managed-instance/default-ec2-instance-management-role",
        "/ssm/opsinsights/opscenter",
    }
)


@record("ssm.service_setting", key="id")
class Setting(Record):
    """A setting that was changed."""

    id: str
    value: str
    changed: datetime
    user: str


def default_tier(ctx: Context) -> str:
    """The tier of a parameter whose request names none."""
    found = ctx.get(Setting, DEFAULT_TIER)
    return found.value if found else "Standard"


def on_setting(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return ctx.arn("ssm", f"servicesetting{_plain(req['SettingId'])}")


@operation(on=on_setting)
def get_service_setting(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"ServiceSetting": _to_wire(ctx, _known(ctx, req))}


@operation(on=on_setting)
def update_service_setting(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    setting = _known(ctx, req)
    if req["SettingValue"] not in VALUES[setting]:
        raise errors.invalid(f"The value of {setting} must be one of {', '.join(VALUES[setting])}.")
    ctx.put(Setting(setting, req["SettingValue"], ctx.now, ctx.principal.arn))
    return {}


@operation(on=on_setting)
def reset_service_setting(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    setting = _known(ctx, req)
    found = ctx.get(Setting, setting)
    if found:
        ctx.delete(found)
    return {"ServiceSetting": _to_wire(ctx, setting)}


def _plain(text: str) -> str:
    """A setting's id; it may be given as an ARN."""
    return text.partition(":servicesetting")[2] if text.startswith("arn:") else text


def _known(ctx: Context, req: dict[str, Any]) -> str:
    setting = _plain(req["SettingId"])
    if setting in _OTHERS:
        raise not_implemented("ssm", ctx.call_info.operation, setting)
    if setting not in VALUES:
        raise errors.no_such_setting(setting)
    return setting


def _to_wire(ctx: Context, setting: str) -> dict[str, Any]:
    found = ctx.get(Setting, setting)
    wire: dict[str, Any] = {
        "SettingId": setting,
        "SettingValue": found.value if found else VALUES[setting][0],
        "LastModifiedDate": found.changed if found else EPOCH,
        "LastModifiedUser": found.user if found else "System",
        "ARN": ctx.arn("ssm", f"servicesetting{setting}"),
        "Status": "Customized" if found else "Default",
    }
    return wire
