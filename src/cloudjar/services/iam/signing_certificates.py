"""Signing certificates of users (X.509)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import UPPER_ALNUM
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import certificates, errors, naming, quotas
from cloudjar.services.iam.entities import find_user, user_arn


@record("iam.signing_certificate", key=("user_id", "id"), scope="account")
class SigningCertificate(Record):
    """A certificate that a user signs with."""

    user_id: str
    id: str
    body: str
    uploaded: datetime
    status: str = "Active"


def _find(ctx: Context, req: dict[str, Any]) -> SigningCertificate:
    user = find_user(ctx, naming.user_name(ctx, req))
    found = ctx.get(SigningCertificate, user.id, req["CertificateId"])
    if found is None:
        raise errors.signing_certificate_not_found(req["CertificateId"])
    return found


def _to_wire(name: str, certificate: SigningCertificate) -> dict[str, Any]:
    return {
        "UserName": name,
        "CertificateId": certificate.id,
        "CertificateBody": certificate.body,
        "Status": certificate.status,
        "UploadDate": certificate.uploaded,
    }


@operation(on=user_arn)
def upload_signing_certificate(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, naming.user_name(ctx, req))
    certificates.expiry(req["CertificateBody"])
    known = list(ctx.where(SigningCertificate, user_id=user.id))
    if any(certificate.body.split() == req["CertificateBody"].split() for certificate in known):
        raise AwsError("DuplicateCertificate", "The certificate is already associated with this user.")
    quotas.check(len(known), quotas.SIGNING_CERTIFICATES_PER_USER, "SigningCertificatesPerUser")
    certificate = SigningCertificate(user.id, ctx.ids.text(UPPER_ALNUM, 32), req["CertificateBody"], naming.now(ctx))
    ctx.put(certificate)
    return {"Certificate": _to_wire(user.name, certificate)}


@operation(on=user_arn)
def list_signing_certificates(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, naming.user_name(ctx, req))
    return naming.page(ctx, req, ctx.where(SigningCertificate, user_id=user.id), lambda found: _to_wire(user.name, found))


@operation(on=user_arn)
def update_signing_certificate(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(_find(ctx, req), status=naming.status_of(req)))


@operation(on=user_arn)
def delete_signing_certificate(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, req))
