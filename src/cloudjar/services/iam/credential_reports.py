"""Credential reports: one line a user, in CSV."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.identity.credentials import AccessKey
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import naming
from cloudjar.services.iam.access_keys import keys_of
from cloudjar.services.iam.entities import User
from cloudjar.services.iam.login_profiles import LoginProfile
from cloudjar.services.iam.mfa_devices import devices_of
from cloudjar.services.iam.password_policy import policy_of
from cloudjar.services.iam.signing_certificates import SigningCertificate
from cloudjar.services.iam.users import ACCOUNT_BORN

COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,"
    "cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
FRESH = timedelta(hours=4)
"""AWS makes a new report at most every four hours."""


@record("iam.credential_report", key="id", scope="account")
class CredentialReport(Record):
    """The latest report."""

    content: bytes
    generated: datetime
    id: str = "report"


@operation()
def generate_credential_report(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    known = ctx.get(CredentialReport, "report")
    if known is not None and ctx.now < known.generated + FRESH:
        return {"State": "COMPLETE"}
    ctx.put(CredentialReport(_report(ctx), naming.now(ctx)))
    description = "No report exists. Starting a new report generation task" if known is None else "Starting a new report generation task"
    return {"State": "STARTED", "Description": description}


@operation()
def get_credential_report(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    report = ctx.get(CredentialReport, "report")
    if report is None:
        raise AwsError("ReportNotPresent", "No report exists. Use GenerateCredentialReport to generate one.")
    if ctx.now >= report.generated + FRESH:
        raise AwsError("ReportExpired", "The report has expired. Use GenerateCredentialReport to generate a new one.")
    return {"Content": report.content, "ReportFormat": "text/csv", "GeneratedTime": report.generated}


def _report(ctx: Context) -> bytes:
    root_mfa = _yes(devices_of(ctx, ctx.account).first() is not None)
    root_arn = ctx.arn("iam", "root", region="")
    root = ["<root_account>", root_arn, _time(ACCOUNT_BORN), "not_supported", "no_information", "not_supported", "not_supported", root_mfa]
    lines = [COLUMNS, ",".join(root + _keys(list(keys_of(ctx, ""))) + ["false", "N/A"] * 2)]
    lines += [",".join(_line(ctx, user)) for user in ctx.where(User)]
    return "\n".join(lines).encode()


def _line(ctx: Context, user: User) -> list[str]:
    profile = ctx.get(LoginProfile, user.id)
    if profile is None:
        password = ["false", "N/A", "N/A", "N/A"]
    else:
        policy = policy_of(ctx)
        rotation = _time(profile.changed + timedelta(days=policy.max_age_days)) if policy and policy.max_age_days else "N/A"
        used = _time(user.password_last_used) if user.password_last_used else "no_information"
        password = ["true", used, _time(profile.changed), rotation]
    certificates: list[str] = []
    for certificate in ctx.where(SigningCertificate, user_id=user.id):
        certificates += [_yes(certificate.status == "Active"), _time(certificate.uploaded)]
    certificates += ["false", "N/A"] * (2 - len(certificates) // 2)
    mfa = _yes(devices_of(ctx, user.id).first() is not None)
    return [user.name, user.arn, _time(user.created), *password, mfa, *_keys(list(keys_of(ctx, user.name))), *certificates]


def _keys(keys: list[AccessKey]) -> list[str]:
    cells: list[str] = []
    for key in sorted(keys, key=lambda key: key.created)[:2]:
        used = _time(key.last_used) if key.last_used else "N/A"
        cells += [_yes(key.status == "Active"), _time(key.created), used, key.last_used_region, key.last_used_service]
    return cells + ["false", "N/A", "N/A", "N/A", "N/A"] * (2 - len(cells) // 5)


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _time(value: datetime) -> str:
    return value.replace(microsecond=0).isoformat()
