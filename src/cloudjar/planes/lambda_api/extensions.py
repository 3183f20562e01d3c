"""The Extensions, Telemetry and Logs APIs over HTTP, on the socket of the Runtime API."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cloudjar.services.lambda_.runtime_api import Refused, RuntimeSide

if TYPE_CHECKING:
    from cloudjar.planes.lambda_api.server import Connection
    from cloudjar.services.lambda_.telemetry import Destination

EXTENSIONS = "/2020-01-01/extension/"
TELEMETRY = {"/2022-07-01/telemetry": "telemetry", "/2020-08-15/logs": "logs"}
_OK = b'{"status":"OK"}\n'
_SECONDS = 5.0
_TRIES = 40
"""How often it is asked whose a connection is that has not been accepted yet."""


def claims(path: str) -> bool:
    """Whether a path belongs to these APIs."""
    return path.startswith(EXTENSIONS) or path.rstrip("/") in TELEMETRY


def answer(connection: Connection, side: RuntimeSide, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes) -> None:
    """Answers one request, now or when there is an event. Raises Refused."""

    def header(name: bytes) -> str:
        return headers.get(name, b"").decode("latin-1")

    id, path = header(b"lambda-extension-identifier"), path.rstrip("/")
    if path in TELEMETRY:
        if method != "PUT":
            raise Refused(405, "MethodNotAllowed", "405 method not allowed")
        side.subscribe(id, TELEMETRY[path], body)
        connection.write(200, b'"OK"')
        return
    extensions = side.extension_side()
    match (method, path.removeprefix(EXTENSIONS)):
        case ("POST", "register"):
            features = header(b"lambda-extension-accept-feature")
            found, told = extensions.register(header(b"lambda-extension-name"), body, features)
            connection.write(200, json.dumps(told).encode(), {"Lambda-Extension-Identifier": found})
        case ("GET", "event/next"):
            connection.wait_for(lambda deliver: extensions.next(id, deliver), extensions.gone)
        case ("POST", "init/error" | "exit/error" as what):
            extensions.error(id, what.partition("/")[0], header(b"lambda-extension-function-error-type"))
            connection.write(202, _OK)
        case (_, "register" | "event/next" | "init/error" | "exit/error"):
            raise Refused(405, "MethodNotAllowed", "405 method not allowed")
        case _:
            raise Refused(404, "NotFound", "404 page not found")


async def deliver(destination: Destination, data: bytes, inside: socket.socket | None, is_inside: Callable[[int, int], bool]) -> bool:
    """Sends a batch to a listener inside a sandbox; whether it was taken.

    `inside` is a connection within the sandbox's network. Without one it goes over the machine's loopback interface, where
    `is_inside` tells whether the other end is the sandbox's.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            if inside is not None:
                reader, writer = await asyncio.open_connection(sock=inside)
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", destination.port)
            try:
                own = writer.get_extra_info("sockname")[1]
                for _ in range(_TRIES):
                    if is_inside(destination.port, own):
                        break
                    # Nobody's yet: it has not been accepted.
                    await asyncio.sleep(0.005)
                else:
                    return False
                if destination.protocol == "TCP":
                    writer.write(data)
                    await writer.drain()
                    return True
                head = (
                    f"{destination.method} {destination.path} HTTP/1.1\r\nHost: sandbox.localdomain:{destination.port}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode("latin-1") + data)
                await writer.drain()
                status = (await reader.readline()).split(b" ")
                return len(status) > 1 and status[1][:1] == b"2"
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, asyncio.LimitOverrunError):
        return False
