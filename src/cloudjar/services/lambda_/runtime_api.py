"""The Runtime API as a state machine, without sockets: what a sandbox's runtime may ask, and when."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol

LARGEST_RESPONSE = 6 * 1024 * 1024 + 100
"""Bytes of a buffered response that Lambda accepts."""


class Refused(Exception):
    """The Runtime API's own error: an HTTP status, and an errorType and errorMessage."""

    def __init__(self, status: int, type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message


Deliver = Callable[[dict[str, str], bytes], None]
"""Hands an invocation, headers and payload, to a runtime that waits for it."""


class Sink(Protocol):
    """Where a runtime streams its answer to."""

    def feed(self, data: bytes) -> None:
        """A piece of it."""
        ...

    def end(self, error_type: str, error: bytes) -> None:
        """That was all; or, with an error's type and JSON, all that there will be. Raises Refused."""
        ...


class RuntimeSide(Protocol):
    """What a sandbox offers to its runtime."""

    def admits(self, peer_port: int, own_port: int) -> bool:
        """Whether a connection is of this sandbox's own: another's runtime has no business here."""
        ...

    def next(self, deliver: Deliver) -> None:
        """The runtime is ready; `deliver` is called once, now or later."""
        ...

    def gone(self, deliver: Deliver) -> None:
        """The runtime no longer waits for what it asked for."""
        ...

    def response(self, request_id: str, body: bytes) -> None:
        """The invocation's answer. Raises Refused."""
        ...

    def begin_response(self, request_id: str, content_type: str) -> Sink:
        """The invocation's answer begins to come, piece by piece. Raises Refused."""
        ...

    def too_large(self, request_id: str, size: int) -> None:
        """The answer was larger than LARGEST_RESPONSE. Raises Refused."""
        ...

    def error(self, request_id: str, body: bytes, error_type: str) -> None:
        """The invocation failed. Raises Refused."""
        ...

    def init_error(self, body: bytes, error_type: str) -> None:
        """Initialisation failed. Raises Refused."""
        ...

    def restore_next(self, deliver: Deliver) -> None:
        """The runtime is initialised; `deliver` is called once, when it is to go on. Raises Refused."""
        ...

    def restore_error(self, body: bytes, error_type: str) -> None:
        """Going on failed. Raises Refused."""
        ...

    def extension_side(self) -> ExtensionSide:
        """What the sandbox offers to its extensions."""
        ...

    def subscribe(self, id: str, api: str, body: bytes) -> None:
        """An extension subscribes to "telemetry", or to "logs". Raises Refused."""
        ...


class ExtensionSide(Protocol):
    """What a sandbox offers to its extensions."""

    def register(self, name: str, body: bytes, features: str) -> tuple[str, dict[str, Any]]:
        """A new extension's identifier, and what it is told of the function. Raises Refused."""
        ...

    def next(self, id: str, deliver: Deliver) -> None:
        """An extension waits for an event; `deliver` is called once, now or later. Raises Refused."""
        ...

    def gone(self, deliver: Deliver) -> None:
        """An extension no longer waits for what it asked for."""
        ...

    def error(self, id: str, phase: str, error_type: str) -> None:
        """An extension cannot go on: "init" or "exit". Raises Refused."""
        ...


class Socket(Protocol):
    """The listening socket of one sandbox."""

    address: str
    """ "127.0.0.1:PORT"."""

    def close(self) -> None:
        """No more requests."""
        ...

    async def deliver(self, destination: Any, data: bytes, inside: socket.socket | None, is_inside: Callable[[int, int], bool]) -> bool:
        """Sends telemetry to a listener inside the sandbox; whether it was taken. See the plane."""
        ...


class Plane(Protocol):
    """The plane that puts the Runtime API on a socket."""

    async def listen(self, side: RuntimeSide, inside: socket.socket | None) -> Socket:
        """A socket of its own for one sandbox: one that listens already in its network, or a new one on the machine's loopback."""
        ...


def plane(host: Any) -> Plane:
    """The plane, from the jar: services know it only by name."""
    found: Plane = host.plane("lambda_api")
    return found


def not_allowed(state: str, what: str) -> Refused:
    """A request that does not fit what the runtime is at."""
    return Refused(
        403,
        "InvalidStateTransition",
        f"State transition from {state} to {what} failed for runtime. Error: State transition is not allowed",
    )
