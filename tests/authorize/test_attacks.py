"""What attackers try: forged chunks, old links, borrowed tokens, doubled headers, confused deputies."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from people import document

V4 = Config(signature_version="s3v4")
EMPTY = hashlib.sha256(b"").hexdigest()


def send(world, method, path, headers, body=b""):
    """One request as it is, over a socket; (status, body)."""
    connection = http.client.HTTPConnection(urlsplit(world.endpoint).netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def signed(world, person, method, path, headers=None, *, service="s3", region="us-east-1", body=b""):
    """The headers of a request that botocore signed."""
    request = AWSRequest(method, world.endpoint + path, headers=headers or {}, data=body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(person.key, person.secret), service, region).add_auth(request)
    return [("Host", urlsplit(world.endpoint).netloc), *request.headers.items()]


def chunked(person, headers, chunks):
    """A body in signed chunks."""
    found = {name.lower(): value for name, value in headers}
    stamp, previous = found["x-amz-date"], found["authorization"].rpartition("Signature=")[2]
    key = b"AWS4" + person.secret.encode()
    for part in (stamp[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    body = b""
    for chunk in [*chunks, b""]:
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{EMPTY}\n{hashlib.sha256(chunk).hexdigest()}"
        previous = hmac.digest(key, text.encode(), "sha256").hex()
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    return body


class ChunkedAuth(S3SigV4Auth):
    """Signs for a body in chunks."""

    def payload(self, request):
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.fixture
def ann(world, person):
    world.client("s3").create_bucket(Bucket="target")
    return person("ann", {"Action": "*"})


def chunked_put(world, ann, chunks, tamper):
    total = sum(len(chunk) for chunk in chunks)
    headers = {"x-amz-decoded-content-length": str(total), "content-encoding": "aws-chunked"}
    request = AWSRequest("PUT", world.endpoint + "/target/k", headers=headers)
    ChunkedAuth(Credentials(ann.key, ann.secret), "s3", "us-east-1").add_auth(request)
    named = [("Host", urlsplit(world.endpoint).netloc), *request.headers.items()]
    body = tamper(chunked(ann, named, chunks))
    return send(world, "PUT", "/target/k", [*named, ("Content-Length", str(len(body)))], body)


def test_signed_chunks_are_taken(world, ann):
    assert chunked_put(world, ann, [b"a" * 70_000, b"b" * 10], lambda body: body)[0] == 200
    assert world.client("s3").get_object(Bucket="target", Key="k")["ContentLength"] == 70_010


def test_a_forged_chunk_undoes_the_upload(world, ann):
    status, text = chunked_put(world, ann, [b"a" * 70_000, b"b" * 10], lambda body: body.replace(b"bbbb", b"bbbX"))
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert "Contents" not in world.client("s3").list_objects_v2(Bucket="target")


def test_a_presigned_link_ends(world, ann):
    world.client("s3").put_object(Bucket="target", Key="k", Body=b"v")
    url = ann.client("s3", config=V4).generate_presigned_url("get_object", Params={"Bucket": "target", "Key": "k"}, ExpiresIn=600)
    parts = urlsplit(url)
    host = [("Host", parts.netloc)]
    assert send(world, "GET", f"{parts.path}?{parts.query}", host)[0] == 200
    longer = f"{parts.path}?{parts.query}".replace("X-Amz-Expires=600", "X-Amz-Expires=6000")
    assert "SignatureDoesNotMatch" in send(world, "GET", longer, host)[1]
    other = f"{parts.path}2?{parts.query}"
    assert "SignatureDoesNotMatch" in send(world, "GET", other, host)[1]


def test_a_presigned_link_of_yesterday_is_refused(world, ann):
    old = datetime.now(UTC) - timedelta(days=1)
    url = ann.client("s3", config=V4).generate_presigned_url("get_object", Params={"Bucket": "target", "Key": "k"}, ExpiresIn=600)
    parts = urlsplit(url)
    stamp = old.strftime("%Y%m%dT%H%M%SZ")
    query = "&".join(f"X-Amz-Date={stamp}" if item.startswith("X-Amz-Date=") else item for item in parts.query.split("&"))
    query = query.replace(datetime.now(UTC).strftime("%Y%m%d") + "%2F", stamp[:8] + "%2F")
    status, text = send(world, "GET", f"{parts.path}?{query}", [("Host", parts.netloc)])
    assert (status, "Request has expired" in text) == (403, True)


def test_a_second_authorization_header_is_refused(world, ann):
    headers = signed(world, ann, "GET", "/target")
    status, text = send(world, "GET", "/target", [*headers, ("Authorization", "AWS4-HMAC-SHA256 Credential=x")])
    assert status in (400, 403), text


def test_header_and_link_at_once_are_refused(world, ann):
    url = ann.client("s3", config=V4).generate_presigned_url("list_objects_v2", Params={"Bucket": "target"})
    headers = signed(world, ann, "GET", "/target")
    status, text = send(world, "GET", f"/target?{urlsplit(url).query}", headers)
    assert (status, "Only one auth mechanism allowed" in text) == (400, True)


def test_another_algorithm_is_refused(world, ann):
    headers = [(name, value.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5")) for name, value in signed(world, ann, "GET", "/target")]
    assert send(world, "GET", "/target", headers)[0] == 400


def test_a_path_that_is_normal_to_some_is_signed_as_it_is(world, ann):
    headers = signed(world, ann, "GET", "/target/a/../k")
    assert send(world, "GET", "/target/k", headers)[0] == 403


def test_a_body_added_to_a_signed_call_is_refused(world, ann):
    body = b"Action=GetUser&Version=2010-05-08"
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    headers = signed(world, ann, "POST", "/", kind, service="iam", body=body)
    sent = body.replace(b"GetUser", b"ListUsers")
    named = [(name, value) for name, value in headers if name.lower() != "content-length"]
    status, text = send(world, "POST", "/", [*named, ("Content-Length", str(len(sent)))], sent)
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)


def test_a_service_without_the_right_source_is_a_confused_deputy(world):
    s3, trail = world.client("s3"), world.client("cloudtrail")
    s3.create_bucket(Bucket="deputy")
    grant = {
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::deputy/*",
        "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:000000000000:trail/mine"}},
    }
    s3.put_bucket_policy(Bucket="deputy", Policy=document(grant))
    with pytest.raises(ClientError) as caught:
        world.client("cloudtrail", access_key="111122223333").create_trail(Name="mine", S3BucketName="deputy")
    assert caught.value.response["Error"]["Code"] == "InsufficientS3BucketPolicyException"
    trail.create_trail(Name="mine", S3BucketName="deputy")


def test_an_encoded_authorization_message_opens_only_with_permission(world, person):
    from cloudjar.identity import encoded_message

    seed = world.local.do(lambda: world._world().seed)
    sealed = encoded_message.encode({"allowed": False}, seed)
    bob = person("bob")
    with pytest.raises(ClientError) as caught:
        bob.client("sts").decode_authorization_message(EncodedMessage=sealed)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    bob.allow({"Action": "sts:DecodeAuthorizationMessage"})
    told = bob.client("sts").decode_authorization_message(EncodedMessage=sealed)["DecodedMessage"]
    assert json.loads(told) == {"allowed": False}
