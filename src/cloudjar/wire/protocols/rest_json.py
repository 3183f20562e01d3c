"""rest-json: members in the URI, headers and query string, the rest as one JSON document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.wire.http import BufferedBody, Request, Response
from cloudjar.wire.models import OperationModel
from cloudjar.wire.protocols.json_shapes import JsonReader, JsonWriter, decode, encode
from cloudjar.wire.protocols.rest import Bindings, answered_in_body, body_members

ReadInput = Callable[[Request, dict[str, str], Any], dict[str, Any]]
WriteOutput = Callable[[dict[str, Any], str], Response]


def read_input(bindings: Bindings, reader: JsonReader, operation: OperationModel) -> ReadInput:
    """The parser of one operation's request. A streaming payload is the body itself."""
    shape = operation.input
    if shape is None:
        return lambda request, labels, body: {}
    bound = bindings.input(operation)
    payload = shape.payload
    if not payload:
        if not body_members(shape) or operation.input_ref is None:
            return lambda request, labels, body: bound(request, labels)
        convert = reader.compile(operation.input_ref)
        # A member that is bound elsewhere must not be smuggled in through the body.
        elsewhere = [name for name, ref in shape.members.items() if ref.location]

        def read(request: Request, labels: dict[str, str], body: Any) -> dict[str, Any]:
            params = convert(decode(body)) if body else {}
            for name in elsewhere:
                params.pop(name, None)
            params.update(bound(request, labels))
            return params

        return read
    target = operation.service.shape(shape.members[payload].shape)
    read_payload: Callable[[Any], Any]
    if target.eventstream:
        from cloudjar.wire.protocols.eventstream import EventReader

        events = EventReader(reader, operation, shape.members[payload])

        def read_events(request: Request, labels: dict[str, str], body: Any) -> dict[str, Any]:
            params = bound(request, labels)
            params[payload] = events.events(BufferedBody(body) if isinstance(body, bytes) else body)
            return params

        return read_events
    if operation.streaming_input == payload:

        def read_stream(request: Request, labels: dict[str, str], body: Any) -> dict[str, Any]:
            params = bound(request, labels)
            params[payload] = body
            return params

        return read_stream
    if target.type == "blob":
        read_payload = bytes
    elif target.type == "string":
        read_payload = text
    else:
        convert = reader.compile(shape.members[payload])

        def read_payload(body: bytes) -> Any:
            document = decode(body)
            return None if document is None else convert(document)

    def read_with_payload(request: Request, labels: dict[str, str], body: Any) -> dict[str, Any]:
        params = bound(request, labels)
        if body:
            value = read_payload(body)
            if value is not None:
                params[payload] = value
        return params

    return read_with_payload


def text(body: bytes) -> str:
    """A string payload."""
    return body.decode("utf-8", "replace")


def write_output(bindings: Bindings, writer: JsonWriter, operation: OperationModel) -> WriteOutput:
    """The serialiser of one operation's result."""
    shape, status = operation.output, operation.http.response_code or 200
    if shape is None or operation.output_ref is None:
        return lambda result, request_id: Response(status, {"x-amzn-requestid": request_id, "content-type": "application/json"})
    bound, write_bound = bindings.output(operation)
    payload = shape.payload
    if payload:
        ref = shape.members[payload]
        target = operation.service.shape(ref.shape)
        convert: Callable[[Any], Any]
        if target.type == "blob" or target.type == "string":
            content_type = "application/octet-stream" if target.type == "blob" else "text/plain"
            convert = raw_payload
        else:
            compiled = writer.compile(ref)
            content_type = "application/json"

            def convert(value: Any) -> Any:
                return encode(compiled({} if value is None else value))

        # Where the content type is the service's to say, none is made up.
        typed = any(ref.location == "header" and ref.location_name.lower() == "content-type" for ref in shape.members.values())

        def write_payload(result: dict[str, Any], request_id: str) -> Response:
            headers = {"x-amzn-requestid": request_id}
            code = write_bound(result, headers)
            if not typed:
                headers["content-type"] = content_type
            return Response(code or status, headers, convert(result.get(payload)))

        return write_payload
    has_body = bool(answered_in_body(shape))
    convert = writer.compile(operation.output_ref)

    def write(result: dict[str, Any], request_id: str) -> Response:
        headers = {"x-amzn-requestid": request_id, "content-type": "application/json"}
        code = None
        if bound:
            code = write_bound(result, headers)
            result = {name: value for name, value in result.items() if name not in bound}
        document = convert(result)
        return Response(code or status, headers, encode(document) if has_body else b"")

    return write


def raw_payload(value: Any) -> Any:
    """A blob, a string or a stream, as the body."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else value
