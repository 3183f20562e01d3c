"""AWS service models: botocore's data files, read without importing botocore, each shape decoded when it is first wanted."""

from __future__ import annotations

import gzip
import importlib.util
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cloudjar.wire import patches
from cloudjar.wire.names import snake

if TYPE_CHECKING:
    from cloudjar.wire.catalogue import Catalogue
    from cloudjar.wire.uris import UriTable
    from cloudjar.wire.validate import Check, Checks

__all__ = ["ErrorTrait", "Http", "Models", "OperationModel", "Ref", "ServiceModel", "Shape", "snake"]


class XmlNamespace(msgspec.Struct, frozen=True):
    """An `xmlns` that a serialised element carries."""

    uri: str
    prefix: str = ""


class ErrorTrait(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How an exception shape is sent."""

    code: str = ""
    http_status_code: int = 0
    sender_fault: bool = False


class Ref(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A use of a shape: a member, a list's element, a map's key or value, an operation's input or output."""

    shape: str
    location: str = ""
    """"uri", "querystring", "header", "headers" (a prefix), "statusCode", or "" for the body."""
    location_name: str = ""
    query_name: str = ""
    flattened: bool = False
    xml_namespace: XmlNamespace | str | None = None
    xml_attribute: bool = False
    streaming: bool = False
    jsonvalue: bool = False
    idempotency_token: bool = False
    timestamp_format: str = ""
    eventpayload: bool = False
    eventheader: bool = False
    result_wrapper: str = ""
    error: ErrorTrait | None = None
    """Old models say here, not on the shape, how an exception is sent."""


class Shape(msgspec.Struct, rename="camel", gc=False):
    """One shape of a service model. `name` is filled in by ServiceModel."""

    type: str
    name: str = ""
    members: dict[str, Ref] = {}
    required: list[str] = []
    member: Ref | None = None
    key: Ref | None = None
    value: Ref | None = None
    enum: list[str] = []
    min: float | None = None
    max: float | None = None
    pattern: str = ""
    exception: bool = False
    fault: bool = False
    error: ErrorTrait | None = None
    payload: str = ""
    location_name: str = ""
    flattened: bool = False
    xml_namespace: XmlNamespace | str | None = None
    timestamp_format: str = ""
    streaming: bool = False
    eventstream: bool = False
    event: bool = False
    union: bool = False
    document: bool = False
    sparse: bool = False
    sensitive: bool = False
    box: bool = False
    deprecated: bool = False


class Http(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An operation's HTTP binding."""

    method: str = "POST"
    request_uri: str = "/"
    response_code: int = 200


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """A model's head."""

    api_version: str = ""
    endpoint_prefix: str = ""
    service_id: str = ""
    protocol: str = ""
    protocols: list[str] = []
    signing_name: str = ""
    signature_version: str = ""
    target_prefix: str = ""
    json_version: str = "1.0"
    xml_namespace: XmlNamespace | str | None = None
    aws_query_compatible: dict[str, Any] | None = None
    global_endpoint: str = ""


class RequestCompression(msgspec.Struct, frozen=True):
    """Content encodings that a client may use on the request."""

    encodings: list[str] = []


class RawOperation(msgspec.Struct, rename="camel", frozen=True):
    """An operation as botocore's file has it, less its name: CloudFront's carry a date there that is not sent."""

    http: Http = Http()
    input: Ref | None = None
    output: Ref | None = None
    errors: list[Ref] = []
    authtype: str = ""
    auth: list[str] = []
    deprecated: bool = False
    readonly: bool = False
    idempotent: bool = False
    requestcompression: RequestCompression | None = None


class RawModel(msgspec.Struct):
    """A service-2.json file; operations and shapes stay bytes until they are wanted."""

    metadata: Metadata
    operations: dict[str, msgspec.Raw] = {}
    shapes: dict[str, msgspec.Raw] = {}


class RawPaginators(msgspec.Struct):
    """A paginators-1.json file."""

    pagination: dict[str, dict[str, Any]] = {}


class OperationModel:
    """One operation of one service: its shapes and how it travels."""

    def __init__(self, service: ServiceModel, name: str, raw: RawOperation) -> None:
        self.service = service
        self.name = name
        self.http = raw.http
        self.input_ref = raw.input
        self.output_ref = raw.output
        self.error_refs = raw.errors
        self.auth_type = raw.authtype
        self.auth = raw.auth
        self.deprecated = raw.deprecated
        self.readonly = raw.readonly
        self.idempotent = raw.idempotent
        self.request_encodings = raw.requestcompression.encodings if raw.requestcompression else []

    def __repr__(self) -> str:
        return f"<OperationModel {self.service.name}:{self.name}>"

    @cached_property
    def snake_name(self) -> str:
        """The operation's name as boto3 spells it."""
        return snake(self.name)

    @cached_property
    def input(self) -> Shape | None:
        """The input structure; None when the operation takes nothing."""
        return self.service.shape(self.input_ref.shape) if self.input_ref else None

    @cached_property
    def output(self) -> Shape | None:
        """The output structure; None when the operation answers nothing."""
        return self.service.shape(self.output_ref.shape) if self.output_ref else None

    @cached_property
    def errors(self) -> Mapping[str, Shape]:
        """The exceptions that the operation declares, by wire code and by shape name."""
        found: dict[str, Shape] = {}
        named: dict[str, Shape] = {}
        for ref in self.error_refs:
            shape = self.service.shape(ref.shape)
            shape.error = shape.error or ref.error
            found.setdefault(error_code(shape), shape)
            named[shape.name] = shape
        return found | named

    @cached_property
    def streaming_input(self) -> str | None:
        """The member whose value is the request body itself, unread; None if there is none."""
        return self._streaming(self.input)

    @cached_property
    def streaming_output(self) -> str | None:
        """The member whose value may be an async iterator of bytes; None if there is none."""
        return self._streaming(self.output)

    @cached_property
    def input_stream(self) -> str | None:
        """The member that is an event stream in the request; None if there is none."""
        return self._event_stream(self.input)

    @cached_property
    def output_stream(self) -> str | None:
        """The member that is an event stream in the response; None if there is none."""
        return self._event_stream(self.output)

    @cached_property
    def idempotency_tokens(self) -> tuple[str, ...]:
        """The members that a client fills with a random token when the caller leaves them out."""
        return tuple(name for name, ref in self.input.members.items() if ref.idempotency_token) if self.input else ()

    @cached_property
    def check(self) -> Check | None:
        """The compiled validation of the input; None if anything will do."""
        return self.service.checks.operation(self)

    def _streaming(self, shape: Shape | None) -> str | None:
        if shape is None or not shape.payload:
            return None
        ref = shape.members[shape.payload]
        target = self.service.shape(ref.shape)
        return shape.payload if (ref.streaming or target.streaming) and not target.eventstream else None

    def _event_stream(self, shape: Shape | None) -> str | None:
        if shape is None:
            return None
        return next((name for name, ref in shape.members.items() if self.service.shape(ref.shape).eventstream), None)


class Operations(Mapping[str, OperationModel]):
    """A service's operations by name, each made when first asked for."""

    def __init__(self, service: ServiceModel, raw: dict[str, msgspec.Raw]) -> None:
        self._service = service
        self._raw = raw
        self._made: dict[str, OperationModel] = {}

    def __getitem__(self, name: str) -> OperationModel:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = OperationModel(self._service, name, self._service.decode_operation(self._raw[name]))
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, name: object) -> bool:
        return name in self._raw


class ServiceModel:
    """One AWS service: its head, its operations, its shapes."""

    def __init__(self, name: str, data: bytes, paginators: Path | None = None, decoders: Decoders | None = None) -> None:
        self._decoders = decoders or Decoders()
        raw = self._decoders.model.decode(data)
        if name in patches.ADDITIONS:
            more = self._decoders.model.decode(patches.ADDITIONS[name])
            raw.operations.update(more.operations)
            raw.shapes.update(more.shapes)
        head = raw.metadata
        self.name = name
        self.metadata = head
        self.service_id = head.service_id
        self.endpoint_prefix = head.endpoint_prefix
        self.signing_name = head.signing_name or head.endpoint_prefix
        self.target_prefix = head.target_prefix
        self.api_version = head.api_version
        self.json_version = head.json_version
        self.protocol = head.protocol
        self.protocols: tuple[str, ...] = patches.PROTOCOLS.get(name) or tuple(head.protocols or [head.protocol])
        namespace = head.xml_namespace
        self.xml_namespace = (namespace.uri if isinstance(namespace, XmlNamespace) else namespace) or patches.XML_NAMESPACES.get(name, "")
        self.query_compatible = head.aws_query_compatible is not None
        self.operations: Mapping[str, OperationModel] = Operations(self, raw.operations)
        self._raw_shapes = raw.shapes
        self._shapes: dict[str, Shape] = {}
        self._paginators = paginators

    def __repr__(self) -> str:
        return f"<ServiceModel {self.name}>"

    def decode_operation(self, raw: msgspec.Raw) -> RawOperation:
        """An operation out of its bytes."""
        return self._decoders.operation.decode(raw)

    def shape(self, name: str) -> Shape:
        """The shape of that name; KeyError if the model has none."""
        made = self._shapes.get(name)
        if made is None:
            made = self._decoders.shape.decode(self._raw_shapes[name])
            made.name = name
            if self.name in patches.QUERY_ITEM_NAMES:
                self._mend(made)
            self._shapes[name] = made
        return made

    def _mend(self, shape: Shape) -> None:
        """Gives a shape the names that its query protocol needs."""
        replace = msgspec.structs.replace
        items, maps = patches.QUERY_ITEM_NAMES[self.name], patches.QUERY_MAP_NAMES[self.name]
        if shape.member is not None and shape.name in items:
            shape.member = replace(shape.member, location_name=items[shape.name])
        elif shape.key is not None and shape.value is not None and shape.name in maps:
            _, key, value = maps[shape.name]
            shape.key, shape.value = replace(shape.key, location_name=key), replace(shape.value, location_name=value)
        for member, ref in shape.members.items():
            if ref.shape in maps:
                shape.members[member] = replace(ref, query_name=maps[ref.shape][0])

    @property
    def shapes(self) -> list[str]:
        """The names of all shapes."""
        return list(self._raw_shapes)

    @cached_property
    def by_snake_name(self) -> Mapping[str, str]:
        """Operation names by their Python spelling."""
        return {python: name for name, python in self.snake_names.items()}

    @cached_property
    def snake_names(self) -> Mapping[str, str]:
        """The Python spelling of each operation's name."""
        return {name: snake(name) for name in self.operations}

    @cached_property
    def checks(self) -> Checks:
        """The compiled validation of this service's shapes."""
        from cloudjar.wire.validate import Checks

        return Checks(self)

    @cached_property
    def uris(self) -> UriTable:
        """The paths of a REST service's operations."""
        from cloudjar.wire.uris import UriTable

        return UriTable(self)

    @cached_property
    def paginators(self) -> Mapping[str, Mapping[str, Any]]:
        """botocore's paginator data by operation name: input_token, output_token, result_key, limit_key, ..."""
        if self._paginators is None or not self._paginators.exists():
            return {}
        return msgspec.json.decode(self._paginators.read_bytes(), type=RawPaginators).pagination

    def error(self, code: str, operation: OperationModel | None = None) -> Shape | None:
        """The exception shape for a wire code, looked for in the operation first; None if the model has none."""
        if operation is not None and code in operation.errors:
            return operation.errors[code]
        name = self._error_names.get(code)
        return self.shape(name) if name else None

    @cached_property
    def _error_names(self) -> Mapping[str, str]:
        # `"exception":true` is how every exception is written; looking for it in the bytes spares decoding thousands of shapes.
        found: dict[str, str] = {}
        named: dict[str, str] = {}
        for name, raw in self._raw_shapes.items():
            if b'"exception":' in bytes(raw):
                shape = self.shape(name)
                if shape.exception:
                    found.setdefault(error_code(shape), name)
                    named[name] = name
        # Where several shapes share a code, the one of that name is meant.
        return found | named


class Decoders:
    """The typed JSON decoders that all services share."""

    def __init__(self) -> None:
        self.model = msgspec.json.Decoder(RawModel)
        self.operation = msgspec.json.Decoder(RawOperation)
        self.shape = msgspec.json.Decoder(Shape)


class Models:
    """Every AWS service that botocore has data for, each loaded when first asked for."""

    def __init__(self, data_dir: str | Path | None = None) -> None:
        self.data_dir = Path(data_dir) if data_dir else botocore_data_dir()
        self._services: dict[str, ServiceModel] = {}
        self._decoders = Decoders()

    def service(self, name: str) -> ServiceModel:
        """The service of that botocore directory name; KeyError if botocore has none."""
        found = self._services.get(name)
        if found is None:
            found = self._services[name] = self._load(name)
        return found

    @cached_property
    def _names(self) -> tuple[str, ...]:
        # A folder's own entries say what they are: asking of each by its path takes five times as long.
        with os.scandir(self.data_dir) as entries:
            return tuple(sorted(entry.name for entry in entries if entry.is_dir()))

    def names(self) -> tuple[str, ...]:
        """All services' botocore directory names."""
        return self._names

    def __contains__(self, name: str) -> bool:
        return name in self._names

    @cached_property
    def catalogue(self) -> Catalogue:
        """The heads of all services, by which requests are routed."""
        from cloudjar.wire.catalogue import Catalogue

        return Catalogue.load(self)

    def service_file(self, name: str) -> Path:
        """The newest model file of a service; KeyError if botocore has none."""
        if name not in self._names:
            raise KeyError(name)
        newest = max(entry.name for entry in (self.data_dir / name).iterdir() if entry.is_dir())
        path = self.data_dir / name / newest / "service-2.json"
        return path if path.exists() else path.with_name("service-2.json.gz")

    def _load(self, name: str) -> ServiceModel:
        path = self.service_file(name)
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return ServiceModel(name, data, path.with_name("paginators-1.json"), self._decoders)


def error_code(shape: Shape) -> str:
    """The code that an exception shape has on the wire."""
    return (shape.error.code if shape.error else "") or shape.name


def botocore_data_dir() -> Path:
    """Where botocore's data files lie; botocore itself (200 ms, 25 MB) is not imported."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("botocore")
    return Path(spec.origin).parent / "data"
