"""Which service, protocol, Region and bucket a request is for."""

from __future__ import annotations

import pytest

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.http import BufferedBody, Request
from cloudjar.wire.models import Models
from cloudjar.wire.route import Route, route, wants_body

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


def signed(name: str, region: str = "eu-west-1") -> str:
    return f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{region}/{name}/aws4_request, SignedHeaders=host, Signature=0"


def routed(models: Models, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Route:
    path, _, query = target.partition("?")
    return route(models, Request(method, path, query, headers or {}, BufferedBody(body)), body)


@pytest.mark.parametrize(
    ("signing_name", "target", "service", "protocol"),
    [
        ("lambda", "/2015-03-31/functions", "lambda", "rest-json"),
        ("s3", "/bucket/key", "s3", "rest-xml"),
        ("s3express", "/key", "s3", "rest-xml"),
        ("apigateway", "/restapis", "apigateway", "rest-json"),
        ("apigateway", "/v2/apis", "apigatewayv2", "rest-json"),
        ("es", "/2015-01-01/es/domain", "es", "rest-json"),
        ("es", "/2021-01-01/domain", "opensearch", "rest-json"),
        ("ses", "/v2/email/identities", "sesv2", "rest-json"),
        ("route53", "/2013-04-01/hostedzone", "route53", "rest-xml"),
    ],
)
def test_a_signature_and_a_path_say_which_rest_service(models: Models, signing_name: str, target: str, service: str, protocol: str) -> None:
    found = routed(models, "GET", target, {"authorization": signed(signing_name)})
    assert (found.service, found.protocol, found.region, found.access_key) == (service, protocol, "eu-west-1", "AKID")


@pytest.mark.parametrize(
    ("signing_name", "form", "service", "protocol"),
    [
        ("sts", "Action=GetCallerIdentity&Version=2011-06-15", "sts", "query"),
        ("ec2", "Action=DescribeInstances&Version=2016-11-15", "ec2", "ec2"),
        ("rds", "Action=DescribeDBInstances&Version=2014-10-31", "rds", "query"),
        ("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2012-06-01", "elb", "query"),
        ("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2015-12-01", "elbv2", "query"),
        ("ses", "Action=SendEmail&Version=2010-12-01", "ses", "query"),
        ("sqs", "Action=SendMessage&Version=2012-11-05", "sqs", "query"),
        ("monitoring", "Action=PutMetricData&Version=2010-08-01", "cloudwatch", "query"),
    ],
)
def test_a_signature_and_a_form_say_which_query_service(models: Models, signing_name: str, form: str, service: str, protocol: str) -> None:
    found = routed(models, "POST", "/", {"authorization": signed(signing_name), "content-type": FORM}, form.encode())
    assert (found.service, found.protocol) == (service, protocol)


def test_an_unsigned_form_is_routed_by_its_version(models: Models) -> None:
    form = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    assert routed(models, "POST", "/", {"content-type": FORM, "host": "localhost:4566"}, form).service == "sts"


def test_a_presigned_query_call_is_routed_by_its_credential(models: Models) -> None:
    scope = "AKID%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"
    found = routed(models, "GET", f"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential={scope}")
    assert (found.service, found.protocol, found.presigned, found.region) == ("sts", "query", True, "us-east-1")


def test_x_amz_target_says_service_and_operation_even_unsigned(models: Models) -> None:
    found = routed(models, "POST", "/", {"x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth"})
    assert (found.service, found.protocol, found.operation) == ("cognito-idp", "json", "InitiateAuth")


@pytest.mark.parametrize(("operation", "service"), [("Query", "timestream-query"), ("CreateTable", "timestream-write")])
def test_a_target_that_two_services_share_is_settled_by_the_operation(models: Models, operation: str, service: str) -> None:
    headers = {"x-amz-target": f"Timestream_20181101.{operation}", "authorization": signed("timestream")}
    assert routed(models, "POST", "/", headers).service == service


def test_a_cbor_call_says_service_and_operation_in_its_path(models: Models) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    found = routed(models, "POST", path, {"smithy-protocol": "rpc-v2-cbor", "authorization": signed("monitoring")})
    assert (found.service, found.protocol, found.operation) == ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData")


@pytest.mark.parametrize(
    ("host", "bucket", "region"),
    [
        ("b.s3.us-west-2.amazonaws.com", "b", "us-west-2"),
        ("b.s3.amazonaws.com", "b", None),
        ("b.s3-eu-west-1.amazonaws.com", "b", "eu-west-1"),
        ("dotted.bucket.name.s3.amazonaws.com", "dotted.bucket.name", None),
        ("b.s3.dualstack.eu-west-1.amazonaws.com", "b", "eu-west-1"),
        ("b.s3-accelerate.amazonaws.com", "b", None),
        ("b.s3.localhost:4566", "b", None),
        ("b.s3.localhost.localstack.cloud:4566", "b", None),
        ("b.s3.us-east-1.localhost.localstack.cloud:4566", "b", "us-east-1"),
        ("B.S3.Amazonaws.Com", "b", None),
    ],
)
def test_a_virtual_host_puts_the_bucket_before_the_path(models: Models, host: str, bucket: str, region: str | None) -> None:
    found = routed(models, "GET", "/a//b%2Fc", {"host": host})
    assert (found.service, found.virtual_bucket, found.region) == ("s3", bucket, region)
    assert found.path == f"/{bucket}/a//b%2Fc"


@pytest.mark.parametrize(
    "host", ["localhost:4566", "127.0.0.1:4566", "[::1]:4566", "s3.localhost.localstack.cloud:4566", "s3.amazonaws.com", "", "jar"]
)
def test_other_hosts_leave_s3s_path_as_it_came(models: Models, host: str) -> None:
    found = routed(models, "GET", "/bucket/key", {"host": host})
    assert (found.service, found.virtual_bucket, found.path) == ("s3", None, "/bucket/key")


def test_a_real_host_name_says_service_and_region_of_an_unsigned_request(models: Models) -> None:
    found = routed(models, "GET", "/2015-03-31/functions", {"host": "lambda.eu-west-1.amazonaws.com"})
    assert (found.service, found.region) == ("lambda", "eu-west-1")


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/b/k", {"authorization": "AWS AKID:signature"}), ("/b/k?AWSAccessKeyId=AKID&Expires=1&Signature=x", {})],
)
def test_signature_version_2_is_s3s(models: Models, target: str, headers: dict[str, str]) -> None:
    found = routed(models, "GET", target, headers)
    assert (found.service, found.access_key) == ("s3", "AKID")


def test_sigv4a_has_its_region_in_a_header(models: Models) -> None:
    authorization = "AWS4-ECDSA-P256-SHA256 Credential=AKID/20260101/s3/aws4_request, SignedHeaders=host, Signature=0"
    found = routed(models, "GET", "/b", {"authorization": authorization, "x-amz-region-set": "eu-west-1"})
    assert (found.service, found.region) == ("s3", "eu-west-1")


def test_s3_control_is_told_from_s3_by_the_account_header(models: Models) -> None:
    headers = {"authorization": signed("s3"), "x-amz-account-id": "123456789012"}
    assert routed(models, "GET", "/v20180820/accesspoint", headers).service == "s3control"
    assert routed(models, "GET", "/v20180820/accesspoint", {"authorization": signed("s3")}).service == "s3"


def test_an_unknown_signing_name_is_refused(models: Models) -> None:
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        routed(models, "GET", "/", {"authorization": signed("no-such-service")})


def test_only_posted_forms_must_be_read_before_routing() -> None:
    assert wants_body(Request("POST", "/", "", {"content-type": FORM}, BufferedBody()))
    assert not wants_body(Request("PUT", "/b/k", "", {"content-type": FORM}, BufferedBody()))
