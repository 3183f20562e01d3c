from __future__ import annotations

import urllib.error
import urllib.request

import pytest

RULE = {
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": ["https://*.example.com"],
    "AllowedHeaders": ["x-amz-*", "content-type"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 600,
}
OPEN = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}


@pytest.fixture
def shared(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE, OPEN]})
    return bucket


def send(url, method="OPTIONS", **headers):
    request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        return urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        return error


def test_a_configuration_is_put_read_and_deleted(s3, shared, aws_error):
    assert s3.get_bucket_cors(Bucket=shared)["CORSRules"] == [RULE, OPEN]
    s3.delete_bucket_cors(Bucket=shared)
    with aws_error("NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=shared)


@pytest.mark.parametrize("change", [{"AllowedMethods": ["PATCH"]}, {"AllowedOrigins": ["*.*"]}, {"ExposeHeaders": ["x-*"]}])
def test_rules_that_s3_refuses_are_refused(s3, bucket, aws_error, change):
    with aws_error("InvalidRequest"):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE | change]})


def test_a_preflight_that_a_rule_allows_says_what_is_allowed(world, shared):
    answer = send(
        f"{world.endpoint}/{shared}/a",
        Origin="https://app.example.com",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="Content-Type, X-Amz-Date",
    )
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-amz-date"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_the_bucket_of_a_preflight_may_be_in_the_host(world, shared):
    port = world.endpoint.rpartition(":")[2]
    answer = send(
        f"{world.endpoint}/a", Host=f"{shared}.s3.localhost:{port}", Origin="https://x.example.com", Access_Control_Request_Method="GET"
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test", "Access_Control_Request_Method": "PUT"},
        {"Origin": "https://app.example.com", "Access_Control_Request_Method": "DELETE"},
        {"Origin": "https://app.example.com", "Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "x-secret"},
    ],
)
def test_a_preflight_that_no_rule_allows_is_forbidden(world, shared, headers):
    answer = send(f"{world.endpoint}/{shared}/a", **headers)
    assert answer.status == 403
    assert b"<Code>AccessForbidden</Code>" in answer.read()


def test_a_preflight_without_its_headers_is_a_bad_request(world, shared):
    assert send(f"{world.endpoint}/{shared}/a").status == 400


def test_a_bucket_without_rules_forbids(world, bucket):
    answer = send(f"{world.endpoint}/{bucket}/a", Origin="https://a.test", Access_Control_Request_Method="GET")
    assert b"CORS is not enabled for this bucket" in answer.read()


def test_plain_answers_and_errors_carry_the_headers_too(world, s3, shared):
    s3.put_object(Bucket=shared, Key="a", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": shared, "Key": "a"}).replace("http://localhost:4566", world.endpoint)
    answer = send(url, "GET", Origin="https://other.test")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    missing = send(f"{world.endpoint}/{shared}/nothing", "GET", Origin="https://app.example.com")
    assert missing.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def test_without_an_origin_nothing_is_added(world, shared):
    assert "Access-Control-Allow-Origin" not in send(f"{world.endpoint}/{shared}/nothing", "GET").headers
