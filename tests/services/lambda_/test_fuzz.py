"""Whatever is sent, the answer is Lambda's: a result or a client error, never a failure of ours."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudjar.gateway.inprocess import LocalJar
from cloudjar.services.lambda_.runtime_api import Deliver, Refused, Sink, plane

from .conftest import Functions, make_role, package

NAMES = st.sampled_from(
    [
        "f",
        "f:1",
        "f:live",
        "f:$LATEST",
        "f:99999999999999999999999",
        "f:007",
        "nobody",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "arn:aws:lambda:us-east-1:111122223333:function:f:live",
        "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "arn:aws:lambda:us-east-1:000000000000:layer:lib:1",
        "arn:aws:sqs:us-east-1:000000000000:q",
        "x" * 200,
        "a b",
        "é",
        "../..",
        "",
        "\0",
    ]
)
QUALIFIERS = st.sampled_from(["1", "2", "live", "$LATEST", "0", "-1", "", "9" * 30, "a:b", "é"])
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 512, 10**6, 10**19])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "FunctionName": NAMES,
    "LayerName": NAMES,
    "Resource": NAMES,
    "Arn": NAMES,
    "Qualifier": QUALIFIERS,
    "FunctionVersion": QUALIFIERS,
    "Name": st.sampled_from(["live", "new", "1", "", "a" * 300]),
    "RoutingConfig": st.dictionaries(QUALIFIERS, st.floats(-1, 2), max_size=2).map(lambda w: {"AdditionalVersionWeights": w}),
    "VersionNumber": NUMBERS,
    "ReservedConcurrentExecutions": NUMBERS,
    "MaximumRetryAttempts": NUMBERS,
    "MaximumEventAgeInSeconds": NUMBERS,
    "DestinationConfig": st.sampled_from(["", "x", "arn", "arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:s3:::b"]).map(
        lambda arn: {"OnFailure": {"Destination": arn}}
    ),
    "StatementId": st.sampled_from(["a", "b", "", "a b"]),
    "Action": st.sampled_from(["lambda:InvokeFunction", "lambda:*", "", "x"]),
    "Principal": st.sampled_from(["*", "111122223333", "s3.amazonaws.com", "", "x", "arn:aws:iam::1:root"]),
    "RevisionId": st.sampled_from(["", "x"]),
    "Timeout": NUMBERS,
    "MemorySize": NUMBERS,
    "Handler": st.sampled_from(["", "a.b", "\0", " ", "x" * 200]),
    "Runtime": st.sampled_from(["python3.11", "python3.6", "provided", "nodejs24.x", "", "é"]),
    "Role": st.sampled_from(["", "x", "arn:aws:iam::000000000000:role/none", "arn:aws:iam::111122223333:role/x"]),
    "Layers": st.lists(NAMES, max_size=6),
    "Environment": st.dictionaries(st.sampled_from(["A", "AB", "AWS_REGION", "", "é"]), st.sampled_from(["", "\0", "é"])).map(
        lambda v: {"Variables": v}
    ),
    "Tags": st.dictionaries(st.sampled_from(["", "a", "aws:x", "k" * 200]), st.sampled_from(["", "v" * 300])),
    "TagKeys": st.lists(st.sampled_from(["", "a"]), max_size=2),
    "ZipFile": st.sampled_from([b"", b"PK", package({"a": "b"}), package({"../a": "b"})]),
    "Marker": st.sampled_from(["", "x", "AAAA", "%%%"]),
    "MaxItems": NUMBERS,
    "Payload": st.sampled_from([b"", b"{", b"[" * 50_000, b"\xff", b"1"]),
    "ClientContext": st.sampled_from(["", "!", "W10=", "e30="]),
    "InvocationType": st.sampled_from(["DryRun", "", "Event", "Other"]),
}
OPERATIONS = {
    "get_function": ["FunctionName", "Qualifier"],
    "get_function_configuration": ["FunctionName", "Qualifier"],
    "delete_function": ["FunctionName", "Qualifier"],
    "list_functions": ["Marker", "MaxItems"],
    "list_versions_by_function": ["FunctionName", "Marker", "MaxItems"],
    "publish_version": ["FunctionName", "RevisionId"],
    "create_alias": ["FunctionName", "Name", "FunctionVersion", "RoutingConfig"],
    "update_alias": ["FunctionName", "Name", "FunctionVersion", "RoutingConfig", "RevisionId"],
    "get_alias": ["FunctionName", "Name"],
    "list_aliases": ["FunctionName", "FunctionVersion", "Marker"],
    "delete_alias": ["FunctionName", "Name"],
    "put_function_concurrency": ["FunctionName", "ReservedConcurrentExecutions"],
    "get_function_concurrency": ["FunctionName"],
    "put_function_event_invoke_config": [
        "FunctionName",
        "Qualifier",
        "MaximumRetryAttempts",
        "MaximumEventAgeInSeconds",
        "DestinationConfig",
    ],
    "get_function_event_invoke_config": ["FunctionName", "Qualifier"],
    "add_permission": ["FunctionName", "StatementId", "Action", "Principal", "Qualifier", "RevisionId"],
    "remove_permission": ["FunctionName", "StatementId", "Qualifier"],
    "get_policy": ["FunctionName", "Qualifier"],
    "update_function_configuration": ["FunctionName", "Timeout", "MemorySize", "Handler", "Runtime", "Role", "Layers", "Environment"],
    "update_function_code": ["FunctionName", "ZipFile", "RevisionId"],
    "get_layer_version": ["LayerName", "VersionNumber"],
    "get_layer_version_by_arn": ["Arn"],
    "list_layer_versions": ["LayerName", "Marker"],
    "delete_layer_version": ["LayerName", "VersionNumber"],
    "add_layer_version_permission": ["LayerName", "VersionNumber", "StatementId", "Action", "Principal"],
    "get_layer_version_policy": ["LayerName", "VersionNumber"],
    "tag_resource": ["Resource", "Tags"],
    "untag_resource": ["Resource", "TagKeys"],
    "list_tags": ["Resource"],
    "invoke": ["FunctionName", "Qualifier", "Payload", "ClientContext", "InvocationType"],
    "get_runtime_management_config": ["FunctionName", "Qualifier"],
}
CALLS = st.sampled_from(sorted(OPERATIONS)).flatmap(
    lambda operation: st.tuples(
        st.just(operation),
        st.fixed_dictionaries(
            {m: VALUES[m] for m in OPERATIONS[operation][:1]}, optional={m: VALUES[m] for m in OPERATIONS[operation][1:]}
        ),
    )
)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Functions]:
    with LocalJar() as jar:
        world = jar.world()
        functions = Functions(world, make_role(world))
        functions.client = world.client("lambda", config=Config(parameter_validation=False))
        yield functions


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(call=CALLS)
def test_no_request_makes_lambda_fail(fuzzed: Functions, call: tuple[str, dict[str, Any]]) -> None:
    names = {f["FunctionName"] for f in fuzzed.client.list_functions()["Functions"]}
    if "f" not in names:
        fuzzed.python("f", "def handler(e, c):\n    return 1\n", Publish=True)
        fuzzed.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
        fuzzed.client.publish_layer_version(LayerName="lib", Content={"ZipFile": package({"a": "b"})})
    operation, request = call
    try:
        getattr(fuzzed.client, operation)(**request)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        assert 400 <= status < 500 or code == "NotImplemented", (status, error.response["Error"])
    except (UnicodeError, ValueError, TypeError, AttributeError, KeyError):
        # botocore itself cannot write such a request.
        pass


REQUEST = b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1"


class Side:
    """A runtime's counterpart that takes whatever comes."""

    def admits(self, peer_port: int, own_port: int) -> bool:
        return True

    def begin_response(self, request_id: str, content_type: str) -> Sink:
        raise Refused(400, "InvalidRequestID", "Invalid request ID")

    def next(self, deliver: Deliver) -> None:
        deliver({"Lambda-Runtime-Aws-Request-Id": "1"}, b"{}")

    def gone(self, deliver: Deliver) -> None:
        pass

    def response(self, request_id: str, body: bytes) -> None:
        raise Refused(400, "InvalidRequestID", "Invalid request ID")

    def too_large(self, request_id: str, size: int) -> None:
        pass

    def error(self, request_id: str, body: bytes, error_type: str) -> None:
        pass

    def init_error(self, body: bytes, error_type: str) -> None:
        pass


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=200) | st.text(alphabet="GETPOS/ 2018-06runtimevocanx\r\n:HP.1", max_size=120).map(str.encode))
def test_no_bytes_make_the_runtime_api_fail(fuzzed: Functions, data: bytes) -> None:
    local = fuzzed.world.local
    listening = local.run(plane(local.jar).listen(Side()))
    try:
        host, port = listening.address.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(REQUEST)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["errorType"] == "InvalidRequestID"
    finally:
        local.do(listening.close)
