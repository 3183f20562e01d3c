"""What a sandbox trusts: a directory of certificates in every form that programs look for, the jar's CA among the public roots."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import struct
import tempfile
from pathlib import Path

PLACES = (Path("/etc/ssl/certs"), Path("/etc/pki/tls/certs"))
BUNDLES = ("ca-certificates.crt", "ca-bundle.crt")
"""Debian's name for the one file with all roots, and Amazon Linux's."""
OWN = "cloudjar.pem"
JAVA = "java/cacerts"
_JKS_MAGIC, _JKS_VERSION, _JKS_CERTIFICATE = 0xFEEDFEED, 2, 2
_JKS_PASSWORD = "changeit"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def directory(parent: Path, ca: bytes, names: tuple[tuple[bytes, str], ...], fallback: bytes, now: float) -> Path:
    """The directory for a CA, made in `parent` unless it is there: all may read it. `fallback` are roots for a machine that has none.

    `names` is the CA's subject, as (OID in DER, value); `now` is in seconds, for the entries of Java's trust store.
    """
    place = next((place for place in PLACES if any((place / name).exists() for name in BUNDLES)), None)
    roots = _bundle(place) if place else fallback
    bundle = ca + roots
    home = parent / f"trust-{hashlib.sha256(bundle).hexdigest()[:16]}"
    if home.exists():
        return home
    for old in parent.glob("trust-*"):
        shutil.rmtree(old, ignore_errors=True)
    made = Path(tempfile.mkdtemp(dir=parent))
    made.chmod(0o755)
    if place:
        _copy(place, made)
    for name in (*BUNDLES, "cert.pem"):
        _write(made / name, bundle)
    _write(made / OWN, ca)
    os.symlink(OWN, made / f"{subject_hash(names):08x}.0")
    (made / "java").mkdir(mode=0o755)
    _write(made / JAVA, java_trust_store(bundle, now))
    made.rename(home)
    return home


def _bundle(place: Path) -> bytes:
    for name in BUNDLES:
        try:
            return (place / name).read_bytes()
        except OSError:
            continue
    return b""


def _copy(place: Path, made: Path) -> None:
    """The single certificates, which OpenSSL finds by links that their subjects' hashes name."""
    for entry in os.scandir(place):
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), made / entry.name)
        elif entry.is_file() and entry.name not in (*BUNDLES, "cert.pem", OWN):
            try:
                _write(made / entry.name, Path(entry.path).read_bytes())
            except OSError:
                continue


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)


def subject_hash(names: tuple[tuple[bytes, str], ...]) -> int:
    """OpenSSL's X509_NAME_hash: of the names in small letters, with single spaces, as UTF8String, without the outer sequence."""
    encoded = b""
    for oid, value in names:
        text = " ".join(value.split()).lower().encode()
        encoded += _der(0x31, _der(0x30, oid + _der(0x0C, text)))
    return int.from_bytes(hashlib.sha1(encoded, usedforsecurity=False).digest()[:4], "little")


def _der(tag: int, content: bytes) -> bytes:
    if len(content) > 127:
        raise ValueError("a name this long is none of ours")
    return bytes([tag, len(content)]) + content


def java_trust_store(bundle: bytes, now: float) -> bytes:
    """The certificates as Java's own key store (JKS): the only form that every Java since 8 opens with the usual password and with none."""
    certificates = [base64.b64decode(body) for body in _PEM.findall(bundle)]
    out = struct.pack("!III", _JKS_MAGIC, _JKS_VERSION, len(certificates))
    for number, certificate in enumerate(certificates):
        out += struct.pack("!I", _JKS_CERTIFICATE) + _utf(f"root{number}") + struct.pack("!Q", int(now * 1000))
        out += _utf("X.509") + struct.pack("!I", len(certificate)) + certificate
    # sun.security.provider.JavaKeyStore: a digest with the password and these words before the content.
    salted = _JKS_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + out
    return out + hashlib.sha1(salted, usedforsecurity=False).digest()


def _utf(text: str) -> bytes:
    return struct.pack("!H", len(text)) + text.encode()
