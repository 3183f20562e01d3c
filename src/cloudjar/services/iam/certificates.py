"""Reading certificates and keys in PEM; cryptography is loaded only where one is read."""

from __future__ import annotations

import re
from datetime import datetime

from cloudjar.kernel.errors import AwsError
from cloudjar.services.iam import errors

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def expiry(pem: str) -> datetime:
    """When a certificate ends; raises MalformedCertificate."""
    from cryptography import x509

    if len(_BLOCK.findall(pem)) != 1:
        raise errors.bad_certificate()
    try:
        return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError:
        raise errors.bad_certificate() from None


def check_chain(pem: str) -> None:
    """Raises MalformedCertificate unless it is a row of certificates."""
    from cryptography import x509

    blocks = _BLOCK.findall(pem)
    if not blocks:
        raise errors.bad_certificate("Unable to parse certificate chain. Please ensure the certificates are in PEM format.")
    try:
        for block in blocks:
            x509.load_pem_x509_certificate(block.encode())
    except ValueError:
        raise errors.bad_certificate() from None


def check_pair(certificate: str, private_key: str) -> None:
    """Raises MalformedCertificate for what is no key, KeyPairMismatch for one of another certificate."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(private_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise AwsError(
            "MalformedCertificate", "Unable to parse private key. Please ensure the key is in PEM format, without a passphrase."
        ) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if x509.load_pem_x509_certificate(certificate.encode()).public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise AwsError("KeyPairMismatch", "The public key certificate and the private key do not match.")
