"""What cannot be read gets the protocol's own client error; nothing but AwsError ever comes out of the wire."""

from __future__ import annotations

import gzip

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import faults
from cloudjar.wire.codec import MAX_INFLATED, Codec
from cloudjar.wire.http import BufferedBody, Request
from cloudjar.wire.models import Models
from cloudjar.wire.route import Route, route
from cloudjar.wire.validate import validate

MODELS = Models()
CODEC = Codec(MODELS)


def refused(service: str, protocol: str, operation: str, body: bytes, path: str = "/", method: str = "POST", **headers: str) -> AwsError:
    """The error that a request meets."""
    path, _, query = path.partition("?")
    request = Request(method, path, query, {name.replace("_", "-"): value for name, value in headers.items()}, BufferedBody(body))
    with pytest.raises(AwsError) as caught:
        CODEC.parse(Route(service, protocol, path=path, operation=operation), request, body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", ""),
        (b"\xff", ""),
        (b"nonsense", ""),
        (b'{"logGroupName": NaN}', ""),
        (b"[" * 100_000, ""),
        (b"[]", "Start of list found where not expected"),
        (b'"x"', "Unexpected field type"),
        (b'{"logGroupName": 1}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"logGroupName": 1.5}', "DECIMAL_VALUE can not be converted to a String"),
        (b'{"logGroupName": true}', "TRUE_VALUE can not be converted to a String"),
        (b'{"logGroupName": []}', "Start of list found where not expected"),
        (b'{"logGroupName": {}}', "Start of structure or map found where not expected."),
        (b'{"tags": "x"}', "Unexpected field type"),
    ],
)
def test_json_that_cannot_be_read_is_a_serialization_exception(body: bytes, message: str) -> None:
    found = refused("logs", "json", "CreateLogGroup", body)
    assert (found.code, found.message, found.status) == ("SerializationException", message, None)


@pytest.mark.parametrize("number", [b'"1"', b"1.5", b"99999999999", b"true", b"1e400"])
def test_a_wrong_integer_is_a_serialization_exception(number: bytes) -> None:
    assert refused("logs", "json", "DescribeLogGroups", b'{"limit": ' + number + b"}").code == "SerializationException"


@pytest.mark.parametrize("moment", [b'"yesterday"', b"1e300", b"[]"])
def test_a_wrong_timestamp_is_a_serialization_exception(moment: bytes) -> None:
    assert (
        refused("ssm", "json", "CreateActivation", b'{"IamRole": "r", "ExpirationDate": ' + moment + b"}").code == "SerializationException"
    )


@pytest.mark.parametrize("data", [b'"***"', b'"YQ"', b'"YQ==YQ=="', b"1"])
def test_a_wrong_blob_is_a_serialization_exception(data: bytes) -> None:
    assert refused("kms", "json", "Encrypt", b'{"KeyId": "k", "Plaintext": ' + data + b"}").code == "SerializationException"


def test_nulls_and_unknown_members_are_ignored_in_json() -> None:
    body = b'{"logGroupName": "g", "kmsKeyId": null, "nonsense": {"a": [1]}}'
    call = CODEC.parse(Route("logs", "json", operation="CreateLogGroup"), Request("POST", "/", "", {}, BufferedBody(body)), body)
    assert call.params == {"logGroupName": "g"}


def test_lambdas_json_that_cannot_be_read_says_so_in_lambdas_words() -> None:
    found = refused("lambda", "rest-json", "", b"{", "/2015-03-31/functions")
    assert found.code == "SerializationException"
    assert found.message.startswith("Could not parse request body into json:")


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions?MaxItems=x", "/2015-03-31/functions?MaxItems=1_0", "/2015-03-31/functions?MaxItems=%FF"]
)
def test_a_wrong_query_parameter_is_refused(path: str) -> None:
    assert refused("lambda", "rest-json", "", b"", path, "GET").code == "SerializationException"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Delete>",
        b"<Delete></Remove>",
        b"nonsense",
        b"<Other/>",
        b"\xff\xfe<\0D\0/\0>\0",
        b'<!DOCTYPE d [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>',
        b'<?xml version="1.0" encoding="nonsense"?><!DOCTYPE d><Delete/>',
        b"<a>" * 100_000,
        b"<Delete>" + b"<a>" * 5_000 + b"</a>" * 5_000 + b"</Delete>",
        b"<Delete><Quiet>perhaps</Quiet></Delete>",
    ],
)
def test_xml_that_cannot_be_read_is_malformed_xml_in_s3(body: bytes) -> None:
    if not body:
        call = CODEC.parse(Route("s3", "rest-xml", path="/b"), Request("POST", "/b", "delete", {}, BufferedBody()), body)
        with pytest.raises(AwsError, match="MissingRequestBodyError"):
            validate(call.operation, call.params)
        return
    found = refused("s3", "rest-xml", "", body, "/b?delete")
    assert (found.code, found.message) == ("MalformedXML", faults.MALFORMED_XML)


def test_a_wrong_number_in_s3s_query_is_an_invalid_argument() -> None:
    found = refused("s3", "rest-xml", "", b"", "/b?list-type=2&max-keys=x", "GET")
    assert (found.code, found.message) == ("InvalidArgument", "Provided max-keys not an integer or within integer range")
    assert found.members == {"ArgumentName": "max-keys", "ArgumentValue": "x"}


def test_a_wrong_date_in_s3s_headers_is_an_invalid_argument() -> None:
    assert refused("s3", "rest-xml", "", b"", "/b/k", "GET", if_modified_since="yesterday").code == "InvalidArgument"


@pytest.mark.parametrize(
    "body", [b"\xff", b"\xa1", b"\xa1\x61a", b"\x81" * 50_000, b"\x00", cbor2.dumps({"Namespace": 1}), cbor2.dumps([]), b"\xd8\x23\x61("]
)
def test_cbor_that_cannot_be_read_is_a_serialization_exception(body: bytes) -> None:
    assert refused("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData", body).code == "SerializationException"


def test_cbor_that_holds_itself_is_a_serialization_exception() -> None:
    loop = bytes.fromhex("d81ca1") + b"\x69Namespace" + bytes.fromhex("d81d00")  # tag 28: shareable; tag 29: the first of them
    assert refused("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData", loop).code == "SerializationException"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (b"Action=ListUsers&MaxItems=x", "MalformedInput"),
        (b"Action=ListUsers&MaxItems=" + b"9" * 5_000, "MalformedInput"),
        (b"Action=ListUsers&Marker=%FF", "MalformedQueryString"),
        (b"Action=ListUsers&" + b"a." * 100 + b"=1", "MalformedQueryString"),
        (b"Action=", "MissingAction"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_as_query_services_do(form: bytes, code: str) -> None:
    assert refused("iam", "query", "", form).code == code


def test_a_wrong_value_in_ec2_is_an_invalid_parameter_value() -> None:
    found = refused("ec2", "ec2", "", b"Action=RunInstances&MinCount=many")
    assert (found.code, found.message) == ("InvalidParameterValue", "Value (many) for parameter MinCount is invalid. Invalid integer")


def test_a_gzip_bomb_is_refused() -> None:
    bomb = gzip.compress(bytes(MAX_INFLATED + 1))
    assert refused("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData", bomb, content_encoding="gzip").code == "SerializationException"


FUZZED = [
    ("sts", "query", "AssumeRole", "/"),
    ("ec2", "ec2", "RunInstances", "/"),
    ("dynamodb", "json", "PutItem", "/"),
    ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData", "/"),
    ("lambda", "rest-json", "", "/2015-03-31/functions"),
    ("s3", "rest-xml", "", "/b?delete"),
    ("route53", "rest-xml", "", "/2013-04-01/hostedzone"),
]
WORDS = st.sampled_from(
    [b"Action=", b"&", b"Tags.member.1.", b"{", b"}", b'"Item":', b"<", b">", b"/", b"Delete", b"\xa1", b"\x61", b"[", b"null", b"%", b"."]
)
BODIES = st.binary(max_size=60) | st.lists(WORDS | st.binary(max_size=4), max_size=30).map(b"".join)
FUZZ = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize(("service", "protocol", "operation", "path"), FUZZED)
@FUZZ
@given(body=BODIES)
def test_no_body_raises_anything_but_aws_error(service: str, protocol: str, operation: str, path: str, body: bytes) -> None:
    if protocol in ("query", "ec2"):
        body = b"Action=" + {"sts": b"AssumeRole", "ec2": b"RunInstances"}[service] + b"&" + body
    path, _, query = path.partition("?")
    request = Request("POST", path, query, {}, BufferedBody(body))
    try:
        call = CODEC.parse(Route(service, protocol, path=path, operation=operation), request, body)
        validate(call.operation, call.params)
    except AwsError as error:
        response = CODEC.serialise_error(None, error, request_id="r", protocol=protocol, service=service)
        assert 400 <= response.status < 500


HEADERS = ["authorization", "host", "x-amz-target", "content-type", "smithy-protocol", "x-amz-meta-a", "expires", "if-modified-since"]
CREDENTIALS = ["AWS4-HMAC-SHA256 Credential=", "A/1/r/s3/aws4_request", "A/1/r/lambda/aws4_request", "AWS a:b", "X-Amz-Credential="]
NAMES = ["DynamoDB_20120810.", "PutItem", "application/x-www-form-urlencoded", "rpc-v2-cbor", "Action=", ".s3.", "localhost"]
PIECES = st.sampled_from([*CREDENTIALS, *NAMES, *"%/?&={+é\0."])
TEXTS = st.lists(PIECES | st.text(st.characters(max_codepoint=255), max_size=3), max_size=6).map("".join)


@FUZZ
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "BREW"]),
    path=TEXTS,
    query=TEXTS,
    headers=st.dictionaries(st.sampled_from(HEADERS), TEXTS, max_size=5),
    body=BODIES,
)
def test_no_request_raises_anything_but_aws_error(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> None:
    request = Request(method, "/" + path, query, headers, BufferedBody(body))
    try:
        found = route(MODELS, request, body)
        call = CODEC.parse(found, request, body)
        validate(call.operation, call.params)
    except AwsError:
        pass
