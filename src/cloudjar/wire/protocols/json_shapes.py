"""JSON values <-> Python values, as the json and rest-json protocols have them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from cloudjar.wire import patches
from cloudjar.wire.models import Ref, Shape
from cloudjar.wire.shapes import RESPONSE_LOCATIONS, Compiler, Convert, UnknownMember, location_name, part, timestamp_format
from cloudjar.wire.values import Malformed, from_epoch, read_blob, read_timestamp, timestamp_writer, write_blob, write_float

INTEGER_RANGE = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


def decode(body: bytes) -> Any:
    """A JSON document; Malformed if it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("document", message=str(error)) from error


encode = msgspec.json.encode


def token(value: object) -> str:
    """What AWS's JSON reader (Jackson) calls a value."""
    if value is True:
        return "TRUE_VALUE"
    if value is False:
        return "FALSE_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    if isinstance(value, float):
        return "DECIMAL_VALUE"
    return "NUMBER_VALUE"


def wrong(kind: str, value: object) -> Malformed:
    """The error for a value of the wrong JSON type, in AWS's words."""
    if isinstance(value, dict):
        return Malformed(kind, message="Start of structure or map found where not expected.")
    if isinstance(value, list):
        return Malformed(kind, message="Start of list found where not expected")
    names = {
        "string": "a String",
        "integer": "an Integer",
        "long": "a Long",
        "float": "a Float",
        "double": "a Double",
        "boolean": "a Boolean",
        "timestamp": "milliseconds since epoch",
        "blob": "a Blob",
        "structure": "a structure",
        "map": "a map",
        "list": "a list",
    }
    if kind in ("list", "map", "structure"):
        return Malformed(kind, message="Unexpected field type")
    return Malformed(kind, message=f"{token(value)} can not be converted to {names.get(kind, kind)}")


def read_string(value: Any) -> str:
    if type(value) is str:
        return value
    raise wrong("string", value)


def read_boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise wrong("boolean", value)


def integer_reader(kind: str) -> Convert:
    low, high = INTEGER_RANGE[kind]

    def read(value: Any) -> int:
        if type(value) is int:
            if low <= value <= high:
                return value
        elif type(value) is float and value.is_integer() and low <= value <= high:
            return int(value)
        raise wrong(kind, value)

    return read


def float_reader(kind: str) -> Convert:
    def read(value: Any) -> float:
        if type(value) is float:
            return value
        if type(value) is int:
            try:
                return float(value)
            except OverflowError:
                raise wrong(kind, value) from None
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        raise wrong(kind, value)

    return read


def timestamp_reader(wire_format: str) -> Convert:
    textual = bool(wire_format) and not wire_format.lower().startswith("unix")

    def read(value: Any) -> Any:
        try:
            if type(value) is int or type(value) is float:
                return from_epoch(value)
            if textual and type(value) is str:
                return read_timestamp(value)
        except ValueError as error:
            raise Malformed("timestamp", value, message="Unable to parse timestamp") from error
        raise wrong("timestamp", value)

    return read


def read_base64(value: Any) -> bytes:
    if type(value) is not str:
        raise wrong("blob", value)
    try:
        return read_blob(value)
    except ValueError as error:
        raise Malformed("blob", value, message="Invalid Base64 value") from error


def read_anything(value: Any) -> Any:
    return value


class JsonReader(Compiler):
    """Request bodies: JSON -> params. Nulls count as absent, members that the model lacks are dropped, as AWS does."""

    def structure(self, ref: Ref, shape: Shape, members: dict[str, tuple[str, Convert]]) -> Convert:
        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise wrong("structure", value)
            params = {}
            for key, item in value.items():
                if item is not None:
                    entry = members.get(key)
                    if entry is not None:
                        params[entry[0]] = entry[1](item)
            return params

        return read

    def fill(self, shape: Shape, members: dict[str, tuple[str, Convert]]) -> None:
        for name, ref in shape.members.items():
            members[location_name(ref, self.service.shape(ref.shape), name)] = (name, self.compile(ref))

    def list(self, ref: Ref, shape: Shape) -> Convert:
        read_item = self.compile(part(shape.member))

        def read(value: Any) -> list[Any]:
            if type(value) is not list:
                raise wrong("list", value)
            return [None if item is None else read_item(item) for item in value]

        return read

    def map(self, ref: Ref, shape: Shape) -> Convert:
        read_value = self.compile(part(shape.value))
        sparse = shape.sparse

        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise wrong("map", value)
            return {key: None if item is None else read_value(item) for key, item in value.items() if sparse or item is not None}

        return read

    def document(self, ref: Ref, shape: Shape) -> Convert:
        return read_anything

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        kind = shape.type
        if kind == "timestamp":
            return timestamp_reader(timestamp_format(ref, shape))
        if kind in INTEGER_RANGE:
            return integer_reader(kind)
        if kind in ("float", "double"):
            return float_reader(kind)
        readers: dict[str, Convert] = {"boolean": read_boolean, "blob": read_base64}
        return readers.get(kind, read_string)


def write_number(value: Any) -> Any:
    """A float for JSON, which has no NaN: AWS sends the word."""
    return value if math.isfinite(value) else write_float(value)


class JsonWriter(Compiler):
    """Response bodies: result -> what `encode` takes. None counts as absent."""

    def compile(self, ref: Ref) -> Convert:
        return read_anything if (self.service.name, ref.shape) in patches.READY_FOR_JSON else super().compile(ref)

    def structure(self, ref: Ref, shape: Shape, members: dict[str, tuple[str, Convert | None]]) -> Convert:
        def write(value: dict[str, Any]) -> dict[str, Any]:
            out = {}
            for name, item in value.items():
                if item is None:
                    continue
                entry = members.get(name)
                if entry is None:
                    raise UnknownMember(f"{shape.name} has no member {name}")
                convert = entry[1]
                out[entry[0]] = item if convert is None else convert(item)
            return out

        return write

    def fill(self, shape: Shape, members: dict[str, tuple[str, Convert | None]]) -> None:
        for name, ref in shape.members.items():
            if ref.location in RESPONSE_LOCATIONS or ref.eventheader:
                continue
            convert = self.compile(ref)
            # Most members are strings: for what goes out as it is, no call is made.
            members[name] = (location_name(ref, self.service.shape(ref.shape), name), None if convert is read_anything else convert)

    def list(self, ref: Ref, shape: Shape) -> Convert:
        write_item = self.compile(part(shape.member))
        if write_item is read_anything:
            return read_anything
        return lambda value: [None if item is None else write_item(item) for item in value]

    def map(self, ref: Ref, shape: Shape) -> Convert:
        write_value = self.compile(part(shape.value))
        if write_value is read_anything:
            return read_anything
        return lambda value: {key: None if item is None else write_value(item) for key, item in value.items()}

    def document(self, ref: Ref, shape: Shape) -> Convert:
        return read_anything

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        if shape.type == "timestamp":
            return timestamp_writer(timestamp_format(ref, shape) or "unixTimestamp")
        writers: dict[str, Callable[[Any], Any]] = {"blob": write_blob, "float": write_number, "double": write_number}
        return writers.get(shape.type, read_anything)
