"""The codec where the round trips do not look: error shapes, operations found, HTTP's own corners."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.codec import Call, Codec
from cloudjar.wire.http import BufferedBody, Request, Response
from cloudjar.wire.models import Models
from cloudjar.wire.route import Route
from cloudjar.wire.shapes import UnknownMember


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(Models())


def s3(codec: Codec, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Call:
    path, _, query = target.partition("?")
    return codec.parse(Route("s3", "rest-xml", path=path), Request(method, path, query, headers or {}, BufferedBody(body)), body)


def error(codec: Codec, service: str, protocol: str, failure: AwsError, method: str = "POST") -> Response:
    return codec.serialise_error(None, failure, request_id="rid", protocol=protocol, service=service, method=method)


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/", "ListBuckets"),
        ("GET", "/b", "ListObjects"),
        ("GET", "/b/", "ListObjects"),
        ("GET", "/b?list-type=2", "ListObjectsV2"),
        ("GET", "/b?versions", "ListObjectVersions"),
        ("GET", "/b?uploads", "ListMultipartUploads"),
        ("GET", "/b?analytics", "ListBucketAnalyticsConfigurations"),
        ("GET", "/b?analytics&id=x", "GetBucketAnalyticsConfiguration"),
        ("GET", "/b?lifecycle", "GetBucketLifecycleConfiguration"),
        ("HEAD", "/b", "HeadBucket"),
        ("HEAD", "/b/k", "HeadObject"),
        ("GET", "/b/k", "GetObject"),
        ("GET", "/b/k?uploadId=u", "ListParts"),
        ("GET", "/b/k?versionId=v", "GetObject"),
        ("PUT", "/b/k", "PutObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("POST", "/b/k?uploads=", "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
        ("DELETE", "/b/k", "DeleteObject"),
        ("POST", "/b?delete", "DeleteObjects"),
        ("POST", "/b/k?select&select-type=2", "SelectObjectContent"),
    ],
)
def test_s3_operations_at_one_path_are_told_apart(codec: Codec, method: str, target: str, operation: str) -> None:
    path, _, query = target.partition("?")
    found = codec.find_operation(Route("s3", "rest-xml", path=path), Request(method, path, query, {}, BufferedBody()))
    assert found.operation.name == operation


def test_copies_are_told_from_puts_by_their_header(codec: Codec) -> None:
    assert s3(codec, "PUT", "/b/k", {"x-amz-copy-source": "/c/d"}).operation.name == "CopyObject"
    assert s3(codec, "PUT", "/b/k?partNumber=1&uploadId=u", {"x-amz-copy-source": "/c/d"}).operation.name == "UploadPartCopy"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/b//", "/"),
        ("/b/a//b", "a//b"),
        ("/b/a/../b", "a/../b"),
        ("/b/a%2Fb", "a/b"),
        ("/b/a%252Fb", "a%2Fb"),
        ("/b/a+b", "a+b"),
        ("/b/dir/", "dir/"),
        ("/b/%E6%97%A5", "日"),
        ("/b/a%20b%3F", "a b?"),
    ],
)
def test_keys_are_decoded_exactly_once_and_never_normalised(codec: Codec, path: str, key: str) -> None:
    assert s3(codec, "GET", path).params["Key"] == key


def test_a_key_that_is_not_utf8_is_an_invalid_uri(codec: Codec) -> None:
    with pytest.raises(AwsError, match="InvalidURI"):
        s3(codec, "GET", "/b/%FF")


def test_user_metadata_comes_from_prefixed_headers(codec: Codec) -> None:
    call = s3(codec, "PUT", "/b/k", {"x-amz-meta-a": "1", "x-amz-meta-b-c": "2", "content-length": "3"})
    assert call.params["Metadata"] == {"a": "1", "b-c": "2"}
    assert call.params["ContentLength"] == 3


def test_a_streaming_body_is_handed_on_unread(codec: Codec) -> None:
    body = BufferedBody(b"data")
    request = Request("PUT", "/b/k", "", {}, body)
    route = Route("s3", "rest-xml", path="/b/k")
    assert codec.find_operation(route, request).streams
    assert codec.parse(route, request, body).params["Body"] is body


def test_the_location_of_a_bucket_is_a_bare_constraint(codec: Codec) -> None:
    operation = codec.models.service("s3").operations["GetBucketLocation"]
    body = codec.serialise(operation, {"LocationConstraint": "eu-west-1"}, request_id="r").body
    assert body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>'
    )


def test_s3_lists_have_s3s_root_element_and_times_with_milliseconds(codec: Codec) -> None:
    operation = codec.models.service("s3").operations["ListObjectsV2"]
    result = {"Name": "b", "Contents": [{"Key": "a&b\r", "LastModified": datetime(2026, 1, 2, tzinfo=UTC), "Size": 1}]}
    body = codec.serialise(operation, result, request_id="r").body
    assert body.endswith(
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Contents><Key>a&amp;b&#13;</Key>'
        b"<LastModified>2026-01-02T00:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>"
    )


def test_a_grantees_type_is_an_attribute_both_ways(codec: Codec) -> None:
    xml = (
        b'<AccessControlPolicy><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        b'xsi:type="CanonicalUser"><ID>i</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>'
    )
    grants = s3(codec, "PUT", "/b?acl", body=xml).params["AccessControlPolicy"]["Grants"]
    assert grants == [{"Grantee": {"ID": "i", "Type": "CanonicalUser"}, "Permission": "READ"}]
    answer = codec.serialise(codec.models.service("s3").operations["GetBucketAcl"], {"Grants": grants}, request_id="r").body
    assert b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>i</ID></Grantee>' in answer


def test_a_result_with_an_unknown_member_is_our_mistake_and_loud(codec: Codec) -> None:
    with pytest.raises(UnknownMember, match="Nonsense"):
        codec.serialise(codec.models.service("sts").operations["GetCallerIdentity"], {"Nonsense": 1}, request_id="r")


def test_query_errors(codec: Codec) -> None:
    response = error(codec, "iam", "query", AwsError("NoSuchEntity", "no <such> role"))
    assert (response.status, response.headers["x-amzn-requestid"]) == (404, "rid")
    assert response.body == (
        b'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>'
        b"<Message>no &lt;such&gt; role</Message></Error><RequestId>rid</RequestId></ErrorResponse>"
    )


def test_ec2_errors(codec: Codec) -> None:
    response = error(codec, "ec2", "ec2", AwsError("InvalidInstanceID.NotFound", "m"))
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code>'
        b"<Message>m</Message></Error></Errors><RequestID>rid</RequestID></Response>"
    )


def test_s3_errors(codec: Codec) -> None:
    response = error(codec, "s3", "rest-xml", AwsError("NoSuchKey", "gone", members={"Key": "a&b"}), "GET")
    assert (response.status, response.headers["x-amz-request-id"]) == (404, "rid")
    assert isinstance(response.body, bytes)
    assert response.body.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>gone</Message><Key>a&amp;b</Key>'
        b"<RequestId>rid</RequestId><HostId>"
    )


def test_json_errors(codec: Codec) -> None:
    response = error(codec, "logs", "json", AwsError("ResourceNotFoundException", "m"))
    assert json.loads(response.body) == {"__type": "ResourceNotFoundException", "message": "m"}  # type: ignore[arg-type]
    assert response.headers["content-type"] == "application/x-amz-json-1.1"


def test_rest_json_errors_have_their_code_in_a_header_and_their_own_status(codec: Codec) -> None:
    response = error(codec, "lambda", "rest-json", AwsError("ResourceNotFoundException", "m", members={"Type": "User"}), "GET")
    assert (response.status, response.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert json.loads(response.body) == {"Type": "User", "Message": "m"}  # type: ignore[arg-type]


def test_members_of_rest_errors_that_are_headers_travel_as_headers(codec: Codec) -> None:
    failure = AwsError("TooManyRequestsException", "m", members={"retryAfterSeconds": "7", "Reason": "CallerRateLimitExceeded"})
    response = error(codec, "lambda", "rest-json", failure)
    assert response.headers["retry-after"] == "7"
    assert json.loads(response.body) == {"Reason": "CallerRateLimitExceeded", "message": "m"}  # type: ignore[arg-type]


def test_query_compatible_errors_keep_the_old_code_in_a_header(codec: Codec) -> None:
    response = error(codec, "sqs", "json", AwsError("QueueDoesNotExist", "m"))
    assert response.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert json.loads(response.body)["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"  # type: ignore[arg-type]


def test_sqs_still_answers_its_query_protocol_with_the_old_codes(codec: Codec) -> None:
    body = error(codec, "sqs", "query", AwsError("QueueDoesNotExist", "m")).body
    assert isinstance(body, bytes)
    assert b"<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in body


def test_cbor_errors(codec: Codec) -> None:
    response = error(codec, "cloudwatch", "smithy-rpc-v2-cbor", AwsError("ResourceNotFound", "m"))
    assert (response.status, response.headers["smithy-protocol"]) == (404, "rpc-v2-cbor")
    assert cbor2.loads(response.body)["__type"] == "ResourceNotFound"  # type: ignore[arg-type]


def test_an_answer_to_head_has_no_body(codec: Codec) -> None:
    assert error(codec, "s3", "rest-xml", AwsError("NoSuchKey", "m"), "HEAD").body == b""
    response = codec.serialise(codec.models.service("s3").operations["HeadObject"], {"ContentLength": 5}, request_id="r")
    assert (response.body, response.headers["content-length"]) == (b"", "5")


@pytest.mark.parametrize(
    ("service", "protocol", "operation", "code"),
    [
        ("sts", "query", b"Action=Nonsense", "InvalidAction"),
        ("ec2", "ec2", b"Action=Nonsense", "InvalidAction"),
        ("ec2", "ec2", b"", "MissingAction"),
        ("logs", "json", b"{}", "UnknownOperationException"),
    ],
)
def test_an_unknown_operation_is_named_as_aws_names_it(codec: Codec, service: str, protocol: str, operation: bytes, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        codec.parse(Route(service, protocol, operation="Nonsense"), Request("POST", "/", "", {}, BufferedBody()), operation)
    assert caught.value.code == code


def test_a_method_that_s3_has_not_is_not_allowed(codec: Codec) -> None:
    with pytest.raises(AwsError, match="MethodNotAllowed") as caught:
        s3(codec, "PATCH", "/b/k")
    assert caught.value.status == 405


def test_lambdas_names_may_be_encoded_arns(codec: Codec) -> None:
    path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/invocations"
    body = b'{"a": 1}'
    call = codec.parse(
        Route("lambda", "rest-json", path=path), Request("POST", path, "", {"x-amz-log-type": "Tail"}, BufferedBody(body)), body
    )
    assert call.params == {"FunctionName": "arn:aws:lambda:us-east-1:1:function:f", "LogType": "Tail", "Payload": body}


def test_gzip_bodies_are_unpacked_where_the_model_allows_them(codec: Codec) -> None:
    body = gzip.compress(cbor2.dumps({"Namespace": "n"}))
    request = Request("POST", "/", "", {"content-encoding": "gzip"}, BufferedBody(body))
    call = codec.parse(Route("cloudwatch", "smithy-rpc-v2-cbor", operation="PutMetricData"), request, body)
    assert call.params == {"Namespace": "n"}


def test_one_service_answers_several_protocols(codec: Codec) -> None:
    operation = codec.models.service("cloudwatch").operations["ListMetrics"]
    result: dict[str, Any] = {"Metrics": [{"Namespace": "n"}]}
    assert b"<Namespace>n</Namespace>" in codec.serialise(operation, result, request_id="r", protocol="query").body  # type: ignore[operator]
    assert json.loads(codec.serialise(operation, result, request_id="r", protocol="json").body) == result  # type: ignore[arg-type]
    assert cbor2.loads(codec.serialise(operation, result, request_id="r", protocol="smithy-rpc-v2-cbor").body) == result  # type: ignore[arg-type]


def test_an_error_may_have_members_that_its_model_lacks(codec: Codec) -> None:
    response = error(codec, "lambda", "rest-json", AwsError("ResourceNotFoundException", "m", members={"Extra": "x"}))
    assert json.loads(response.body) == {"Extra": "x", "Message": "m"}  # type: ignore[arg-type]


def test_sqs_still_reads_its_query_protocol(codec: Codec) -> None:
    form = (
        b"Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=m"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v"
    )
    call = codec.parse(Route("sqs", "query"), Request("POST", "/", "", {}, BufferedBody(form)), form)
    entry = {"Id": "a", "MessageBody": "m", "MessageAttributes": {"n": {"DataType": "String", "StringValue": "v"}}}
    assert call.params == {"QueueUrl": "u", "Entries": [entry]}


def test_sqs_still_answers_its_query_protocol(codec: Codec) -> None:
    sqs = codec.models.service("sqs").operations
    urls = codec.serialise(sqs["ListQueues"], {"QueueUrls": ["u", "v"]}, request_id="r", protocol="query").body
    assert b"<ListQueuesResult><QueueUrl>u</QueueUrl><QueueUrl>v</QueueUrl></ListQueuesResult>" in urls  # type: ignore[operator]
    message = {"MessageId": "i", "Attributes": {"SenderId": "s"}}
    received = codec.serialise(sqs["ReceiveMessage"], {"Messages": [message]}, request_id="r", protocol="query").body
    assert (
        b"<Message><MessageId>i</MessageId><Attribute><Name>SenderId</Name><Value>s</Value></Attribute></Message>" in received  # type: ignore[operator]
    )
