from __future__ import annotations

import http.client
import json
from base64 import b64encode
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def send(world, url, fields, data=b"file bytes", filename="cat.jpg", file_type="image/jpeg"):
    """The answer's (status, headers, body) to a form as a browser sends it."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: {file_type}\r\n\r\n'
    body = b"".join(parts) + head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    connection = http.client.HTTPConnection(urlsplit(world.endpoint).netloc)
    connection.request("POST", urlsplit(url).path, body, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


@pytest.fixture
def post(world, s3, bucket):
    def post(key="k", fields=None, conditions=None, expires=3600, **file):
        form = s3.generate_presigned_post(bucket, key, Fields=fields or {}, Conditions=conditions or [], ExpiresIn=expires)
        return send(world, form["url"], form["fields"], **file)

    return post


def test_a_signed_form_uploads_its_file(s3, bucket, post):
    status, headers, _ = post(data=b"hello\r\n--not the end\r\n")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (status, headers["etag"]) == (204, got["ETag"])
    assert (got["Body"].read(), got["ContentType"]) == (b"hello\r\n--not the end\r\n", "image/jpeg")


def test_a_large_file_streams_through(s3, bucket, post):
    data = bytes(range(256)) * 20_000
    post(data=data)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


def test_the_filename_may_be_part_of_the_key(s3, bucket, post):
    post(key="uploads/${filename}", filename="C:\\pictures\\cat.jpg")
    assert s3.head_object(Bucket=bucket, Key="uploads/cat.jpg")["ContentLength"] == 10


def test_fields_become_metadata_and_tags(s3, bucket, post):
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    fields = {"x-amz-meta-m": "1", "Content-Type": "text/x", "tagging": tagging}
    post(fields=fields, conditions=[{name: value} for name, value in fields.items()])
    got = s3.head_object(Bucket=bucket, Key="k")
    assert (got["Metadata"], got["ContentType"]) == ({"m": "1"}, "text/x")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_the_form_chooses_the_answer(post):
    status, headers, body = post(fields={"success_action_status": "201"}, conditions=[{"success_action_status": "201"}])
    assert status == 201 and b"<PostResponse" in body and b"<Key>k</Key>" in body and headers["location"].endswith("/photos/k")
    target = "http://example.com/done"
    status, headers, _ = post(fields={"success_action_redirect": target}, conditions=[{"success_action_redirect": target}])
    assert status == 303 and headers["location"].startswith(f"{target}?bucket=photos&key=k&etag=%22")


def test_a_field_that_the_policy_does_not_know_is_refused(s3, bucket, world):
    form = s3.generate_presigned_post(bucket, "k")
    status, _, body = send(world, form["url"], {**form["fields"], "x-amz-meta-extra": "1"})
    assert status == 403 and b"Extra input fields: x-amz-meta-extra" in body


def test_a_field_that_breaks_a_condition_is_refused(s3, bucket, world):
    form = s3.generate_presigned_post(bucket, "k")
    status, _, body = send(world, form["url"], {**form["fields"], "key": "other"})
    assert status == 403 and b"Policy Condition failed" in body


def test_starts_with_conditions_hold_the_beginning(post):
    conditions = [["starts-with", "$x-amz-meta-m", "good"]]
    assert post(fields={"x-amz-meta-m": "goodness"}, conditions=conditions)[0] == 204
    assert post(fields={"x-amz-meta-m": "bad"}, conditions=conditions)[0] == 403


@pytest.mark.parametrize(
    ("size", "status", "code"), [(4, 400, b"EntityTooSmall"), (5, 204, b""), (10, 204, b""), (11, 400, b"EntityTooLarge")]
)
def test_the_policy_limits_the_size(post, size, status, code):
    answer = post(conditions=[["content-length-range", 5, 10]], data=b"x" * size)
    assert answer[0] == status and code in answer[2]


def test_a_policy_expires_by_the_worlds_time(s3, bucket, world):
    form = s3.generate_presigned_post(bucket, "k", ExpiresIn=3600)
    world.clock.advance(hours=2)
    status, _, body = send(world, form["url"], form["fields"])
    assert status == 403 and b"Policy expired" in body


def test_a_policy_that_is_none_is_refused(s3, bucket, world):
    form = s3.generate_presigned_post(bucket, "k")
    for policy in (b"nonsense", b"[]", b"{}"):
        assert send(world, form["url"], {**form["fields"], "policy": b64encode(policy).decode()})[0] == 400
    later = (world.clock.now() + timedelta(hours=1)).isoformat()
    policy = json.dumps({"expiration": later, "conditions": [["between", "$key", "a"]]})
    assert send(world, form["url"], {**form["fields"], "policy": b64encode(policy.encode()).decode()})[0] == 400


def test_forms_must_be_well_formed(world, bucket):
    connection = http.client.HTTPConnection(urlsplit(world.endpoint).netloc)
    for body, headers, status, code in (
        (b"x=1", {"content-type": "text/plain"}, 412, b"PreconditionFailed"),
        (b"garbage", {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, 400, b"MalformedPOSTRequest"),
        (f"--{BOUNDARY}--\r\n".encode(), {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, 400, b"InvalidArgument"),
        (b"x" * 30_000, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, 400, b"MaxPostPreDataLengthExceeded"),
    ):
        connection.request("POST", f"/{bucket}", body, headers)
        answer = connection.getresponse()
        assert (answer.status, code in answer.read()) == (status, True)
