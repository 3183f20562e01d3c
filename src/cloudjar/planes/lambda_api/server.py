"""The Runtime API, version 2018-06-01, over HTTP/1.1: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpRequestParser

from cloudjar.planes.lambda_api import extensions
from cloudjar.services.lambda_.runtime_api import LARGEST_RESPONSE, Deliver, Refused, RuntimeSide, Sink

if TYPE_CHECKING:
    from cloudjar.services.lambda_.telemetry import Destination

_PREFIX = "/2018-06-01/runtime/"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ACCEPTED = b'{"status":"OK"}\n'


class RuntimeApiSocket:
    """One sandbox's listening socket and its connections."""

    def __init__(self, side: RuntimeSide) -> None:
        self.side = side
        self.address = ""
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, inside: socket.socket | None) -> None:
        """Takes a socket that listens, or opens one on a free port of the loopback interface."""
        loop = asyncio.get_running_loop()
        if inside is not None:
            self._server = await loop.create_server(lambda: Connection(self), sock=inside)
        else:
            self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def deliver(
        self, destination: Destination, data: bytes, inside: socket.socket | None, is_inside: Callable[[int, int], bool]
    ) -> bool:
        """Sends telemetry to a listener inside the sandbox; whether it was taken."""
        return await extensions.deliver(destination, data, inside, is_inside)

    def close(self) -> None:
        """Closes the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()


async def listen(side: RuntimeSide, inside: socket.socket | None = None) -> RuntimeApiSocket:
    """A socket of its own for one sandbox: `inside`, which listens in the sandbox's network, or one of the machine's."""
    made = RuntimeApiSocket(side)
    await made.listen(inside)
    return made


class Connection(asyncio.Protocol):
    """One connection of a runtime. Requests are answered in turn; `next` when there is work."""

    def __init__(self, socket: RuntimeApiSocket) -> None:
        self._socket = socket
        self._side = socket.side
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._gone: Callable[[Deliver], None] | None = None
        """Whom to tell when the connection ends while it waits for an invocation or an event."""
        self._keep_alive = True
        self._held: list[bytes] = []
        """Answers that have not been written yet."""
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._sink: Sink | None = None
        self._refusal: Refused | None = None

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not instances of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not self._side.admits(peer[1], own[1]):
            self._transport.abort()
            return
        self._socket.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._socket.connections.discard(self)
        sink, self._sink = self._sink, None
        if sink is not None:
            self._end(sink, "Runtime.TruncatedResponse", b'{"errorType":"Runtime.TruncatedResponse","errorMessage":"Response truncated"}')
        if self._gone is not None:
            gone, self._gone = self._gone, None
            gone(self._deliver)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._refuse(Refused(400, "InvalidRequest", "The request could not be parsed."))
            self.abort()
        # A runtime that has answered and asked for more in one write is woken once: when there is more.
        if self._gone is None:
            self._write_held()

    def abort(self) -> None:
        """Ends the connection once what was written has gone out."""
        if self._transport is not None:
            self._write_held()
            self._transport.close()

    # The parser

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._held.append(_CONTINUE)
        if self._headers.get(b"lambda-runtime-function-response-mode", b"").lower() == b"streaming":
            self._begin()

    def _begin(self) -> None:
        """A streamed answer is passed on as it comes."""
        match self._url.decode("latin-1").removeprefix(_PREFIX).split("/"):
            case ["invocation", request_id, "response"]:
                content_type = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
                try:
                    self._sink = self._side.begin_response(request_id, content_type)
                except Refused as refused:
                    self._refusal = refused

    def _end(self, sink: Sink, error_type: str, error: bytes) -> Refused | None:
        try:
            sink.end(error_type, error)
        except Refused as refused:
            return refused
        return None

    def on_body(self, data: bytes) -> None:
        if self._sink is not None:
            self._sink.feed(data)
            return
        self._size += len(data)
        if self._size <= LARGEST_RESPONSE:
            self._body.append(data)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        self._keep_alive = self._parser.should_keep_alive()
        path = self._url.decode("latin-1").partition("?")[0]
        body, size = b"".join(self._body), self._size
        # Of a streamed answer, they are trailers.
        error_type = self._headers.get(b"lambda-runtime-function-error-type", b"").decode("latin-1")
        error = self._headers.get(b"lambda-runtime-function-error-body", b"")
        sink, refusal, headers = self._sink, self._refusal, self._headers
        self._reset()
        if sink is not None:
            refusal = self._end(sink, error_type, _decoded(error))
            if refusal is None:
                self.write(202, _ACCEPTED)
                return
        if refusal is not None:
            self._refuse(refusal)
            return
        try:
            if not path.startswith(_PREFIX) and extensions.claims(path):
                extensions.answer(self, self._side, method, path, headers, body)
            else:
                self._answer(method, path, body, size, error_type)
        except Refused as refused:
            self._refuse(refused)

    # The API

    def _answer(self, method: str, path: str, body: bytes, size: int, error_type: str) -> None:
        if not path.startswith(_PREFIX):
            raise Refused(404, "NotFound", "404 page not found")
        parts = path.removeprefix(_PREFIX).split("/")
        match (method, *parts):
            case ("GET", "invocation", "next"):
                self.wait_for(self._side.next, self._side.gone)
            case ("POST", "invocation", request_id, "response"):
                if size > LARGEST_RESPONSE:
                    self._side.too_large(request_id, size)
                    raise Refused(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).")
                self._side.response(request_id, body)
                self.write(202, _ACCEPTED)
            case ("POST", "invocation", request_id, "error"):
                self._side.error(request_id, body, error_type)
                self.write(202, _ACCEPTED)
            case ("POST", "init", "error"):
                self._side.init_error(body, error_type)
                self.write(202, _ACCEPTED)
            case ("GET", "restore", "next"):
                self.wait_for(self._side.restore_next, self._side.gone)
            case ("POST", "restore", "error"):
                self._side.restore_error(body, error_type)
                self.write(202, _ACCEPTED)
            case (
                (_, "restore", "next" | "error")
                | (_, "invocation", "next")
                | (_, "invocation", _, "response" | "error")
                | (_, "init", "error")
            ):
                raise Refused(405, "MethodNotAllowed", "405 method not allowed")
            case _:
                raise Refused(404, "NotFound", "404 page not found")

    def wait_for(self, ask: Callable[[Deliver], None], gone: Callable[[Deliver], None]) -> None:
        """Asks for what is answered now or later; `gone` is told if the connection ends before. Raises Refused."""
        # First: what is there already is delivered at once.
        self._gone = gone
        try:
            ask(self._deliver)
        except Refused:
            self._gone = None
            raise

    def _deliver(self, headers: dict[str, str], payload: bytes) -> None:
        self._gone = None
        self.write(200, payload, headers)
        self._write_held()

    def _refuse(self, refused: Refused) -> None:
        body = json.dumps({"errorMessage": refused.message, "errorType": refused.type}).encode() + b"\n"
        self.write(refused.status, body)

    def write(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """One answer, which goes out with others at the end of what is done now."""
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._held.append("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        if not self._keep_alive:
            self.abort()

    def _write_held(self) -> None:
        held, self._held = self._held, []
        if held and self._transport is not None:
            # One write: a header and a body apart wait for each other's acknowledgement.
            self._transport.write(b"".join(held))


def _decoded(error: bytes) -> bytes:
    """The error's JSON, which runtimes send in base64."""
    try:
        return base64.b64decode(error, validate=True)
    except ValueError:
        return error
