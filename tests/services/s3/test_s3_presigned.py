"""Presigned URLs with keys that IAM issued: the signature is verified, in Version 4 and in Version 2, which boto3 still makes."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config


@pytest.fixture
def key(world):
    iam = world.client("iam")
    iam.create_user(UserName="jane")
    iam.attach_user_policy(UserName="jane", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    return iam.create_access_key(UserName="jane")["AccessKey"]


@pytest.fixture(params=["s3v4", "s3"], ids=["version 4", "version 2"])
def sign(world, key, request):
    """Makes URLs that lead to this world's socket."""
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    config = Config(signature_version=request.param, s3={"addressing_style": "path"})
    client = session.client("s3", endpoint_url=world.endpoint, config=config)

    def sign(operation, expires=600, **params):
        url = client.generate_presigned_url(operation, Params=params, ExpiresIn=expires)
        assert ("AWSAccessKeyId=" in url) == (request.param == "s3")
        return url

    return sign


def fetch(url, method="GET", data=None, **headers):
    """By hand: urllib adds a content type of its own, which Version 2 signs."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, f"{parts.path}?{parts.query}", data, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_an_objects_whole_life(s3, versioned, sign):
    at = {"Bucket": versioned, "Key": "a b/ü+&.txt"}
    status, headers, _ = fetch(sign("put_object", ContentType="text/plain", **at), "PUT", b"signed", **{"Content-Type": "text/plain"})
    assert status == 200
    version = headers["x-amz-version-id"]
    assert fetch(sign("get_object", **at))[2] == b"signed"
    assert fetch(sign("get_object", VersionId=version, ResponseContentType="text/css", **at))[1]["content-type"] == "text/css"
    assert fetch(sign("head_object", **at), "HEAD")[1]["content-length"] == "6"
    assert b"<Key>a%20b/" in fetch(sign("list_objects_v2", Bucket=versioned, Prefix="a b"))[2]
    assert fetch(sign("delete_object", **at), "DELETE")[0] == 204
    assert fetch(sign("get_object", **at))[0] == 404
    assert fetch(sign("delete_object", VersionId=version, **at), "DELETE")[0] == 204


def test_a_multipart_upload_through_urls(s3, bucket, sign):
    at = {"Bucket": bucket, "Key": "big"}
    upload = s3.create_multipart_upload(**at)["UploadId"]
    etag = fetch(sign("upload_part", UploadId=upload, PartNumber=1, **at), "PUT", b"part")[1]["etag"]
    parts = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    assert fetch(sign("complete_multipart_upload", UploadId=upload, **at), "POST", parts.encode())[0] == 200
    assert s3.get_object(**at)["Body"].read() == b"part"


def test_what_was_not_signed_is_refused(s3, bucket, sign):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    url = sign("get_object", Bucket=bucket, Key="k")
    status, _, body = fetch(url.replace("/k?", "/other?"))
    assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
    status, _, body = fetch(url, "DELETE")
    assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
    assert fetch(url)[2] == b"1"


def test_a_url_ends(s3, bucket, sign):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    status, _, body = fetch(sign("get_object", expires=-5, Bucket=bucket, Key="k"))
    assert status in (400, 403)
    assert b"<Code>AccessDenied</Code>" in body or b"<Code>AuthorizationQueryParametersError</Code>" in body


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_url_that_a_placeholder_signed_ends_too(world, s3, bucket, version):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    client = boto3.client(
        "s3", endpoint_url=world.endpoint, config=config, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert fetch(url)[2] == b"1"
    if version == "s3":
        old = re.sub("Expires=[0-9]+", "Expires=1700000000", url)
    else:
        old = re.sub("X-Amz-Date=[0-9]{8}", "X-Amz-Date=20250101", re.sub("%2F[0-9]{8}%2F", "%2F20250101%2F", url))
    status, _, body = fetch(old)
    assert (status, b"<Message>Request has expired</Message>" in body) == (403, True)
