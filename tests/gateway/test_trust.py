"""What sandboxes trust, held against the tools that read it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cloudjar.gateway.tls import Authority
from cloudjar.kernel.clock import wall_seconds


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", wall_seconds)


def test_the_ca_stands_among_the_public_roots(authority: Authority) -> None:
    trust = authority.trust()
    own = authority.certificate().read_bytes()
    for name in ("ca-certificates.crt", "ca-bundle.crt", "cert.pem"):
        content = (trust / name).read_bytes()
        assert content.startswith(own)
        assert content.count(b"BEGIN CERTIFICATE") > 50


def test_it_is_made_once_and_anew_for_another_ca(authority: Authority, tmp_path: Path) -> None:
    first = authority.trust()
    assert Authority(tmp_path / "ca", wall_seconds).trust() == first
    (tmp_path / "ca" / "ca.pem").unlink()
    second = Authority(tmp_path / "ca", wall_seconds).trust()
    assert second != first
    assert [path.name for path in (tmp_path / "ca").glob("trust-*")] == [second.name]


def test_everybody_may_read_it(authority: Authority) -> None:
    for path in [authority.trust(), *authority.trust().rglob("*")]:
        if not path.is_symlink():
            assert path.stat().st_mode & 0o044 == 0o044, path


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_openssl_finds_the_ca_by_its_hash(authority: Authority) -> None:
    ca = str(authority.certificate())
    hash = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", ca], capture_output=True, text=True, check=True).stdout.strip()
    assert (authority.trust() / f"{hash}.0").read_bytes() == authority.certificate().read_bytes()


@pytest.mark.skipif(not shutil.which("keytool"), reason="no keytool (a JDK)")
def test_java_opens_the_trust_store(authority: Authority) -> None:
    command = ["keytool", "-list", "-v", "-keystore", str(authority.trust() / "java/cacerts"), "-storepass", "changeit"]
    said = subprocess.run(command, capture_output=True, text=True)
    assert "O=cloudjar" in said.stdout and said.stdout.count("trustedCertEntry") > 50, said.stdout[:500] + said.stderr
