"""botocore's protocol vectors, in both directions. What is left out stands in ignored_*_vectors.txt, one reason a line."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.model
import botocore.parsers
import pytest
from botocore.awsrequest import HeadersDict
from wire_samples import pruned
from wire_vectors import LEGACY, SUITES, OneService, cases, directory, ignored, plain, rich

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.codec import Codec
from cloudjar.wire.http import BufferedBody, Request, Response
from cloudjar.wire.models import OperationModel, ServiceModel
from cloudjar.wire.route import Route


@pytest.fixture(scope="session")
def vectors(pytestconfig: pytest.Config) -> Path:
    return directory(Path(pytestconfig.cache.mkdir("wire-vectors")))


@pytest.mark.parametrize("suite", SUITES + LEGACY)
def test_requests_are_parsed_to_the_parameters_they_were_made_of(vectors: Path, suite: str) -> None:
    skipped, wrong = ignored("input"), []
    for _, case, service, operation in cases(vectors, suite, "input"):
        if f"{suite}/{case['id']}" in skipped:
            continue
        try:
            call = parse(case["serialized"], service, operation)
        except Exception as error:
            wrong.append((case["id"], repr(error), case["serialized"]))
            continue
        if pruned(plain(call)) != pruned(plain(case["params"])):
            wrong.append((case["id"], case["params"], call, case["serialized"]))
    assert not wrong


def parse(serialised: dict[str, Any], service: ServiceModel, operation: OperationModel) -> dict[str, Any]:
    """The vector's request, as a server gets it, parsed."""
    body = serialised.get("body", "")
    raw = base64.b64decode(body) if service.protocol == "smithy-rpc-v2-cbor" else body.encode()
    parts = urlsplit(serialised["uri"])
    headers = {name.lower(): value for name, value in serialised.get("headers", {}).items()}
    request = Request(serialised.get("method", operation.http.method), parts.path or "/", parts.query, headers, BufferedBody(raw))
    route = Route("test", service.protocol, path=request.path, operation=operation.name)
    codec = Codec(OneService(service))  # type: ignore[arg-type]
    params = codec.parse(route, request, raw).params
    payload = operation.input.payload if operation.input else ""
    return {name: value for name, value in params.items() if name != payload or value != b""}


@pytest.mark.parametrize("suite", SUITES + LEGACY)
def test_answers_are_read_by_botocore_as_they_were_meant(vectors: Path, suite: str) -> None:
    skipped, wrong = ignored("output"), []
    for description, case, service, operation in cases(vectors, suite, "output"):
        if f"{suite}/{case['id']}" in skipped:
            continue
        try:
            found = (
                read_error(description, case, service, operation) if "error" in case else read_result(description, case, service, operation)
            )
        except Exception as error:
            wrong.append((case["id"], repr(error), case.get("result", case.get("error"))))
            continue
        expected = case.get("result", case.get("error"))
        if pruned(plain(found)) != pruned(plain(expected)):
            wrong.append((case["id"], expected, found))
    assert not wrong


def read_result(description: dict[str, Any], case: dict[str, Any], service: ServiceModel, operation: OperationModel) -> Any:
    """What botocore makes of our answer with the vector's result."""
    result = rich(service, operation.output_ref, case["result"])
    if operation.output_stream:
        events = operation.output.members[operation.output_stream] if operation.output else None
        result[operation.output_stream] = stream([rich(service, events, event) for event in result.get(operation.output_stream, [])])
    response = Codec(OneService(service)).serialise(operation, result, request_id="rid", protocol=service.protocol)  # type: ignore[arg-type]
    found, shape = botocore_reads(description, case, service, response)
    if shape is not None:
        for name, value in found.items():
            if isinstance(value, botocore.parsers.EventStream):
                found[name] = list(value)
    found.pop("ResponseMetadata", None)
    if operation.output:
        # Maps of headers without a prefix swallow the headers that every answer has.
        for name, ref in operation.output.members.items():
            if ref.location == "headers" and name in found:
                known = {key.lower(): key for key in case["result"].get(name, {})}
                found[name] = {known[key.lower()]: value for key, value in found[name].items() if key.lower() in known}
    return found


async def stream(events: list[dict[str, Any]]) -> Any:
    for event in events:
        yield event


def read_error(description: dict[str, Any], case: dict[str, Any], service: ServiceModel, operation: OperationModel) -> Any:
    """What botocore makes of our answer with the vector's error."""
    code, message = case.get("errorCode", ""), case.get("errorMessage", "")
    shape = service.error(code)
    members = rich(service, operation.error_refs[0], case["error"]) if operation.error_refs else case["error"]
    names = {name.lower(): name for name in shape.members} if shape else {}
    members = {name: value for name, value in members.items() if name != names.get("message")}
    error = AwsError(code, message, members=members, status=case["response"]["status_code"])
    codec = Codec(OneService(service))  # type: ignore[arg-type]
    response = codec.serialise_error(operation, error, request_id="rid", protocol=service.protocol)
    assert response.status == case["response"]["status_code"]
    found, _ = botocore_reads(description, case, service, response)
    assert (found["Error"]["Code"], found["Error"].get("Message") or "") == (code, message)
    if shape is None:
        return {}
    model = botocore_model(description, case)
    parser = botocore.parsers.create_parser(service.protocol)
    parsed = parser.parse(raw_response(response, case), model.shape_for_error_code(code))
    parsed.pop("ResponseMetadata", None)
    return parsed


def botocore_model(description: dict[str, Any], case: dict[str, Any]) -> botocore.model.ServiceModel:
    name = case["given"].get("name", "OperationName")
    return botocore.model.ServiceModel({**description, "operations": {name: case["given"]}})


def raw_response(response: Response, case: dict[str, Any]) -> dict[str, Any]:
    return {
        "body": response.body,
        "headers": HeadersDict(response.headers),
        "status_code": response.status,
        "context": {"operation_name": case["given"].get("name", "OperationName")},
    }


class Stream:
    """A streamed body as botocore's event streams read it."""

    def __init__(self, chunks: Any) -> None:
        self.chunks = chunks

    def stream(self) -> Any:
        async def collect() -> list[bytes]:
            return [chunk async for chunk in self.chunks]

        yield from asyncio.run(collect())


def botocore_reads(description: dict[str, Any], case: dict[str, Any], service: ServiceModel, response: Response) -> tuple[Any, Any]:
    model = botocore_model(description, case)
    shape = model.operation_model(case["given"].get("name", "OperationName")).output_shape
    raw = raw_response(response, case)
    if not isinstance(response.body, bytes):
        raw["body"] = Stream(response.body)
    if service.protocol == "query" and shape is not None and response.status < 300:
        shape.serialization.setdefault("resultWrapper", f"{case['given'].get('name', 'OperationName')}Result")
    return botocore.parsers.create_parser(service.protocol).parse(raw, shape), shape


def test_the_ignore_lists_name_only_cases_that_exist(vectors: Path) -> None:
    for direction in ("input", "output"):
        known = {f"{suite}/{case['id']}" for suite in SUITES + LEGACY for _, case, _, _ in cases(vectors, suite, direction)}
        assert set(ignored(direction)) <= known
