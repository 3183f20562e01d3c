"""Random valid values for botocore's shapes, and botocore as the client at the other end of the wire."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import botocore.parsers
import botocore.serialize
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.model import OperationModel, Shape

from cloudjar.wire.http import BufferedBody, Request, Response

TEXT = ["a", "Z", "0", "-", " ", "&", "<", ">", '"', "'", "+", "%", "=", "é", "日", "𝒜", "/", ".", ":", "\n", "{", "\\"]
PLAIN = "abcXYZ019-_"
MAX_DEPTH = 5


class Samples:
    """Makes values from one seed."""

    def __init__(self, seed: object, output: bool = False) -> None:
        self.random = random.Random(repr(seed))
        self.output = output

    def structure(self, shape: Shape, depth: int = 0) -> dict[str, Any]:
        members = shape.members
        if getattr(shape, "is_tagged_union", False):
            usable = [name for name, member in members.items() if not endless(member, {shape.name})] or list(members)
            name = self.random.choice(usable) if usable else None
            return {name: self.value(members[name], depth + 1)} if name else {}
        made = {}
        chance = 0.7 if depth < 2 else 0.3 if depth < MAX_DEPTH else 0.0
        for name, member in members.items():
            if member.serialization.get("eventstream"):
                continue
            if name in shape.required_members or self.random.random() < chance:
                if depth > MAX_DEPTH * 3:
                    continue
                made[name] = self.value(member, depth + 1)
            elif member.serialization.get("location") == "statusCode":
                made[name] = self.value(member, depth + 1)
        if not made and depth:  # The query protocol cannot say that a list holds an empty structure.
            simple = [name for name, member in members.items() if member.type_name not in ("structure", "list", "map")]
            made = {name: self.scalar(members[name], None) for name in simple[:1]}
        return made

    def value(self, shape: Shape, depth: int) -> Any:
        location = shape.serialization.get("location")
        kind = shape.type_name
        if kind == "structure":
            return {"k": [1, "x", {"y": True}]} if getattr(shape, "is_document_type", False) else self.structure(shape, depth)
        if kind == "list":
            if depth > MAX_DEPTH and not self.output:
                return [self.value(shape.member, depth + 1)] if depth < MAX_DEPTH * 2 else []
            count = self.random.randint(1, 2)
            if location == "header":
                return [self.header_item(shape.member) for _ in range(count)]
            return [self.value(shape.member, depth + 1) for _ in range(count if depth < MAX_DEPTH else 1)]
        if kind == "map":
            plain = location in ("headers", "querystring")
            count = self.random.randint(1, 2)
            return {
                self.plain().lower() if plain else self.enum(shape.key) or f"{self.text()}{i}": self.plain()
                if location == "headers"
                else self.value(shape.value, depth + 1)
                for i in range(count)
            }
        return self.scalar(shape, location)

    def header_item(self, shape: Shape) -> Any:
        return self.scalar(shape, "header")

    def enum(self, shape: Shape) -> str | None:
        choices = getattr(shape, "enum", None)
        return self.random.choice(choices) if choices else None

    def plain(self) -> str:
        return "".join(self.random.choices(PLAIN, k=self.random.randint(1, 8)))

    def text(self) -> str:
        return "".join(self.random.choices(TEXT, k=self.random.randint(0, 6)))

    def scalar(self, shape: Shape, location: str | None) -> Any:
        kind = shape.type_name
        if kind == "string":
            if shape.serialization.get("jsonvalue") and location == "header":
                return {"a": [1, "é"]}
            if shape.serialization.get("jsonvalue"):
                return '{"a":1}'
            choice = self.enum(shape)
            if choice:
                return choice
            if shape.serialization.get("hostLabel"):
                return self.plain().replace("_", "-")
            if location == "header" or location == "headers":
                return self.plain()
            return self.text() + "x" if location == "uri" else self.text()
        if kind in ("integer", "long"):
            if location == "statusCode":
                return self.random.randint(200, 299)
            low = int(shape.metadata.get("min", -(2**31)))
            high = int(min(shape.metadata.get("max", 2**31 - 1), 2**31 - 1 if kind == "integer" else 2**63 - 1))
            return self.random.randint(min(low, high), high)
        if kind in ("float", "double"):
            return self.random.randint(-1000, 1000) / 4
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randint(1, 4_000_000_000))
            fine = location is None and shape.serialization.get("timestampFormat") != "rfc822"
            return whole + timedelta(milliseconds=self.random.choice([0, 125, 999])) if fine else whole
        if kind == "blob":
            return self.random.randbytes(self.random.randint(1, 9))
        if kind == "character":
            return "c"
        raise AssertionError(kind)


def endless(shape: Shape, seen: set[str]) -> bool:
    """Whether a value of the shape would have to hold another one of the same shape."""
    if shape.name in seen:
        return True
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        below = seen | {shape.name}
        if getattr(shape, "is_tagged_union", False):
            return bool(shape.members) and all(endless(member, below) for member in shape.members.values())
        return any(endless(shape.members[name], below) for name in shape.required_members)
    return False


def send(operation: OperationModel, params: dict[str, Any], protocol: str) -> tuple[Request, bytes]:
    """The HTTP request that botocore makes of the parameters."""
    serialised = botocore.serialize.create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    serialised.pop("host_prefix", None)
    serialised["context"] = {}
    prepare_request_dict(serialised, endpoint_url="http://localhost:4566", context={})
    prepared = create_request_object(serialised).prepare()
    parts = urlsplit(prepared.url)
    headers = {name.lower(): value.decode("latin-1") if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    return Request(prepared.method, parts.path or "/", parts.query, headers, BufferedBody(body)), body


def receive(operation: OperationModel, response: Response, protocol: str, error: bool = False) -> dict[str, Any]:
    """What botocore makes of the response."""
    parser = botocore.parsers.create_parser(protocol)
    raw = {
        "body": response.body,
        "headers": HeadersDict(response.headers),
        "status_code": response.status,
        "context": {"operation_name": operation.name},
    }
    return parser.parse(raw, operation.output_shape)


def pruned(value: Any) -> Any:
    """A value without what the wire cannot tell from absence: empty structures, lists and maps."""
    if isinstance(value, dict):
        items = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not None and item != {} and item != []}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if item != {}]
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value
