"""Event streams: written for botocore's decoder, read from botocore's encoding, broken ones refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.eventstream import EventStream, EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import frames
from cloudjar.wire.codec import Codec
from cloudjar.wire.frames import Message
from cloudjar.wire.http import BufferedBody, Request, Response
from cloudjar.wire.models import Models
from cloudjar.wire.route import Route
from cloudjar.wire.values import Malformed

CODEC = Codec(Models())


async def source(events: list[dict[str, Any]], error: AwsError | None = None) -> AsyncIterator[dict[str, Any]]:
    for event in events:
        yield event
    if error:
        raise error


def body_of(response: Response) -> bytes:
    async def collect() -> bytes:
        assert not isinstance(response.body, bytes)
        return b"".join([chunk async for chunk in response.body])

    return asyncio.run(collect())


class Raw:
    """A body as botocore's HTTP client gives it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), 7):
            yield self.data[start : start + 7]


def events(service: str, operation: str, response: Response, member: str) -> list[dict[str, Any]]:
    """The events that botocore reads."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(operation)
    raw = {
        "body": Raw(body_of(response)),
        "headers": response.headers,
        "status_code": response.status,
        "context": {"operation_name": operation},
    }
    stream = create_parser(model.metadata["protocol"]).parse(raw, model.output_shape)[member]
    assert isinstance(stream, EventStream)
    return list(stream)


def test_lambdas_response_stream() -> None:
    sent = [{"PayloadChunk": {"Payload": b"one"}}, {"PayloadChunk": {"Payload": b"two"}}, {"InvokeComplete": {"LogResult": "l"}}]
    operation = CODEC.models.service("lambda").operations["InvokeWithResponseStream"]
    response = CODEC.serialise(operation, {"StatusCode": 200, "ExecutedVersion": "1", "EventStream": source(sent)}, request_id="r")
    assert response.headers["x-amz-executed-version"] == "1"
    assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert events("lambda", "InvokeWithResponseStream", response, "EventStream") == sent


def test_a_json_services_stream_begins_with_the_initial_response() -> None:
    sent = [
        {"sessionStart": {"requestId": "r", "logGroupIdentifiers": ["g"]}},
        {"sessionUpdate": {"sessionResults": [{"message": "m", "timestamp": 5}]}},
    ]
    operation = CODEC.models.service("logs").operations["StartLiveTail"]
    response = CODEC.serialise(operation, {"responseStream": source(sent)}, request_id="r")
    assert events("logs", "StartLiveTail", response, "responseStream") == sent


def test_s3s_select_stream() -> None:
    sent = [{"Records": {"Payload": b"a,b\n"}}, {"Stats": {"Details": {"BytesScanned": 5}}}, {"Cont": {}}, {"End": {}}]
    operation = CODEC.models.service("s3").operations["SelectObjectContent"]
    response = CODEC.serialise(operation, {"Payload": source(sent)}, request_id="r")
    assert events("s3", "SelectObjectContent", response, "Payload") == sent


def test_an_error_in_a_stream_is_the_streams_own_exception() -> None:
    operation = CODEC.models.service("logs").operations["StartLiveTail"]
    error = AwsError("SessionTimeoutException", "three hours are over")
    response = CODEC.serialise(operation, {"responseStream": source([], error)}, request_id="r")
    messages = frames.Decoder().feed(body_of(response))
    assert messages[-1].headers[":message-type"] == "exception"
    assert messages[-1].headers[":exception-type"] == "SessionTimeoutException"
    assert messages[-1].payload == b'{"message":"three hours are over"}'


def test_an_error_that_the_stream_does_not_know_is_a_bare_error() -> None:
    operation = CODEC.models.service("logs").operations["StartLiveTail"]
    response = CODEC.serialise(operation, {"responseStream": source([], AwsError("Other", "m"))}, request_id="r")
    headers = frames.Decoder().feed(body_of(response))[-1].headers
    assert headers == {":message-type": "error", ":error-code": "Other", ":error-message": "m"}


def test_headers_of_every_type_survive() -> None:
    headers = {"t": True, "f": False, "i": -5, "l": 2**40, "b": b"x", "s": "é", "w": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)}
    message = Message(headers, b"payload")
    assert frames.Decoder().feed(frames.encode(message)) == [message]


def test_our_frames_are_botocores_frames() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(frames.encode(Message({"a": "b"}, b"payload")) * 2)
    assert [(event.headers, event.payload) for event in buffer] == [({"a": "b"}, b"payload")] * 2


def test_messages_may_come_byte_by_byte() -> None:
    decoder, data = frames.Decoder(), frames.encode(Message({"a": "b"}, b"payload"))
    found = [message for byte in data for message in decoder.feed(bytes([byte]))]
    assert found == [Message({"a": "b"}, b"payload")]
    assert not decoder.pending


@pytest.mark.parametrize("position", [0, 5, 9, 13, 20, -1])
def test_a_flipped_byte_is_found_out(position: int) -> None:
    data = bytearray(frames.encode(Message({"a": "b"}, b"payload")))
    data[position] ^= 1
    with pytest.raises(Malformed):
        frames.Decoder().feed(bytes(data))


def test_events_in_a_request_are_read_whether_signed_or_not() -> None:
    inner = frames.encode(Message({":event-type": "TextEvent", ":message-type": "event"}, b'{"Text":"hello"}'))
    outer = frames.encode(Message({":date": datetime(2026, 1, 1, tzinfo=UTC), ":chunk-signature": b"s"}, inner))
    last = frames.encode(Message({":date": datetime(2026, 1, 1, tzinfo=UTC), ":chunk-signature": b"s"}))
    assert read_polly(inner) == read_polly(outer + last) == [{"TextEvent": {"Text": "hello"}}]


@pytest.mark.parametrize("body", [b"nonsense, and more than a prelude", frames.encode(Message({":event-type": "TextEvent"}, b"{"))[:-1]])
def test_a_broken_stream_in_a_request_is_the_clients_error(body: bytes) -> None:
    with pytest.raises(AwsError, match="SerializationException"):
        read_polly(body)


def read_polly(body: bytes) -> list[dict[str, Any]]:
    operation = CODEC.models.service("polly").operations["StartSpeechSynthesisStream"]
    path = operation.http.request_uri
    request = Request(operation.http.method, path, "", {}, BufferedBody(body))
    call = CODEC.parse(Route("polly", "rest-json", path=path), request, request.body)

    async def collect() -> list[dict[str, Any]]:
        return [event async for event in call.params[operation.input_stream or ""]]

    return asyncio.run(collect())
