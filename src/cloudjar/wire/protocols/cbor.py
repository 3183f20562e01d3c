"""smithy-rpc-v2-cbor: one CBOR document each way, the operation named by the path."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cbor2

from cloudjar.wire.http import Response
from cloudjar.wire.models import OperationModel, Ref, Shape
from cloudjar.wire.protocols.json_shapes import JsonReader, JsonWriter, float_reader, read_anything, wrong
from cloudjar.wire.shapes import Convert
from cloudjar.wire.values import Malformed, from_epoch, to_epoch


def decode(body: bytes) -> Any:
    """A CBOR document; Malformed if it is none."""
    try:
        return cbor2.loads(body)
    except Exception as error:  # The decoder also raises whatever the making of a tagged value raised.
        raise Malformed("document", message="Unable to parse the CBOR request body") from error


def encode(value: Any) -> bytes:
    """A CBOR document."""
    data: bytes = cbor2.dumps(value)
    return data


def read_bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise wrong("blob", value)
    return value


def read_timestamp(value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if type(value) is int or type(value) is float:
        try:
            return from_epoch(value)
        except ValueError as error:
            raise Malformed("timestamp", value, message="Unable to parse timestamp") from error
    raise wrong("timestamp", value)


class CborReader(JsonReader):
    """CBOR -> params: JSON's reader, but blobs are bytes, times are tagged, and floats need no words."""

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        if shape.type == "timestamp":
            return read_timestamp
        if shape.type == "blob":
            return read_bytes
        if shape.type in ("float", "double"):
            return float_reader(shape.type)
        return super().scalar(ref, shape)


def tag_epoch(moment: datetime) -> Any:
    """Epoch seconds under CBOR's tag 1."""
    return cbor2.CBORTag(1, to_epoch(moment))


def write_bytes(value: Any) -> bytes:
    """A blob."""
    return value.encode() if isinstance(value, str) else bytes(value)


class CborWriter(JsonWriter):
    """Result -> what `encode` takes."""

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        writers: dict[str, Convert] = {"timestamp": tag_epoch, "blob": write_bytes, "float": float, "double": float}
        return writers.get(shape.type, read_anything)


def read_input(reader: CborReader, operation: OperationModel) -> Callable[[bytes], dict[str, Any]]:
    """The parser of one operation's body; an empty body is an empty input."""
    if operation.input_ref is None:
        return lambda body: {}
    convert = reader.compile(operation.input_ref)
    return lambda body: convert(decode(body)) if body else {}


def write_output(writer: CborWriter, operation: OperationModel) -> Callable[[dict[str, Any], str], Response]:
    """The serialiser of one operation's result."""
    if operation.output_ref is None:
        return lambda result, request_id: Response(200, {"x-amzn-requestid": request_id, "smithy-protocol": "rpc-v2-cbor"})
    convert = writer.compile(operation.output_ref)

    def write(result: dict[str, Any], request_id: str) -> Response:
        headers = {"x-amzn-requestid": request_id, "smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
        return Response(200, headers, encode(convert(result)))

    return write
