"""Every operation of every service that botocore knows: botocore's requests mean what was asked, our answers what was answered.

`CLOUDJAR_ROUND_TRIP_SEED` chooses other random values.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel
from wire_samples import Samples, pruned, receive, send

from cloudjar.wire.codec import Codec
from cloudjar.wire.models import Models
from cloudjar.wire.route import Route, route

# Services that sign with one name and have operations at the same URIs: at one endpoint, without their own host names, their
# requests cannot be told apart, and the first of the two is meant.
SAME_URIS = {
    ("bedrock-agent-runtime", "bedrock-agent"),
    ("bedrock-data-automation", "bedrock"),
    ("chime-sdk-media-pipelines", "chime-sdk-identity"),
    ("chime-sdk-meetings", "chime-sdk-identity"),
    ("chime-sdk-messaging", "chime-sdk-identity"),
    ("chime-sdk-voice", "chime"),
    ("chime-sdk-voice", "chime-sdk-identity"),
    ("docdb", "rds"),
    ("greengrassv2", "greengrass"),
    ("ivs-realtime", "ivs"),
    ("lambda-microvms", "lambda"),
    ("lexv2-models", "lex-models"),
    ("neptune", "rds"),
    ("pinpoint-sms-voice", "sms-voice"),
    ("s3control", "s3"),
    ("signer-data", "signer"),
    ("timestream-write", "timestream-query"),
    ("wisdom", "qconnect"),
}

SEED = os.environ.get("CLOUDJAR_ROUND_TRIP_SEED", "1")
SERVICES = Models().names()

# Operations whose requests cannot be told from another's, each with its reason.
TWINS = {
    ("s3", "GetBucketLifecycle"): "GetBucketLifecycleConfiguration replaced it at the same URI",
    ("s3", "PutBucketLifecycle"): "PutBucketLifecycleConfiguration replaced it at the same URI",
    ("s3", "GetBucketNotification"): "GetBucketNotificationConfiguration replaced it at the same URI",
    ("s3", "PutBucketNotification"): "PutBucketNotificationConfiguration replaced it at the same URI",
    ("s3", "ListDirectoryBuckets"): "ListBuckets has the same URI; the real endpoints differ by host",
}


def both(service: str) -> tuple[Codec, ServiceModel, list[OperationModel]]:
    """Our codec and botocore's model of one service."""
    models = Models()
    path = models.service_file(service)
    # The bare file, without the members that botocore adds for itself (RDS's SourceRegion, which it never sends).
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    model = ServiceModel(json.loads(data), service)
    return Codec(models), model, [model.operation_model(name) for name in model.operation_names]


def protocols(model: ServiceModel) -> list[str]:
    """Every protocol in which botocore could call the service."""
    return model.metadata.get("protocols") or [model.metadata["protocol"]]


@pytest.mark.parametrize("service", SERVICES)
def test_what_botocore_sends_is_parsed_to_what_was_asked(service: str) -> None:
    codec, model, operations = both(service)
    wrong = []
    for protocol in protocols(model):
        for operation in operations:
            params = Samples((SEED, service, operation.name)).structure(operation.input_shape) if operation.input_shape else {}
            request, body = send(operation, params, protocol)
            scope = f"AKID/20260101/us-east-1/{codec.models.service(service).signing_name}/aws4_request"
            request.headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
            routed = route(codec.models, request, body)
            if (routed.service, routed.protocol) != (service, protocol) and (service, routed.service) not in SAME_URIS:
                wrong.append((operation.name, protocol, "routed to", routed))
            target = Route(service, protocol, path=request.path, operation=operation.name)
            call = codec.parse(target, request, body)
            if call.operation.name != operation.name:
                if (service, operation.name) not in TWINS:
                    wrong.append((operation.name, "taken for", call.operation.name))
            elif pruned(readable(call.params, params, operation)) != pruned(without_empty_payload(params, operation)):
                wrong.append((operation.name, protocol, params, call.params))
    assert not wrong


def readable(params: dict[str, Any], asked: dict[str, Any], operation: OperationModel) -> dict[str, Any]:
    """Parameters without what HTTP adds by itself: a streaming body that is empty, and Content-Length."""
    shape = operation.input_shape
    payload = shape.serialization.get("payload") if shape else None
    stream = bool(payload) and bool(shape.members[payload].serialization.get("eventstream"))
    unasked = {
        name
        for name in ("ContentLength", payload)
        if name and name not in asked and (name == "ContentLength" or stream or not params.get(name))
    }
    return {name: value for name, value in params.items() if name not in unasked}


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_answered_is_what_botocore_reads(service: str) -> None:
    codec, model, operations = both(service)
    ours = codec.models.service(service)
    wrong = []
    for protocol in protocols(model):
        for operation in operations:
            if operation.has_event_stream_output or (service, operation.name) == ("s3", "GetBucketLocation"):
                continue  # botocore reads these two with code of its own; test_event_streams and test_s3 do the same.
            if (service, operation.name) in TWINS:
                continue
            if operation.output_shape is None:
                result: dict[str, Any] = {}
            else:
                result = Samples((SEED, service, operation.name, "out"), output=True).structure(operation.output_shape)
            payload = operation.output_shape.serialization.get("payload") if operation.output_shape else None
            if payload and operation.output_shape.members[payload].type_name in ("blob", "string"):
                result[payload] = "text"
            response = codec.serialise(ours.operations[operation.name], result, request_id="rid", protocol=protocol)
            if operation.http["method"] == "HEAD":
                assert response.body == b""
            found = receive(operation, response, protocol)
            metadata = found.pop("ResponseMetadata")
            assert operation.output_shape is None or metadata["RequestId"] == "rid"
            found = without_stray_headers(found, operation)
            if pruned(found) != pruned(without_stray_headers(result, operation)):
                wrong.append((operation.name, protocol, result, found))
    assert not wrong


def without_stray_headers(found: dict[str, Any], operation: OperationModel) -> dict[str, Any]:
    """What botocore read, without the maps that swallow every header of the response."""
    members = operation.output_shape.members if operation.output_shape else {}
    swallowing = {
        name
        for name, member in members.items()
        if member.serialization.get("location") == "headers" and not member.serialization.get("name")
    }
    return {name: value for name, value in found.items() if name not in swallowing}


def without_empty_payload(params: dict[str, Any], operation: OperationModel) -> dict[str, Any]:
    """Parameters without a payload of no bytes, which is no body at all."""
    payload = operation.input_shape.serialization.get("payload") if operation.input_shape else None
    return {name: value for name, value in params.items() if name != payload or value not in ("", b"")}
