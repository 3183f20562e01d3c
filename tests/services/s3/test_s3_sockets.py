"""S3 over real sockets: presigned URLs, aws-chunked uploads, the stock CLI."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64


@pytest.fixture
def signer(world):
    """A client whose presigned URLs lead to this world's socket."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, read_timeout=5, retries={"max_attempts": 0})
    return boto3.Session(**keys).client("s3", endpoint_url=world.endpoint, config=config)


def open_url(url, method="GET", data=None):
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
        return answer.status, answer.headers, answer.read()


def put_chunked(world, key, chunks, trailers="", **headers):
    """An upload in aws-chunked encoding, as SDKs send it over TLS."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers.encode() + b"\r\n"
    connection = http.client.HTTPConnection(urlsplit(world.endpoint).netloc)
    sent = {
        "authorization": AUTHORIZATION,
        "x-amz-date": "20260101T000000Z",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(sum(map(len, chunks))),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection.request("PUT", f"/photos/{key}", body, sent)
    answer = connection.getresponse()
    return answer.status, answer.read()


def crc32(data):
    return b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_presigned_urls_put_get_head_and_delete(s3, bucket, signer):
    target = {"Bucket": bucket, "Key": "a b/ü"}
    assert open_url(signer.generate_presigned_url("put_object", Params=target), "PUT", b"signed")[0] == 200
    assert open_url(signer.generate_presigned_url("get_object", Params=target))[2] == b"signed"
    assert open_url(signer.generate_presigned_url("head_object", Params=target), "HEAD")[1]["content-length"] == "6"
    assert open_url(signer.generate_presigned_url("delete_object", Params=target), "DELETE")[0] == 204
    with pytest.raises(urllib.error.HTTPError, match="404"):
        open_url(signer.generate_presigned_url("get_object", Params=target))


def test_a_presigned_url_may_override_headers(s3, bucket, signer):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    params = {"Bucket": bucket, "Key": "k", "ResponseContentDisposition": 'attachment; filename="x y.txt"'}
    assert (
        open_url(signer.generate_presigned_url("get_object", Params=params))[1]["content-disposition"] == 'attachment; filename="x y.txt"'
    )


def test_chunks_are_joined_and_the_trailing_checksum_verified(world, s3, bucket):
    chunks = [b"a" * 70_000, b"b" * 70_000, b"c"]
    data = b"".join(chunks)
    trailer = f"x-amz-checksum-crc32:{crc32(data)}\r\n"
    assert put_chunked(world, "k", chunks, trailer, x_amz_trailer="x-amz-checksum-crc32")[0] == 200
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ChecksumCRC32"]) == (data, crc32(data))
    assert "ContentEncoding" not in got


def test_a_wrong_trailing_checksum_is_refused(world, bucket):
    trailer = f"x-amz-checksum-crc32:{crc32(b'other')}\r\n"
    status, body = put_chunked(world, "k", [b"data"], trailer, x_amz_trailer="x-amz-checksum-crc32")
    assert status == 400 and b"<Code>BadDigest</Code>" in body


def test_an_announced_trailer_must_come(world, bucket):
    status, body = put_chunked(world, "k", [b"data"], x_amz_trailer="x-amz-checksum-crc32")
    assert status == 400 and b"<Code>MalformedTrailerError</Code>" in body


def test_the_decoded_length_must_be_right(world, bucket):
    status, body = put_chunked(world, "k", [b"data"], x_amz_decoded_content_length="9")
    assert status == 400 and b"<Code>IncompleteBody</Code>" in body


def test_an_encoding_besides_aws_chunked_is_kept(world, s3, bucket):
    assert put_chunked(world, "k", [b"data"], content_encoding="aws-chunked,gzip")[0] == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"


def test_the_signed_hash_of_the_body_is_verified(world, bucket):
    connection = http.client.HTTPConnection(urlsplit(world.endpoint).netloc)
    headers = {"authorization": AUTHORIZATION, "x-amz-date": "20260101T000000Z", "x-amz-content-sha256": "0" * 64}
    connection.request("PUT", "/photos/k", b"data", headers)
    answer = connection.getresponse()
    assert answer.status == 400 and b"<Code>XAmzContentSHA256Mismatch</Code>" in answer.read()


def test_an_upload_that_breaks_off_leaves_nothing(world, s3, bucket, aws_error):
    connection = http.client.HTTPConnection(urlsplit(world.endpoint).netloc)
    connection.putrequest("PUT", "/photos/k")
    for name, value in {"authorization": AUTHORIZATION, "x-amz-date": "20260101T000000Z", "content-length": "1000000"}.items():
        connection.putheader(name, value)
    connection.endheaders(b"x" * 300_000)
    connection.close()
    with aws_error("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def test_an_empty_upload_that_expects_it_gets_its_100_continue(world, bucket):
    # Without it, the CLI's botocore takes the next answer on the connection for something else, and waits a minute.
    host, port = urlsplit(world.endpoint).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"PUT /{bucket}/empty HTTP/1.1\r\nhost: x\r\nauthorization: {AUTHORIZATION}\r\nx-amz-date: 20260101T000000Z\r\n"
        connection.sendall(f"{head}expect: 100-continue\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_the_cli_syncs_a_tree_both_ways(world, bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for number in range(60):
        file = source / str(number % 4) / f"file {number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(number * 100))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": world.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }
    aws = str(Path(sys.executable).with_name("aws"))
    for one, other in ((source, f"s3://{bucket}/tree"), (f"s3://{bucket}/tree", target)):
        subprocess.run([aws, "s3", "sync", "--quiet", str(one), str(other)], env=environment, check=True, timeout=120)
    contents = [{str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()} for root in (source, target)]
    assert len(contents[0]) == 60 and contents[0] == contents[1]
