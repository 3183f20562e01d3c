"""rest-xml: members in the URI, headers and query string, the rest as one XML document. S3, Route 53, CloudFront."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from typing import Any

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import patches
from cloudjar.wire.http import Request, Response
from cloudjar.wire.models import OperationModel
from cloudjar.wire.protocols.rest import Bindings, answered_in_body, body_members, check_members
from cloudjar.wire.protocols.rest_json import ReadInput, WriteOutput, raw_payload, text
from cloudjar.wire.protocols.xml_shapes import XmlReader, XmlWriter, decode, escape, namespace
from cloudjar.wire.shapes import Convert, location_name
from cloudjar.wire.values import Malformed, to_iso8601_millis

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class S3XmlWriter(XmlWriter):
    """S3 answers times with milliseconds, always."""

    def scalar(self, ref: Any, shape: Any) -> Convert:
        if shape.type == "timestamp" and not (ref.timestamp_format or shape.timestamp_format):
            return to_iso8601_millis
        return super().scalar(ref, shape)


def read_input(bindings: Bindings, reader: XmlReader, operation: OperationModel) -> ReadInput:
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

        def read(request: Request, labels: dict[str, str], body: Any) -> dict[str, Any]:
            params = convert(decode(body)) if body else {}
            params.update(bound(request, labels))
            return params

        return read
    ref = shape.members[payload]
    target = operation.service.shape(ref.shape)
    read_payload: Callable[[Any], Any]
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
        convert = reader.compile(ref)
        root_name = location_name(ref, target, payload)
        strict = operation.service.name == "s3"

        def read_payload(body: bytes) -> Any:
            root = decode(body)
            # S3 takes no foreign document.
            if strict and root.tag.rpartition("}")[2] not in (root_name, ref.shape, payload):
                raise Malformed("document", root.tag)
            return convert(root)

    def read_with_payload(request: Request, labels: dict[str, str], body: Any) -> dict[str, Any]:
        params = bound(request, labels)
        if body:
            params[payload] = read_payload(body)
        return params

    return read_with_payload


def base_headers(operation: OperationModel, request_id: str) -> dict[str, str]:
    """The headers that every answer has."""
    if operation.service.name == "s3":
        return {"x-amz-request-id": request_id, "x-amz-id-2": host_id(request_id)}
    return {"x-amzn-requestid": request_id}


def host_id(request_id: str) -> str:
    """S3's second, longer request id; here a function of the first."""
    return b2a_base64((request_id * 4)[:57].encode(), newline=False).decode()


def write_output(bindings: Bindings, writer: XmlWriter, operation: OperationModel) -> WriteOutput:
    """The serialiser of one operation's result."""
    shape, status = operation.output, operation.http.response_code or 200
    if shape is None or operation.output_ref is None:
        return lambda result, request_id: Response(status, base_headers(operation, request_id))
    bound, write_bound = bindings.output(operation)
    payload = shape.payload
    default_namespace = operation.service.xml_namespace
    if payload:
        ref = shape.members[payload]
        target = operation.service.shape(ref.shape)
        if target.type == "blob" or target.type == "string":

            def write_raw(result: dict[str, Any], request_id: str) -> Response:
                headers = base_headers(operation, request_id)
                code = write_bound(result, headers)
                if "content-range" in headers:
                    code = 206
                return Response(code or status, headers, raw_payload(result.get(payload)))

            return write_raw
        convert = document_writer(writer, operation, ref, location_name(ref, target, target.name), default_namespace)

        def write_payload(result: dict[str, Any], request_id: str) -> Response:
            headers = base_headers(operation, request_id)
            code = write_bound(result, headers)
            value = result.get(payload)
            if value is None:
                return Response(code or status, headers)
            headers["content-type"] = "application/xml"
            return Response(code or status, headers, convert(value))

        return write_payload
    has_body = bool(answered_in_body(shape))
    root = patches.XML_ROOTS.get((operation.service.name, operation.name)) or operation.output_ref.location_name or shape.location_name
    convert = document_writer(writer, operation, operation.output_ref, root or shape.name, default_namespace)

    def write(result: dict[str, Any], request_id: str) -> Response:
        headers = base_headers(operation, request_id)
        code = None
        if bound:
            code = write_bound(result, headers)
        if not has_body:
            # `write_bound` has refused what the model lacks.
            if not bound:
                check_members(shape, result)
            if "content-range" in headers:
                code = 206
            return Response(code or status, headers)
        headers["content-type"] = "application/xml"
        if bound:
            result = {name: value for name, value in result.items() if name not in bound}
        return Response(code or status, headers, convert(result))

    return write


def document_writer(writer: XmlWriter, operation: OperationModel, ref: Any, root: str, default_namespace: str) -> Callable[[Any], bytes]:
    """The closure that writes a value as a whole XML document."""
    shape = operation.service.shape(ref.shape)
    xmlns = namespace(ref, shape) or (f' xmlns="{default_namespace}"' if default_namespace else "")
    write = writer.with_attributes(f"<{root}{xmlns}", root, ref, shape)
    if (operation.service.name, operation.name) == ("s3", "GetBucketLocation"):
        # The answer is the bare constraint, empty for us-east-1, not an element inside of another one.
        return lambda value: f"{DECLARATION}<{root}{xmlns}>{escape(value.get('LocationConstraint') or '')}</{root}>".encode()
    return lambda value: f"{DECLARATION}{write(value)}".encode()


def write_s3_error(error: AwsError, status: int, request_id: str, members: str) -> Response:
    """S3's error: a bare <Error>."""
    host = host_id(request_id)
    if status == 304:
        return Response(status, {"x-amz-request-id": request_id, "x-amz-id-2": host})
    text = (
        f"{DECLARATION}<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{members}"
        f"<RequestId>{request_id}</RequestId><HostId>{host}</HostId></Error>"
    )
    headers = {"x-amz-request-id": request_id, "x-amz-id-2": host, "content-type": "application/xml"}
    return Response(status, headers, text.encode())
