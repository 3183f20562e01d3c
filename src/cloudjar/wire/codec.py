"""The codec: a routed request becomes an operation and a dict; a dict or an error becomes a response."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import errors, faults, patches
from cloudjar.wire.forms import pairs
from cloudjar.wire.http import Body, Request, Response
from cloudjar.wire.models import Models, OperationModel, ServiceModel
from cloudjar.wire.protocols import json, query, rest_json, rest_xml
from cloudjar.wire.protocols.json_shapes import JsonReader, JsonWriter
from cloudjar.wire.protocols.rest import Bindings
from cloudjar.wire.protocols.xml_shapes import XmlReader, XmlWriter
from cloudjar.wire.values import Malformed

if TYPE_CHECKING:
    from cloudjar.wire.route import Route

MAX_INFLATED = 64 * 1024 * 1024
"""Bytes that a compressed request body may unpack to."""


class Call(msgspec.Struct):
    """A request, understood."""

    service: ServiceModel
    operation: OperationModel
    params: dict[str, Any]
    protocol: str


class Found(msgspec.Struct):
    """The operation that a request is for, with what finding it brought to light."""

    operation: OperationModel
    labels: dict[str, str] | None = None
    form: list[tuple[str, str]] | None = None

    @property
    def streams(self) -> bool:
        """Whether the body must be handed over unread."""
        return self.operation.streaming_input is not None or self.operation.input_stream is not None


Serialise = Callable[[dict[str, Any], str], Response]


class ServiceCodec:
    """The compiled parsers and serialisers of one service in one protocol."""

    def __init__(self, service: ServiceModel, protocol: str) -> None:
        self.service = service
        self.protocol = protocol
        self.parsers: dict[str, Callable[..., dict[str, Any]]] = {}
        self.serialisers: dict[str, Serialise] = {}
        self.bindings = Bindings(service)
        self.reader: Any
        self.writer: Any
        if protocol == "query":
            self.reader, self.writer = query.FormReader(service), query.QueryXmlWriter(service)
        elif protocol == "ec2":
            self.reader, self.writer = query.Ec2FormReader(service), query.Ec2XmlWriter(service)
        elif protocol == "rest-xml":
            self.reader = XmlReader(service)
            self.writer = rest_xml.S3XmlWriter(service) if service.name == "s3" else XmlWriter(service)
        elif protocol == "smithy-rpc-v2-cbor":
            from cloudjar.wire.protocols import cbor

            self.reader, self.writer = cbor.CborReader(service), cbor.CborWriter(service)
        else:
            self.reader, self.writer = JsonReader(service), JsonWriter(service)

    def parser(self, operation: OperationModel) -> Callable[..., dict[str, Any]]:
        """The compiled parser: of a form (query, ec2), of a body (json, cbor), or of request, labels and body (REST)."""
        made = self.parsers.get(operation.name)
        if made is None:
            made = self.parsers[operation.name] = self._compile_parser(operation)
        return made

    def serialiser(self, operation: OperationModel) -> Serialise:
        """The compiled serialiser."""
        made = self.serialisers.get(operation.name)
        if made is None:
            made = self.serialisers[operation.name] = self._compile_serialiser(operation)
        return made

    def _compile_parser(self, operation: OperationModel) -> Callable[..., dict[str, Any]]:
        if self.protocol in ("query", "ec2"):
            return query.read_input(self.reader, operation)
        if self.protocol == "json":
            return json.read_input(self.reader, operation)
        if self.protocol == "rest-json":
            return rest_json.read_input(self.bindings, self.reader, operation)
        if self.protocol == "rest-xml":
            return rest_xml.read_input(self.bindings, self.reader, operation)
        from cloudjar.wire.protocols import cbor

        return cbor.read_input(self.reader, operation)

    def _compile_serialiser(self, operation: OperationModel) -> Serialise:
        if operation.output_stream:
            from cloudjar.wire.protocols import eventstream

            return eventstream.write_output(self.protocol, self.bindings, self.writer, operation)
        if self.protocol == "query":
            return query.write_output(self.writer, operation, self.service.xml_namespace)
        if self.protocol == "ec2":
            return query.write_ec2_output(self.writer, operation, self.service.xml_namespace)
        if self.protocol == "json":
            return json.write_output(self.writer, operation, self.service)
        if self.protocol == "rest-json":
            write = rest_json.write_output(self.bindings, self.writer, operation)
        elif self.protocol == "rest-xml":
            write = rest_xml.write_output(self.bindings, self.writer, operation)
        else:
            from cloudjar.wire.protocols import cbor

            return cbor.write_output(self.writer, operation)
        return without_body(write) if operation.http.method == "HEAD" else write


def without_body(write: Serialise) -> Serialise:
    """A HEAD operation's answer: headers only."""

    def head(result: dict[str, Any], request_id: str) -> Response:
        response = write(result, request_id)
        response.body = b""
        return response

    return head


class Codec:
    """Parsers and serialisers of all services, compiled when first used and kept."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._codecs: dict[tuple[str, str], ServiceCodec] = {}

    def codec(self, service: str, protocol: str) -> ServiceCodec:
        """The codec of one service in one protocol."""
        made = self._codecs.get((service, protocol))
        if made is None:
            made = self._codecs[service, protocol] = ServiceCodec(self.models.service(service), protocol)
        return made

    def find_operation(self, route: Route, request: Request, body: bytes = b"") -> Found:
        """The operation that a request is for. Only query and ec2 look into the body.

        Raises AwsError as AWS does for an action that there is not.
        """
        service, protocol = self.models.service(route.service), route.protocol
        if protocol in ("rest-json", "rest-xml"):
            match = route.match or service.uris.find(request, route.path)
            if match is None:
                raise errors.no_such_route(service, request.method, route.path, service.uris.has_path(route.path))
            return Found(service.operations[match[0]], labels=match[1])
        form = None
        if protocol in ("query", "ec2"):
            form = self._form(route, request, body)
            name = ""
            for key, value in form:
                if key == "Action":
                    name = value
                    break
        else:
            name = route.operation
        try:
            return Found(service.operations[name], form=form)
        except KeyError:
            version = next((value for key, value in form or () if key == "Version"), "")
            raise errors.no_such_action(service, protocol, name, version) from None

    def _form(self, route: Route, request: Request, body: bytes) -> list[tuple[str, str]]:
        try:
            if body[:2] == b"\x1f\x8b":
                body = inflate(body, request.headers.get("content-encoding", ""))
            form = pairs(body.decode("latin-1")) if body else []
            if request.query:
                form = form + pairs(request.query)
            member = patches.PATH_MEMBERS.get(route.service) if request.path != "/" else None
            return [*form, (member, request.path)] if member and not any(name == member for name, _ in form) else form
        except Malformed as fault:
            raise faults.client_error(fault, route.protocol, route.service) from fault

    def parse(self, route: Route, request: Request, body: bytes | Body, found: Found | None = None) -> Call:
        """The operation and its parameters, in AWS spelling.

        `body` is bytes, but the unread Body where `Found.streams`. Raises AwsError, and nothing else, for whatever a client sends.
        """
        if found is None:
            found = self.find_operation(route, request, body if isinstance(body, bytes) else b"")
        operation, protocol = found.operation, route.protocol
        service = operation.service
        parser = self.codec(service.name, protocol).parser(operation)
        try:
            if operation.request_encodings and isinstance(body, bytes):
                body = inflate(body, request.headers.get("content-encoding", ""))
            if found.labels is not None:
                params = parser(request, found.labels, body)
            elif found.form is not None:
                params = parser(found.form)
            else:
                params = parser(body)
        except Malformed as fault:
            raise faults.client_error(fault, protocol, service.name) from fault
        except RecursionError as error:
            raise faults.client_error(Malformed("document", message="too deep"), protocol, service.name) from error
        return Call(service, operation, params, protocol)

    def serialise(
        self, call: Call | OperationModel, result: dict[str, Any] | None, *, request_id: str, protocol: str | None = None
    ) -> Response:
        """The response that carries a result. UnknownMember if it holds what the model lacks."""
        if isinstance(call, Call):
            operation, protocol = call.operation, protocol or call.protocol
        else:
            operation = call
        service = operation.service
        codec = self.codec(service.name, protocol or service.protocol)
        return codec.serialiser(operation)(result or {}, request_id)

    def serialise_error(
        self,
        operation: OperationModel | None,
        error: AwsError,
        *,
        request_id: str,
        protocol: str,
        service: ServiceModel | str | None = None,
        method: str = "",
    ) -> Response:
        """The response that carries an error, in the protocol's own shape; no body in answer to HEAD."""
        if operation is not None:
            model: ServiceModel | None = operation.service
        else:
            model = self.models.service(service) if isinstance(service, str) else service
        codec = self.codec(model.name, protocol) if model else None
        response = errors.write_error(codec, operation, error, request_id, protocol)
        if method == "HEAD" or (operation is not None and operation.http.method == "HEAD"):
            response.body = b""
        response.headers.update(error.headers)
        return response


def inflate(body: bytes, encoding: str) -> bytes:
    """A request body without its gzip encoding. Malformed if it is broken or unpacks to more than MAX_INFLATED."""
    # A client appends its own encoding to one that the data had already ("custom, gzip").
    if encoding.lower().rpartition(",")[2].strip() != "gzip":
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, MAX_INFLATED)
    except zlib.error as error:
        raise Malformed("document", message=str(error)) from error
    if not unpacker.eof:
        raise Malformed("document", message="truncated or too large")
    return plain
