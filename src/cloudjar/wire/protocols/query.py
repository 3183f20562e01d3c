"""The AWS query protocol, and EC2's dialect of it: forms in, XML out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.forms import numbered, tree
from cloudjar.wire.http import Response
from cloudjar.wire.models import OperationModel, Ref, ServiceModel, Shape
from cloudjar.wire.protocols.xml_shapes import XmlWriter, escape
from cloudjar.wire.shapes import Compiler, Convert, flattened, location_name, part
from cloudjar.wire.values import TEXT_READERS, Malformed, to_iso8601_millis

Form = list[tuple[str, str]]


class FormReader(Compiler):
    """Form parameters -> params. Parameters that the model lacks are dropped, as AWS does."""

    def structure(self, ref: Ref, shape: Shape, members: dict[str, list[tuple[str, Convert]]]) -> Convert:
        def read(node: Any) -> dict[str, Any]:
            if type(node) is not dict:
                return {}
            params: dict[str, Any] = {}
            for key, value in node.items():
                entries = members.get(key)
                if entries is None:
                    continue
                for name, convert in entries:
                    try:
                        found = convert(value)
                    except ValueError as error:
                        raise Malformed(kinds[name], value, name, "query") from error
                    if found is not None:
                        params[name] = found
            return params

        kinds = {name: self.service.shape(member.shape).type for name, member in shape.members.items()}
        return read

    def fill(self, shape: Shape, members: dict[str, list[tuple[str, Convert]]]) -> None:
        for name, ref in shape.members.items():
            target = self.service.shape(ref.shape)
            convert = self.compile(ref)
            for wire_name in self.wire_names(ref, target, name):
                # A dotted name ("Filter.Name") is a path in the tree, as it would be in any client that builds forms by hand.
                members.setdefault(wire_name, []).append((name, convert))

    def wire_names(self, ref: Ref, shape: Shape, name: str) -> list[str]:
        """The names under which a member may come."""
        wire_name = ref.query_name or location_name(ref, shape, name)
        if shape.type == "list" and flattened(ref, shape):
            item_name = part(shape.member).location_name
            if item_name and item_name != wire_name:
                return [item_name, wire_name]
        return [wire_name]

    def list(self, ref: Ref, shape: Shape) -> Convert:
        item_ref = part(shape.member)
        read_item = self.compile(item_ref)
        wrapper = None if flattened(ref, shape) else item_ref.location_name or "member"

        def read(node: Any) -> list[Any] | None:
            if type(node) is not dict:
                # "Names=" is how an empty list is sent.
                return [] if node == "" else [read_item(node)]
            if wrapper is not None:
                inner = node.get(wrapper) or node.get("member")
                if type(inner) is dict:
                    node = inner
            return [read_item(item) for item in numbered(node)]

        return read

    def map(self, ref: Ref, shape: Shape) -> Convert:
        key_ref, value_ref = part(shape.key), part(shape.value)
        key_name, value_name = key_ref.location_name or "key", value_ref.location_name or "value"
        read_key, read_value = self.compile(key_ref), self.compile(value_ref)
        flat = flattened(ref, shape)

        def read(node: Any) -> dict[str, Any] | None:
            if type(node) is not dict:
                return {} if node == "" else None
            if not flat and type(node.get("entry")) is dict:
                node = node["entry"]
            params = {}
            for entry in numbered(node):
                if type(entry) is not dict or key_name not in entry:
                    raise Malformed("map", where="query")
                params[read_key(entry[key_name])] = read_value(entry.get(value_name, ""))
            return params

        return read

    def document(self, ref: Ref, shape: Shape) -> Convert:
        raise NotImplementedError("the query protocol has no documents")

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        convert = TEXT_READERS[shape.type]
        textual = shape.type in ("string", "blob")

        def read(value: Any) -> Any:
            if type(value) is dict:
                value = value.get("", "")
            # An empty parameter that cannot be empty is one that was not sent.
            return convert(value) if value or textual else None

        return read


class Ec2FormReader(FormReader):
    """EC2 capitalises names and has only flattened lists."""

    def wire_names(self, ref: Ref, shape: Shape, name: str) -> list[str]:
        if ref.query_name:
            return [ref.query_name]
        if ref.location_name:
            return [ref.location_name[:1].upper() + ref.location_name[1:]]
        capital = name[:1].upper() + name[1:]
        return [name] if capital == name else [name, capital]

    def list(self, ref: Ref, shape: Shape) -> Convert:
        read_item = self.compile(part(shape.member))

        def read(node: Any) -> list[Any]:
            if type(node) is not dict:
                return [read_item(node)] if node else []
            return [read_item(item) for item in numbered(node)]

        return read


class QueryXmlWriter(XmlWriter):
    """The query protocol may have a name of its own for a member."""

    def member_name(self, ref: Ref, shape: Shape, name: str) -> str:
        return ref.query_name or super().member_name(ref, shape, name)


class Ec2XmlWriter(XmlWriter):
    """EC2 answers times with milliseconds, always."""

    timestamp = "ec2"

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        if shape.type == "timestamp" and not (ref.timestamp_format or shape.timestamp_format):
            return to_iso8601_millis
        return super().scalar(ref, shape)


def read_input(reader: FormReader, operation: OperationModel) -> Callable[[Form], dict[str, Any]]:
    """The parser of one operation's form."""
    if operation.input_ref is None or not (operation.input and operation.input.members):
        return lambda form: {}
    convert = reader.compile(operation.input_ref)
    return lambda form: convert(tree(form))


def write_output(writer: XmlWriter, operation: OperationModel, namespace: str) -> Callable[[dict[str, Any], str], Response]:
    """The serialiser of one query operation's result."""
    head = f'<{operation.name}Response xmlns="{namespace}">'
    tail = f"</RequestId></ResponseMetadata></{operation.name}Response>"
    ref = operation.output_ref
    if ref is None:
        head += "<ResponseMetadata><RequestId>"

        def write_nothing(result: dict[str, Any], request_id: str) -> Response:
            return xml_response(200, f"{head}{request_id}{tail}", request_id)

        return write_nothing
    wrapper = ref.result_wrapper or f"{operation.name}Result"
    convert = writer.compile(ref)
    head += f"<{wrapper}>"
    middle = f"</{wrapper}><ResponseMetadata><RequestId>"

    def write(result: dict[str, Any], request_id: str) -> Response:
        return xml_response(200, f"{head}{convert(result)}{middle}{request_id}{tail}", request_id)

    return write


def write_ec2_output(writer: XmlWriter, operation: OperationModel, namespace: str) -> Callable[[dict[str, Any], str], Response]:
    """The serialiser of one EC2 operation's result."""
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation.name}Response xmlns="{namespace}/"><requestId>'
    tail = f"</{operation.name}Response>"
    if operation.output_ref is None:

        def write_true(result: dict[str, Any], request_id: str) -> Response:
            return xml_response(200, f"{head}{request_id}</requestId><return>true</return>{tail}", request_id, "text/xml;charset=UTF-8")

        return write_true
    convert = writer.compile(operation.output_ref)

    def write(result: dict[str, Any], request_id: str) -> Response:
        return xml_response(200, f"{head}{request_id}</requestId>{convert(result)}{tail}", request_id, "text/xml;charset=UTF-8")

    return write


def xml_response(status: int, text: str, request_id: str, content_type: str = "text/xml") -> Response:
    """An answer with the headers that every query service sends."""
    return Response(status, {"x-amzn-requestid": request_id, "content-type": content_type}, text.encode())


def write_error(error: AwsError, status: int, sender: bool, request_id: str, service: ServiceModel, members: str) -> Response:
    """A query service's error."""
    text = (
        f'<ErrorResponse xmlns="{service.xml_namespace}"><Error><Type>{"Sender" if sender else "Receiver"}</Type>'
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{members}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return xml_response(status, text, request_id)


def write_ec2_error(error: AwsError, status: int, request_id: str, members: str) -> Response:
    """EC2's error."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{members}</Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    )
    return xml_response(status, text, request_id, "text/xml;charset=UTF-8")
