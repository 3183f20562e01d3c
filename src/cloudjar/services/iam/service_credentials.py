"""Service-specific credentials: user names and passwords for CodeCommit, Keyspaces and others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.ids import ALNUM, secret_text
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import errors, naming, quotas
from cloudjar.services.iam.entities import User, find_user, user_arn

SERVICES = ("codecommit.amazonaws.com", "cassandra.amazonaws.com")
WITH_API_KEYS = ("bedrock.amazonaws.com", "logs.amazonaws.com")
"""Services that take API keys (bearer tokens) instead of names and passwords: not here."""


@record("iam.service_credential", key="id", scope="account", indexes={"user": ("user_id", "id")})
class ServiceCredential(Record):
    """A password that one service takes, beside or instead of an access key."""

    id: str
    """ACCA..."""
    user_id: str
    service: str
    login: str
    password: str
    created: datetime
    status: str = "Active"


def _find(ctx: Context, req: dict[str, Any]) -> tuple[User, ServiceCredential]:
    user = find_user(ctx, naming.user_name(ctx, req))
    found = ctx.get(ServiceCredential, req["ServiceSpecificCredentialId"])
    if found is None or found.user_id != user.id:
        raise errors.service_credential_not_found(req["ServiceSpecificCredentialId"])
    return user, found


def _check_service(name: str) -> None:
    if name in WITH_API_KEYS:
        raise not_implemented("iam", "CreateServiceSpecificCredential", f"API keys of {name}")
    if name not in SERVICES:
        raise AwsError("NotSupportedService", f"No such service {name} is supported for Service Specific Credentials")


def _to_wire(user: User, credential: ServiceCredential, *, secret: bool = False) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "UserName": user.name,
        "Status": credential.status,
        "ServiceUserName": credential.login,
        "CreateDate": credential.created,
        "ServiceSpecificCredentialId": credential.id,
        "ServiceName": credential.service,
    }
    if secret:
        wire["ServicePassword"] = credential.password
    return wire


@operation(on=user_arn)
def create_service_specific_credential(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user, service = find_user(ctx, req["UserName"]), req["ServiceName"]
    _check_service(service)
    if req.get("CredentialAgeDays"):
        raise errors.validation(f"CredentialAgeDays is not supported for the service {service}.")
    known = [found for found in ctx.where(ServiceCredential, user_id=user.id) if found.service == service]
    quotas.check(len(known), quotas.SERVICE_CREDENTIALS_PER_USER, "ServiceSpecificCredentialsPerUser")
    # The second one of a user cannot have the same login.
    suffix = f"+{len(known)}" if known else ""
    credential = ServiceCredential(
        id=ctx.ids.unique_id("ACCA"),
        user_id=user.id,
        service=service,
        login=f"{user.name}{suffix}-at-{ctx.account}",
        password=secret_text(ALNUM + "+/", 43) + "=",
        created=naming.now(ctx),
    )
    ctx.put(credential)
    return {"ServiceSpecificCredential": _to_wire(user, credential, secret=True)}


@operation(on=user_arn)
def list_service_specific_credentials(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("ServiceName"):
        _check_service(req["ServiceName"])
    if req.get("AllUsers") and req.get("UserName"):
        raise errors.validation("AllUsers cannot be specified together with UserName.")
    if req.get("AllUsers"):
        users = list(ctx.where(User))
    else:
        users = [find_user(ctx, naming.user_name(ctx, req))]
    found = [
        (user, credential)
        for user in users
        for credential in ctx.where(ServiceCredential, user_id=user.id)
        if credential.service == (req.get("ServiceName") or credential.service)
    ]
    return naming.page_of(req, "ServiceSpecificCredentials", found, lambda pair: pair[1].id, lambda pair: _to_wire(*pair))


@operation(on=user_arn)
def update_service_specific_credential(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(_find(ctx, req)[1], status=naming.status_of(req)))


@operation(on=user_arn)
def reset_service_specific_credential(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user, credential = _find(ctx, req)
    credential = ctx.put(replace(credential, password=secret_text(ALNUM + "+/", 43) + "="))
    return {"ServiceSpecificCredential": _to_wire(user, credential, secret=True)}


@operation(on=user_arn)
def delete_service_specific_credential(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, req)[1])
