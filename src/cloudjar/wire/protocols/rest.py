"""What rest-json and rest-xml share: members in the URI, the query string, headers and the status code."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from cloudjar.wire.forms import pairs, unquote
from cloudjar.wire.http import Request
from cloudjar.wire.models import OperationModel, Ref, ServiceModel, Shape
from cloudjar.wire.shapes import RESPONSE_LOCATIONS, Convert, UnknownMember, location_name, part, timestamp_format
from cloudjar.wire.values import TEXT_READERS, Malformed, text_writer

ReadBindings = Callable[[Request, tuple[str, ...] | dict[str, str]], dict[str, Any]]
WriteBindings = Callable[[dict[str, Any], dict[str, str]], int | None]


def body_members(shape: Shape) -> list[str]:
    """The members that travel in a request body's document."""
    return [name for name, ref in shape.members.items() if not ref.location and name != shape.payload]


def answered_in_body(shape: Shape) -> list[str]:
    """The members that travel in a response body's document: a place in the URI means nothing there."""
    return [name for name, ref in shape.members.items() if ref.location not in RESPONSE_LOCATIONS and name != shape.payload]


def split_header_list(text: str) -> list[str]:
    """A header's list: items between commas, in double quotes where they hold commas or quotes (RFC 7230)."""
    if '"' not in text:
        return [item.strip() for item in text.split(",")]
    items, item, quoted, escaped, was_quoted = [], "", False, False, False
    for char in text:
        if escaped:
            item, escaped = item + char, False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"' and (quoted or not item.strip()):
            if not quoted:
                item = ""
            quoted = not quoted
            was_quoted = True
        elif char == "," and not quoted:
            items.append(item if was_quoted else item.strip())
            item, was_quoted = "", False
        elif not (was_quoted and not quoted and char == " "):
            item += char
    items.append(item if was_quoted else item.strip())
    return items


def split_dates(text: str) -> list[str]:
    """A header's list of HTTP dates, each of which holds a comma of its own."""
    halves = [half.strip() for half in text.split(",")]
    if not halves[0][:1].isalpha():
        return halves
    return [f"{day}, {rest}" for day, rest in zip(halves[::2], halves[1::2], strict=False)]


class Bindings:
    """Compiles the members of one service that do not travel in the body."""

    def __init__(self, service: ServiceModel) -> None:
        self.service = service

    def scalar_reader(self, ref: Ref, name: str, where: str) -> Convert:
        """Text from a URI, query string or header -> a value; Malformed names the parameter."""
        shape = self.service.shape(ref.shape)
        kind = shape.type
        convert: Callable[[str], Any]
        if ref.jsonvalue:
            convert = read_json_value
        elif kind == "string":
            return lambda text: text
        else:
            convert = TEXT_READERS[kind]

        def read(text: str) -> Any:
            try:
                return convert(text)
            except ValueError as error:
                raise Malformed(kind, text, name, where) from error

        return read

    def header_reader(self, ref: Ref, name: str) -> Convert:
        """A header's value -> a member's."""
        shape = self.service.shape(ref.shape)
        if shape.type != "list":
            return self.scalar_reader(ref, name, "header")
        item_ref = part(shape.member)
        item_shape = self.service.shape(item_ref.shape)
        read_item = self.scalar_reader(item_ref, name, "header")
        split = split_header_list
        if item_shape.type == "timestamp" and timestamp_format(item_ref, item_shape) in ("", "rfc822"):
            split = split_dates
        return lambda text: [read_item(item) for item in split(text)] if text else []

    def input(self, operation: OperationModel) -> ReadBindings:
        """The reader of everything but the body."""
        shape = operation.input
        assert shape is not None
        labels: list[tuple[str, str, Convert]] = []
        query: dict[str, tuple[str, Convert, bool]] = {}
        query_map: tuple[str, bool] | None = None
        headers: dict[str, tuple[str, Convert]] = {}
        prefixes: list[tuple[str, str]] = []
        literals = {item.partition("=")[0] for item in operation.http.request_uri.partition("?")[2].split("&")}
        for name, ref in shape.members.items():
            target = self.service.shape(ref.shape)
            wire_name = location_name(ref, target, name)
            if ref.location == "uri":
                labels.append((wire_name, name, self.scalar_reader(ref, name, "uri")))
            elif ref.location == "querystring" and target.type == "map":
                query_map = (name, self.service.shape(part(target.value).shape).type == "list")
            elif ref.location == "querystring":
                listed = target.type == "list"
                query[wire_name] = (name, self.scalar_reader(part(target.member) if listed else ref, wire_name, "query"), listed)
            elif ref.location == "header":
                headers[wire_name.lower()] = (name, self.header_reader(ref, wire_name.lower()))
            elif ref.location == "headers":
                prefixes.append((ref.location_name.lower(), name))

        def read(request: Request, found: Any) -> dict[str, Any]:
            params: dict[str, Any] = {}
            for label, name, convert in labels:
                params[name] = convert(unquote(found[label]))
            if request.query and (query or query_map):
                read_query(request.query, params, query, query_map, literals)
            if headers or prefixes:
                for header, text in request.headers.items():
                    entry = headers.get(header)
                    if entry is not None:
                        params[entry[0]] = entry[1](text)
                        continue
                    if prefixes:
                        for prefix, name in prefixes:
                            if header.startswith(prefix):
                                params.setdefault(name, {})[header[len(prefix) :]] = text
            return params

        return read

    def output(self, operation: OperationModel) -> tuple[frozenset[str], WriteBindings]:
        """The members that are headers or the status, and the writer that puts them there."""
        shape = operation.output
        return self.output_of(shape) if shape else (frozenset(), lambda result, headers: None)

    def output_of(self, shape: Shape) -> tuple[frozenset[str], WriteBindings]:
        """The same for any structure, such as an exception."""
        headers: dict[str, tuple[str, Convert]] = {}
        prefixes: dict[str, str] = {}
        status_name = ""
        for name, ref in shape.members.items():
            if ref.location == "header":
                headers[name] = (location_name(ref, self.service.shape(ref.shape), name).lower(), self.header_writer(ref))
            elif ref.location == "headers":
                prefixes[name] = ref.location_name.lower()
            elif ref.location == "statusCode":
                status_name = name
        members = shape.members
        bound = frozenset([*headers, *prefixes, *([status_name] if status_name else [])])

        def write(result: dict[str, Any], out: dict[str, str]) -> int | None:
            status = None
            for name, value in result.items():
                if value is None:
                    continue
                entry = headers.get(name)
                if entry is not None:
                    out[entry[0]] = entry[1](value)
                elif name in prefixes:
                    for key, text in value.items():
                        out[prefixes[name] + key.lower()] = text
                elif name == status_name:
                    status = value
                elif name not in members:
                    raise UnknownMember(f"{shape.name} has no member {name}")
            return status

        return bound, write

    def header_writer(self, ref: Ref) -> Convert:
        """A member's value -> a header's."""
        shape = self.service.shape(ref.shape)
        if shape.type == "list":
            write_item = self.header_writer(part(shape.member))
            if self.service.shape(part(shape.member).shape).type == "string":
                return lambda value: ", ".join([quote_header_item(item) for item in value])
            return lambda value: ", ".join([write_item(item) for item in value])
        if ref.jsonvalue:
            return lambda value: b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
        wire_format = (timestamp_format(ref, shape) or "rfc822") if shape.type == "timestamp" else ""
        return text_writer(shape.type, wire_format)


def read_query(
    text: str,
    params: dict[str, Any],
    query: dict[str, tuple[str, Convert, bool]],
    query_map: tuple[str, bool] | None,
    literals: set[str],
) -> None:
    """Query-string members into `params`; a map member takes every parameter that is no other member's and no part of the URI."""
    for key, value in pairs(text):
        entry = query.get(key)
        if entry is not None:
            name, convert, listed = entry
            if listed:
                params.setdefault(name, []).append(convert(value))
            elif name not in params:
                params[name] = convert(value)
        elif query_map is not None and key not in literals:
            found = params.setdefault(query_map[0], {})
            if query_map[1]:
                found.setdefault(key, []).append(value)
            else:
                found.setdefault(key, value)


def read_json_value(text: str) -> Any:
    """A JSON document in base64, as a header carries it."""
    return json.loads(b64decode(text, validate=True))


def quote_header_item(item: str) -> str:
    """An item of a header's list, in quotes where it must be."""
    if '"' in item or "," in item:
        escaped = item.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return item


def check_members(shape: Shape, result: dict[str, Any]) -> None:
    """UnknownMember if a result holds what the model lacks."""
    for name in result:
        if name not in shape.members:
            raise UnknownMember(f"{shape.name} has no member {name}")
