"""https on the same port, with certificates that stock clients verify."""

from __future__ import annotations

import socket
import ssl
import stat
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from cloudjar.gateway.tls import Authority
from cloudjar.wire.http import FileBody, Request, Response

GET = b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", time.time)


def secure(served: Any, authority: Authority, name: str, *, address: str = "127.0.0.1") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority.certificate()))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context.wrap_socket(socket.create_connection((address, served.port), 20), server_hostname=name)


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "bucket.localhost",
        "a.b.localhost",
        "localhost.localstack.cloud",
        "s3.localhost.localstack.cloud",
        "b.s3.us-east-1.amazonaws.com",
        "s3.amazonaws.com",
        "a.very-deep.name.execute-api.eu-west-1.amazonaws.com",
        "cloudjar",
        "MiXed.Example",
        "under_score.example",
        "a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 61,
    ],
)
def test_a_verifying_client_accepts_the_certificate_for_any_name(serve: Any, authority: Authority, name: str) -> None:
    with secure(serve(tls=authority), authority, name) as connection:
        connection.sendall(GET)
        assert b"x-scheme: https" in connection.recv(4096)


def test_the_address_that_a_client_connects_to_is_in_its_certificate(serve: Any, authority: Authority) -> None:
    with secure(serve(tls=authority, host="127.0.0.3"), authority, "127.0.0.3", address="127.0.0.3") as connection:
        assert ("IP Address", "127.0.0.3") in connection.getpeercert()["subjectAltName"]  # type: ignore[index]


def test_ipv6_works_too(serve: Any, authority: Authority) -> None:
    try:
        served = serve(tls=authority, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with secure(served, authority, "::1", address="::1") as connection:
        connection.sendall(GET)
        assert b"200 OK" in connection.recv(4096)


def test_plain_http_works_on_the_same_port(serve: Any, authority: Authority) -> None:
    served = serve(tls=authority)
    assert served.ask(GET).headers["x-scheme"] == "http"
    with secure(served, authority, "localhost"):
        assert served.ask(GET).headers["x-scheme"] == "http"


def test_without_certificates_a_tls_client_is_sent_away(serve: Any) -> None:
    client = serve().connect()
    client.send(b"\x16\x03\x01\x02\x00\x01")
    assert client.is_closed()


def test_a_client_that_does_not_trust_the_ca_harms_nobody(serve: Any, authority: Authority) -> None:
    served = serve(tls=authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", served.port), 20), server_hostname="localhost")
    assert served.ask(GET).status == 200
    assert not served.errors


def test_a_broken_handshake_harms_nobody(serve: Any, authority: Authority) -> None:
    served = serve(tls=authority)
    for garbage in (b"\x16" * 100, b"\x16\x03\x01\x00\x05hello", b"\x16"):
        client = served.connect()
        client.send(garbage)
        client.socket.shutdown(socket.SHUT_WR)
        try:
            client.file.read()
        except ConnectionResetError:
            pass
    assert served.ask(GET).status == 200
    assert not served.errors


def test_a_handshake_that_never_ends_is_given_up(serve: Any, authority: Authority) -> None:
    client = serve(tls=authority, request_ticks=3, tick_seconds=0.02).connect()
    client.send(b"\x16\x03")
    assert client.is_closed()


def test_a_large_body_goes_up_and_a_file_comes_down(serve: Any, authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "object"

    async def app(request: Request) -> Response:
        with path.open("wb") as file:
            async for chunk in request.body:
                file.write(chunk)
        return Response(200, {}, FileBody.open(path))

    data = bytes(range(256)) * 20_000
    with secure(serve(app, tls=authority), authority, "localhost") as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        heard = b""
        while piece := connection.recv(1 << 20):
            heard += piece
    assert heard.split(b"\r\n\r\n", 1)[1] == data


def test_the_ca_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = Authority(tmp_path / "ca", time.time).certificate().read_bytes()
    assert Authority(tmp_path / "ca", time.time).certificate().read_bytes() == first


def test_the_ca_is_made_anew_before_its_certificates_would_outlive_it(tmp_path: Path) -> None:
    first = Authority(tmp_path / "ca", time.time).certificate().read_bytes()
    late = time.time() + 9.5 * 365 * 86400
    assert Authority(tmp_path / "ca", lambda: late).certificate().read_bytes() != first


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    Authority(tmp_path / "ca", time.time)
    assert not (tmp_path / "ca").exists()


def test_the_keys_are_for_their_owner_only(authority: Authority) -> None:
    authority.bundle()
    authority.context("127.0.0.1")
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in authority.certificate().parent.iterdir()}
    assert files == {"ca-key.pem": 0o600, "ca.pem": 0o600, "bundle.pem": 0o600}


def test_certificates_are_kept_but_not_without_bound(authority: Authority) -> None:
    kept = authority.context("127.0.0.1")
    assert authority.context("127.0.0.1") is kept
    for i in range(300):
        authority._context_for(f"b{i}.localhost")
        authority.context("127.0.0.1")
    assert authority.context("127.0.0.1") is kept
    assert len(authority._contexts) <= 256


def test_boto3_verifies_it_with_the_bundle(serve: Any, authority: Authority) -> None:
    async def app(request: Request) -> Response:
        return Response(200, {"etag": '"e"', "x-scheme": request.scheme, "x-size": str(len(await request.body.read(1 << 20)))})

    served = serve(app, tls=authority)
    s3 = boto3.client(
        "s3",
        endpoint_url=f"https://localhost:{served.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        verify=str(authority.bundle()),
    )
    headers = s3.put_object(Bucket="b", Key="k", Body=b"hello")["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-scheme"], headers["x-size"]) == ("https", str(len("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n")))


def test_the_bundle_keeps_the_public_roots(authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.bundle()))
    assert context.cert_store_stats()["x509_ca"] > 50
