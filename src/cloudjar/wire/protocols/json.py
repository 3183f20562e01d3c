"""The AWS JSON protocols, 1.0 and 1.1: one JSON document each way, the operation named by X-Amz-Target."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from cloudjar.wire import patches
from cloudjar.wire.http import Response
from cloudjar.wire.models import OperationModel, ServiceModel
from cloudjar.wire.protocols.json_shapes import JsonReader, JsonWriter, decode, encode


def read_input(reader: JsonReader, operation: OperationModel) -> Callable[[bytes], dict[str, Any]]:
    """The parser of one operation's body; an empty body is an empty input."""
    if operation.input_ref is None:
        return lambda body: {}
    convert = reader.compile(operation.input_ref)
    return lambda body: convert(decode(body)) if body else {}


def write_output(writer: JsonWriter, operation: OperationModel, service: ServiceModel) -> Callable[[dict[str, Any], str], Response]:
    """The serialiser of one operation's result. An operation without an output answers with no body, as AWS does."""
    content_type = f"application/x-amz-json-{service.json_version}"
    if operation.output_ref is None:
        return lambda result, request_id: Response(200, {"x-amzn-requestid": request_id, "content-type": content_type})
    convert = writer.compile(operation.output_ref)
    summed = service.name in patches.CRC32_ANSWERS

    def write(result: dict[str, Any], request_id: str) -> Response:
        body = encode(convert(result))
        headers = {"x-amzn-requestid": request_id, "content-type": content_type}
        if summed:
            headers["x-amz-crc32"] = str(zlib.crc32(body))
        return Response(200, headers, body)

    return write
