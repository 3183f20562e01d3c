"""Server certificates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import certificates, errors, naming, quotas, tags


@record("iam.server_certificate", key="name", scope="account", indexes={"folded": "folded"})
class ServerCertificate(Record):
    """A certificate with its private key, for load balancers and distributions."""

    name: str
    folded: str
    id: str
    """ASCA..."""
    arn: str
    path: str
    body: str
    chain: str
    private_key: str
    uploaded: datetime
    expires: datetime


def named(ctx: Context, name: str) -> ServerCertificate | None:
    """The certificate of that name, in whatever case."""
    return ctx.get(ServerCertificate, name) or ctx.where(ServerCertificate, folded=name.lower()).first()


def find_certificate(ctx: Context, name: str) -> ServerCertificate:
    """The certificate of that name; raises NoSuchEntity."""
    found = named(ctx, name)
    if found is None:
        raise errors.server_certificate_not_found(name)
    return found


def certificate_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    found = named(ctx, req["ServerCertificateName"])
    return found.arn if found else new_certificate_arn(ctx, req)


def new_certificate_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a certificate about to be uploaded will have."""
    return naming.arn(ctx, "server-certificate", naming.path_of(req), req["ServerCertificateName"])


def metadata(certificate: ServerCertificate) -> dict[str, Any]:
    return {
        "Path": certificate.path,
        "ServerCertificateName": certificate.name,
        "ServerCertificateId": certificate.id,
        "Arn": certificate.arn,
        "UploadDate": certificate.uploaded,
        "Expiration": certificate.expires,
    }


@operation(on=new_certificate_arn)
def upload_server_certificate(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, body, chain = req["ServerCertificateName"], req["CertificateBody"], req.get("CertificateChain") or ""
    _check_free(ctx, name)
    quotas.check(ctx.where(ServerCertificate).count(), quotas.SERVER_CERTIFICATES, "ServerCertificatesPerAccount")
    expires = certificates.expiry(body)
    certificates.check_pair(body, req["PrivateKey"])
    if chain:
        certificates.check_chain(chain)
    certificate = ServerCertificate(
        name=name,
        folded=name.lower(),
        id=ctx.ids.unique_id("ASCA"),
        arn=new_certificate_arn(ctx, req),
        path=naming.path_of(req),
        body=body,
        chain=chain,
        private_key=req["PrivateKey"],
        uploaded=naming.now(ctx),
        expires=expires,
    )
    ctx.put(certificate)
    tags.put(ctx, certificate.arn, req.get("Tags"))
    return {"ServerCertificateMetadata": metadata(certificate)} | tags.to_wire(ctx, certificate.arn)


@operation(on=certificate_arn)
def get_server_certificate(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    certificate = find_certificate(ctx, req["ServerCertificateName"])
    wire = {"ServerCertificateMetadata": metadata(certificate), "CertificateBody": certificate.body}
    if certificate.chain:
        wire["CertificateChain"] = certificate.chain
    return {"ServerCertificate": wire | tags.to_wire(ctx, certificate.arn)}


@operation(on=naming.listed("server-certificate"))
def list_server_certificates(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return naming.page(ctx, req, ctx.where(ServerCertificate).filtered(naming.under(req.get("PathPrefix"))), metadata)


@operation(on=certificate_arn)
def update_server_certificate(ctx: Context, req: dict[str, Any]) -> None:
    certificate = find_certificate(ctx, req["ServerCertificateName"])
    name, path = req.get("NewServerCertificateName") or certificate.name, req.get("NewPath") or certificate.path
    if name.lower() != certificate.folded:
        _check_free(ctx, name)
    renamed = replace(certificate, name=name, folded=name.lower(), path=path, arn=naming.arn(ctx, "server-certificate", path, name))
    ctx.delete(certificate)
    ctx.put(renamed)
    tags.move(ctx, certificate.arn, renamed.arn)


@operation(on=certificate_arn)
def delete_server_certificate(ctx: Context, req: dict[str, Any]) -> None:
    certificate = find_certificate(ctx, req["ServerCertificateName"])
    ctx.set_tags(certificate.arn, {})
    ctx.delete(certificate)


def _check_free(ctx: Context, name: str) -> None:
    if ctx.where(ServerCertificate, folded=name.lower()).first():
        raise errors.already_exists(f"The Server Certificate with name {name} already exists.")
