"""SAML providers."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from cloudjar.identity.providers import SamlProvider
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors, naming, quotas, tags
from cloudjar.services.iam.oidc_providers import check_removals, refuse_propagation

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
LASTS = timedelta(days=365 * 100)
"""Metadata without a validUntil; AWS too says a hundred years."""


def find_saml_provider(ctx: Context, arn: str) -> SamlProvider:
    """The provider of that ARN; raises InvalidInput or NoSuchEntity."""
    naming.check_arn(ctx, arn, "saml-provider")
    found = ctx.get(SamlProvider, arn)
    if found is None:
        raise errors.saml_provider_not_found(arn)
    return found


def provider_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req["SAMLProviderArn"]
    return arn


def new_provider_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a provider about to be made will have."""
    return ctx.arn("iam", f"saml-provider/{req['Name']}", region="")


@operation(on=new_provider_arn)
def create_saml_provider(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _refuse_encryption(req)
    refuse_propagation(req, "CreateSAMLProvider")
    arn = new_provider_arn(ctx, req)
    if ctx.get(SamlProvider, arn):
        raise errors.already_exists(f"SAML Provider {req['Name']} already exists.")
    quotas.check(ctx.where(SamlProvider).count(), quotas.SAML_PROVIDERS, "SAMLProvidersPerAccount")
    issuer, certificates, until = read_metadata(req["SAMLMetadataDocument"])
    now = naming.now(ctx)
    provider = SamlProvider(
        arn=arn,
        name=req["Name"],
        uuid=ctx.ids.uuid(),
        metadata=req["SAMLMetadataDocument"],
        created=now,
        valid_until=until or now + LASTS,
        issuer=issuer,
        certificates=certificates,
    )
    ctx.put(provider)
    tags.put(ctx, arn, req.get("Tags"))
    return {"SAMLProviderArn": arn} | tags.to_wire(ctx, arn)


@operation(on=provider_arn)
def update_saml_provider(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _refuse_encryption(req)
    provider = find_saml_provider(ctx, req["SAMLProviderArn"])
    check_removals(req)
    refuse_propagation(req, "UpdateSAMLProvider")
    if req.get("SAMLMetadataDocument"):
        issuer, certificates, until = read_metadata(req["SAMLMetadataDocument"])
        if issuer != provider.issuer:
            raise errors.invalid_input("The issuer in the metadata document does not match the provider's.")
        valid_until = until or naming.now(ctx) + LASTS
        ctx.put(replace(provider, metadata=req["SAMLMetadataDocument"], certificates=certificates, valid_until=valid_until))
    return {"SAMLProviderArn": provider.arn}


@operation(on=provider_arn)
def get_saml_provider(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    provider = find_saml_provider(ctx, req["SAMLProviderArn"])
    wire = {
        "SAMLProviderUUID": provider.uuid,
        "SAMLMetadataDocument": provider.metadata,
        "CreateDate": provider.created,
        "ValidUntil": provider.valid_until,
    }
    return wire | tags.to_wire(ctx, provider.arn)


@operation()
def list_saml_providers(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = [
        {
            "Arn": provider.arn,
            "ValidUntil": provider.valid_until,
            "CreateDate": provider.created,
            "IsTrustedIdentityPropagationEnabled": False,
        }
        for provider in ctx.where(SamlProvider)
    ]
    return {"SAMLProviderList": found}


@operation(on=provider_arn)
def delete_saml_provider(ctx: Context, req: dict[str, Any]) -> None:
    provider = find_saml_provider(ctx, req["SAMLProviderArn"])
    ctx.set_tags(provider.arn, {})
    ctx.delete(provider)


def read_metadata(text: str) -> tuple[str, tuple[bytes, ...], datetime | None]:
    """Issuer, signing certificates (DER) and validUntil of a metadata document; raises InvalidInput."""
    unreadable = errors.invalid_input("Could not parse metadata")
    # A document type could pull in entities; metadata has none.
    if "<!DOCTYPE" in text.upper():
        raise unreadable
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise unreadable from None
    entity = root if root.tag == f"{MD}EntityDescriptor" else root.find(f".//{MD}EntityDescriptor")
    descriptor = entity.find(f"{MD}IDPSSODescriptor") if entity is not None else None
    if entity is None or descriptor is None or not entity.get("entityID"):
        raise unreadable
    certificates = []
    for key in descriptor.findall(f"{MD}KeyDescriptor"):
        if key.get("use", "signing") == "signing":
            certificates += [_der(node.text or "", unreadable) for node in key.iter(f"{DS}X509Certificate")]
    if not certificates:
        raise unreadable
    until = entity.get("validUntil")
    try:
        return entity.get("entityID", ""), tuple(certificates), datetime.fromisoformat(until) if until else None
    except ValueError:
        raise unreadable from None


def _der(text: str, unreadable: Exception) -> bytes:
    from cryptography import x509

    try:
        der = base64.b64decode("".join(text.split()), validate=True)
        x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError):
        raise unreadable from None
    return der


def _refuse_encryption(req: dict[str, Any]) -> None:
    if req.get("AddPrivateKey") or req.get("RemovePrivateKey") or req.get("AssertionEncryptionMode"):
        raise not_implemented("iam", "CreateSAMLProvider", "encrypted assertions")
