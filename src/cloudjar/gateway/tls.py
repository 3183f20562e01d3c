"""The jar's own certificate authority, and the certificates that it makes up for whatever name a client asks for."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_NAMES = ("localhost", "*.localhost", "localhost.localstack.cloud", "*.localhost.localstack.cloud", "127.0.0.1", "::1")
_CONTEXTS_LIMIT = 256
_CA_DAYS = 3650
_LEAF_DAYS = 397
_BACKDATED = timedelta(days=1)  # For clients, virtual machines above all, whose clock is behind.


class Authority:
    """A local CA in `directory`, made at first need and kept: `ca-key.pem` (mode 0600) and `ca.pem`.

    `clock` is wall time in seconds: certificates do not follow a world's clock. Nothing here is trusted by anyone who has not been given
    `ca.pem`. It is an EC P-256 CA without name constraints, for it answers to every name that clients are pointed here by.
    """

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._ca: tuple[EllipticCurvePrivateKey, x509.Certificate] | None = None
        self._leaf_key: EllipticCurvePrivateKey | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._trust: Path | None = None

    def certificate(self) -> Path:
        """The CA's certificate alone, for what *adds* to the public roots: NODE_EXTRA_CA_CERTS, a system's trust store."""
        self._load()
        return self._directory / "ca.pem"

    def bundle(self) -> Path:
        """The CA and the public roots, for what *replaces* them: AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE.

        With our CA alone every other https call from the same shell (a login page, another profile's real endpoint) would fail on its
        certificate, and look like a fault of ours. The roots are those that botocore itself brings and trusts by default.
        """
        own = self.certificate().read_bytes()
        path = self._directory / "bundle.pem"
        content = own + _public_roots()
        if not path.exists() or path.read_bytes() != content:
            _write(path, content)
        return path

    def trust(self) -> Path:
        """A directory for sandboxes to show as their system's certificates: the public roots and this CA."""
        if self._trust is None or not self._trust.exists():
            from cloudjar.gateway import trust

            _, certificate = self._load()
            names = tuple((_der_of(attribute.oid), str(attribute.value)) for attribute in certificate.subject)
            own = (self._directory / "ca.pem").read_bytes()
            self._trust = trust.directory(self._directory, own, names, _public_roots(), self._clock())
        return self._trust

    def context(self, address: str) -> ssl.SSLContext:
        """For a client that connects to the IP `address`: that address and the local names, or the name that it asks for by SNI."""
        return self._context_for(address.partition("%")[0])

    def _context_for(self, name: str) -> ssl.SSLContext:
        context = self._contexts.pop(name, None)
        if context is None:
            context = self._make_context(name)
            if len(self._contexts) >= _CONTEXTS_LIMIT:
                del self._contexts[next(iter(self._contexts))]
        self._contexts[name] = context  # The most recently used is the last.
        return context

    def _make_context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.sni_callback = self._choose
        pem = self._issue(name)
        with tempfile.NamedTemporaryFile(dir=self._directory, suffix=".pem") as file:  # ssl loads keys from files only.
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> int | None:
        if name and _HOST_NAME.fullmatch(name.lower()):
            connection.context = self._context_for(name.lower())
        return None

    # -- certificates --------------------------------------------------------------------------------------------------------------

    def _load(self) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        """The CA of this directory: read, or made when there is none or it has run out."""
        if self._ca is None:
            from cryptography import x509
            from cryptography.hazmat.primitives.asymmetric import ec
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            try:
                key = load_pem_private_key((self._directory / "ca-key.pem").read_bytes(), None)
                certificate = x509.load_pem_x509_certificate((self._directory / "ca.pem").read_bytes())
            except (FileNotFoundError, ValueError):
                self._ca = self._found()
            else:
                usable = isinstance(key, ec.EllipticCurvePrivateKey) and certificate.public_key() == key.public_key()
                still_valid = certificate.not_valid_after_utc > self._now() + timedelta(days=_LEAF_DAYS)
                self._ca = (key, certificate) if isinstance(key, ec.EllipticCurvePrivateKey) and usable and still_valid else self._found()
        return self._ca

    def _found(self) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        # The serial number in the name tells two jars' CAs apart in a trust store, and to a verifier that looks issuers up by name.
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cloudjar"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"cloudjar local CA {serial:x}"[:64]),
            ]
        )
        certificate = (
            self._builder(key.public_key(), serial, _CA_DAYS)
            .subject_name(name)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self._directory / "ca-key.pem", _key_pem(key))
        _write(self._directory / "ca.pem", _certificate_pem(certificate))
        return key, certificate

    def _issue(self, name: str) -> bytes:
        """A key and a certificate for `name`, in PEM; an IP address's certificate is good for the local names too."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        ca_key, ca = self._load()
        if self._leaf_key is None:
            self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        key = self._leaf_key
        alternatives = dict.fromkeys((name, *_LOCAL_NAMES))
        certificate = (
            self._builder(key.public_key(), x509.random_serial_number(), _LEAF_DAYS)
            .subject_name(x509.Name([]))
            .issuer_name(ca.subject)
            # Critical, because the subject is empty (RFC 5280, 4.2.1.6): a common name holds 64 characters, a host name 253.
            .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in alternatives]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        return _key_pem(key) + _certificate_pem(certificate)

    def _builder(self, public_key: Any, serial: int, days: int) -> x509.CertificateBuilder:
        from cryptography import x509

        start = self._now() - _BACKDATED
        builder = x509.CertificateBuilder().public_key(public_key).serial_number(serial)
        return builder.not_valid_before(start).not_valid_after(start + timedelta(days=days))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _public_roots() -> bytes:
    """The roots that botocore brings along."""
    spec = find_spec("botocore")
    roots = Path(spec.origin).with_name("cacert.pem") if spec is not None and spec.origin else None
    return roots.read_bytes() if roots is not None and roots.exists() else b""


def _der_of(oid: x509.ObjectIdentifier) -> bytes:
    """An attribute of a name, 2.5.4.N, in DER (X.690, 8.19)."""
    first, second, *rest = map(int, oid.dotted_string.split("."))
    if any(number > 127 for number in rest):
        raise ValueError(f"not an attribute of our names: {oid.dotted_string}")
    content = bytes([first * 40 + second, *rest])
    return bytes([6, len(content)]) + content


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    """Put a file in place whole, readable by its owner only."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
