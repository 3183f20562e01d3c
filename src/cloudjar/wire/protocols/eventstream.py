"""Event streams over any protocol: events in a result become framed messages, messages in a request become events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import frames
from cloudjar.wire.faults import client_error
from cloudjar.wire.frames import Message
from cloudjar.wire.http import Body, Response
from cloudjar.wire.models import OperationModel, Ref, Shape
from cloudjar.wire.protocols import json_shapes, xml_shapes
from cloudjar.wire.protocols.rest import Bindings
from cloudjar.wire.shapes import Convert, UnknownMember
from cloudjar.wire.values import Malformed

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def write_output(protocol: str, bindings: Bindings, writer: Any, operation: OperationModel) -> Callable[[dict[str, Any], str], Response]:
    """The serialiser of an operation that answers with events.

    The stream's member is an async iterator of events, each a dict of one member. RPC protocols, which have no other place for
    the remaining members, send them first, as `initial-response`.
    """
    shape, name = operation.output, operation.output_stream
    assert shape is not None and name is not None and operation.output_ref is not None
    events = EventWriter(protocol, writer, operation, shape.members[name])
    bound, write_bound = bindings.output(operation)
    rpc = not protocol.startswith("rest")
    convert = writer.compile(operation.output_ref)

    def write(result: dict[str, Any], request_id: str) -> Response:
        headers = {"content-type": CONTENT_TYPE}
        headers["x-amz-request-id" if operation.service.name == "s3" else "x-amzn-requestid"] = request_id
        if protocol == "smithy-rpc-v2-cbor":
            headers["smithy-protocol"] = "rpc-v2-cbor"
        status = write_bound(result, headers) if bound else None
        first = b""
        if rpc:
            initial = convert({key: value for key, value in result.items() if key != name})
            first = frames.encode(Message(event_headers("initial-response", events.content_type), events.document(initial)))
        return Response(status or operation.http.response_code or 200, headers, stream(first, result.get(name), events))

    return write


async def stream(first: bytes, source: AsyncIterator[dict[str, Any]] | None, events: EventWriter) -> AsyncIterator[bytes]:
    """The framed messages; an AwsError from the source ends the stream with an exception message."""
    if first:
        yield first
    if source is None:
        return
    try:
        async for event in source:
            yield events.write(event)
    except AwsError as error:
        yield events.write_error(error)


def event_headers(name: str, content_type: str = "") -> dict[str, Any]:
    """The headers of an event's message."""
    headers: dict[str, Any] = {":event-type": name, ":message-type": "event"}
    if content_type:
        headers[":content-type"] = content_type
    return headers


class EventWriter:
    """Writes the events of one stream."""

    def __init__(self, protocol: str, writer: Any, operation: OperationModel, ref: Ref) -> None:
        self.service = operation.service
        self.writer = writer
        self.stream_shape = self.service.shape(ref.shape)
        self.protocol = protocol
        if protocol == "smithy-rpc-v2-cbor":
            self.content_type = "application/cbor"
        elif protocol == "rest-xml":
            self.content_type = "text/xml"
        else:
            self.content_type = f"application/x-amz-json-{self.service.json_version}" if protocol == "json" else "application/json"

    def document(self, converted: Any, root: str = "") -> bytes:
        """A converted value as a payload."""
        if self.protocol == "smithy-rpc-v2-cbor":
            from cloudjar.wire.protocols import cbor

            return cbor.encode(converted)
        if self.protocol == "rest-xml":
            return f"<{root}>{converted}</{root}>".encode() if converted else b""
        return json_shapes.encode(converted)

    def write(self, event: dict[str, Any]) -> bytes:
        """One event, `{"PayloadChunk": {"Payload": b"..."}}`, as a framed message."""
        ((name, value),) = event.items()
        ref = self.stream_shape.members.get(name)
        if ref is None:
            raise UnknownMember(f"{self.stream_shape.name} has no member {name}")
        shape = self.service.shape(ref.shape)
        headers = {":exception-type": name, ":message-type": "exception"} if shape.exception else event_headers(name)
        for member, item in value.items():
            if member in shape.members and shape.members[member].eventheader:
                headers[member] = item
        content_type, payload = self.payload(shape, value)
        if content_type:
            headers[":content-type"] = content_type
        return frames.encode(Message(headers, payload))

    def payload(self, shape: Shape, value: dict[str, Any]) -> tuple[str, bytes]:
        """An event's payload and its type: the member marked as the payload, or all that are no headers as a document."""
        whole = next((name for name, ref in shape.members.items() if ref.eventpayload), None)
        if whole is None:
            rest = {name: item for name, item in value.items() if name not in shape.members or not shape.members[name].eventheader}
            if not any(not ref.eventheader for ref in shape.members.values()):
                return "", b""
            return self.content_type, self.document(self.writer.compile(Ref(shape.name))(rest), shape.name)
        item = value.get(whole)
        target = self.service.shape(shape.members[whole].shape)
        if target.type == "blob":
            return "application/octet-stream", bytes(item or b"")
        if target.type == "string":
            return "text/plain", (item or "").encode()
        return self.content_type, self.document(self.writer.compile(shape.members[whole])(item or {}), target.name)

    def write_error(self, error: AwsError) -> bytes:
        """An error that ends the stream: the stream's own exception where it has it, else a bare error."""
        ref = self.stream_shape.members.get(error.code)
        for name, member in self.stream_shape.members.items():
            if member.shape == error.code:
                ref, error = member, AwsError(name, error.message, members=error.members)
        if ref is not None:
            shape = self.service.shape(ref.shape)
            message = next((name for name in ("message", "Message") if name in shape.members), "message")
            known = {name: value for name, value in error.members.items() if name in shape.members}
            return self.write({error.code: {message: error.message, **known} if message in shape.members else known})
        return frames.encode(Message({":message-type": "error", ":error-code": error.code, ":error-message": error.message}))


class EventReader:
    """Reads the events of one request stream."""

    def __init__(self, reader: Any, operation: OperationModel, ref: Ref) -> None:
        self.service = operation.service
        self.protocol = operation.service.protocol
        self.members: dict[str, tuple[Shape, Convert]] = {}
        for name, member in self.service.shape(ref.shape).members.items():
            self.members[name] = (self.service.shape(member.shape), reader.compile(member))

    async def events(self, body: Body) -> AsyncIterator[dict[str, Any]]:
        """The events of a body as they come. The protocol's client error (AwsError) where the framing or an event is broken."""
        decoder = frames.Decoder()
        try:
            async for chunk in body:
                for message in decoder.feed(chunk):
                    for event in self.unwrap(message):
                        yield event
            if decoder.pending:
                raise Malformed("document", message="truncated event stream")
        except Malformed as fault:
            raise client_error(fault, self.protocol, self.service.name) from fault

    def unwrap(self, message: Message) -> list[dict[str, Any]]:
        """The events of one message: a signed stream wraps each in another one that carries its signature; the last is empty."""
        inner = [message]
        if ":chunk-signature" in message.headers:
            inner = frames.Decoder().feed(message.payload) if message.payload else []
        return [event for event in map(self.event, inner) if event is not None]

    def event(self, message: Message) -> dict[str, Any] | None:
        """One message as an event; None for what the model lacks."""
        name = message.headers.get(":event-type", "")
        entry = self.members.get(name)
        if entry is None:
            return None
        shape, convert = entry
        value = {member: message.headers[member] for member, ref in shape.members.items() if ref.eventheader and member in message.headers}
        whole = next((member for member, ref in shape.members.items() if ref.eventpayload), None)
        if whole is not None and self.service.shape(shape.members[whole].shape).type == "blob":
            value[whole] = message.payload
        elif whole is not None and self.service.shape(shape.members[whole].shape).type == "string":
            value[whole] = message.payload.decode("utf-8", "replace")
        elif message.payload:
            value |= convert(self.decode(message.payload))
        return {name: value}

    def decode(self, payload: bytes) -> Any:
        """A payload's document."""
        return xml_shapes.decode(payload) if self.protocol == "rest-xml" else json_shapes.decode(payload)
