"""Errors on the wire: each protocol's own shape, and those that come before there is an operation."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import patches
from cloudjar.wire.http import Response
from cloudjar.wire.models import OperationModel, ServiceModel, Shape, error_code
from cloudjar.wire.protocols import query, rest_xml
from cloudjar.wire.protocols.json_shapes import encode
from cloudjar.wire.protocols.xml_shapes import escape
from cloudjar.wire.shapes import RESPONSE_LOCATIONS, location_name
from cloudjar.wire.values import write_boolean

if TYPE_CHECKING:
    from cloudjar.wire.codec import ServiceCodec


def no_such_action(service: ServiceModel, protocol: str, name: str, version: str = "") -> AwsError:
    """The answer to an operation name that the service lacks."""
    if protocol == "ec2":
        if not name:
            return AwsError("MissingAction", "The request is missing an action or a required parameter")
        return AwsError("InvalidAction", f"The action {name} is not valid for this web service.")
    if protocol == "query":
        if not name:
            return AwsError("MissingAction", "The request is missing an action or a required parameter")
        return AwsError("InvalidAction", f"Could not find operation {name} for version {version or service.api_version}")
    return AwsError("UnknownOperationException", status=404 if protocol == "smithy-rpc-v2-cbor" else 400)


def no_such_route(service: ServiceModel, method: str, path: str, path_known: bool) -> AwsError:
    """The answer to a method and path at which a REST service has nothing."""
    if service.name == "s3" or path_known:
        words = "The specified method is not allowed against this resource."
        members = {"Method": method, "ResourceType": "BUCKET" if path.strip("/").count("/") == 0 else "OBJECT"}
        return AwsError("MethodNotAllowed", words, status=405, members=members if service.name == "s3" else None)
    return AwsError("UnknownOperationException", f"{method} {path} is no operation of {service.service_id}", status=404)


def write_error(codec: ServiceCodec | None, operation: OperationModel | None, error: AwsError, request_id: str, protocol: str) -> Response:
    """An error as the protocol sends it. The status is the error's own, else the model's, else 400."""
    service = codec.service if codec else None
    shape = service.error(error.code, operation) if service else None
    trait = shape.error if shape else None
    status = error.status or (trait.http_status_code if trait else 0) or (500 if shape and shape.fault else 400)
    code = error_code(shape) if shape else error.code
    if service and service.name in patches.QUERY_ERROR_CODES:
        code = patches.QUERY_ERROR_CODES[service.name].get(code, code)
    sent = AwsError(code, error.message, members=error.members)
    if protocol == "query" and service:
        return query.write_error(sent, status, status < 500, request_id, service, xml_members(codec, shape, error))
    if protocol == "ec2":
        return query.write_ec2_error(sent, status, request_id, xml_members(codec, shape, error))
    if protocol == "rest-xml" and service:
        members = xml_members(codec, shape, error)
        if service.name == "s3":
            return rest_xml.write_s3_error(sent, status, request_id, members)
        response = query.write_error(sent, status, status < 500, request_id, service, members)
        if codec and shape:
            write_headers(codec, shape, error, response.headers)
        return response
    name = error.code
    if service and service.query_compatible and shape:
        name = shape.name
    elif shape:
        name = code
    body = error_document(codec, shape, error)
    headers = {"x-amzn-requestid": request_id}
    if service and service.query_compatible and protocol != "rest-json":
        headers["x-amzn-query-error"] = f"{code};{'Sender' if status < 500 else 'Receiver'}"
    if protocol == "rest-json":
        headers |= {"x-amzn-errortype": name, "content-type": "application/json"}
        if codec and shape:
            write_headers(codec, shape, error, headers)
        return Response(status, headers, encode(body))
    prefix = patches.ERROR_NAMESPACES.get(service.name, "") if service else ""
    if not shape and prefix:
        prefix = "com.amazon.coral.validate#" if name == "ValidationException" else "com.amazon.coral.service#"
    body = {"__type": prefix + name, **body}
    if protocol == "smithy-rpc-v2-cbor":
        from cloudjar.wire.protocols import cbor

        headers |= {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
        return Response(status, headers, cbor.encode(body))
    headers["content-type"] = f"application/x-amz-json-{service.json_version if service else '1.0'}"
    document = encode(body)
    if service and service.name in patches.CRC32_ANSWERS:
        headers["x-amz-crc32"] = str(zlib.crc32(document))
    return Response(status, headers, document)


def write_headers(codec: ServiceCodec, shape: Shape, error: AwsError, headers: dict[str, str]) -> None:
    """An exception's members that are headers, such as Retry-After."""
    bound, write = codec.bindings.output_of(shape)
    write({name: value for name, value in error.members.items() if name in bound}, headers)


def error_document(codec: ServiceCodec | None, shape: Shape | None, error: AwsError) -> dict[str, Any]:
    """The members of an exception as its document: the message under the name that the model gives it."""
    members = shape.members if shape else {}
    message_name = next((name for name in ("message", "Message", "errorMessage") if name in members), "message")
    body: dict[str, Any] = {}
    if codec and shape:
        known = {name: value for name, value in error.members.items() if name in members}
        body = codec.writer.compile_exception(shape)({k: v for k, v in known.items() if members[k].location not in RESPONSE_LOCATIONS})
        if message_name in members:
            ref = members[message_name]
            message_name = location_name(ref, codec.service.shape(ref.shape), message_name)
    body.update({name: value for name, value in error.members.items() if name not in members})
    if error.message or message_name in members:
        body.setdefault(message_name, error.message)
    return body


def xml_members(codec: ServiceCodec | None, shape: Shape | None, error: AwsError) -> str:
    """An exception's further members as elements."""
    if not error.members:
        return ""
    members = shape.members if shape else {}
    known = {name: value for name, value in error.members.items() if name in members and members[name].location not in RESPONSE_LOCATIONS}
    text = codec.writer.compile_exception(shape)(known) if codec and shape and known else ""
    for name, value in error.members.items():
        if name not in members and value is not None:
            text += f"<{name}>{escape(write_boolean(value) if isinstance(value, bool) else str(value))}</{name}>"
    return text
