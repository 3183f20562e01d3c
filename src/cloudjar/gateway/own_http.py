"""What the jar's own API has in common: one question, JSON answers, refusals that say what to do, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from cloudjar.kernel.world import World
from cloudjar.wire.http import Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar

LARGEST_QUESTION = 1 << 20
"""Bytes of a JSON body."""
MOST_ROWS = 1000


class Refusal(Exception):
    """An answer that is not what was asked for; the text says what to do next."""

    def __init__(self, status: int, error: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.headers = headers or {}


@dataclass(slots=True)
class Ask:
    """One question to the own API."""

    jar: Jar
    world: World
    """The world of the endpoint that was asked, or the one that `?world=` names."""
    request: Request
    query: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str, default: str | None = None) -> str:
        """A text member of the body, or of the query; Refusal if it is missing and there is no default."""
        value = self.body.get(name, self.query.get(name, default))
        if value is None:
            raise Refusal(400, "MissingMember", f'"{name}" is missing: send it as a member of the JSON body.')
        if not isinstance(value, str) or (not value and default is None):
            raise Refusal(400, "BadMember", f'"{name}" must be a text that is not empty.')
        return value

    def whole(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """A whole number of the query, between `least` and `most`."""
        raw = self.query.get(name)
        if raw is None:
            return default
        if not (raw.isdecimal() and raw.isascii() and len(raw) < 19) or not least <= int(raw) or (most is not None and int(raw) > most):
            raise Refusal(400, "BadMember", f'"{name}" must be a whole number of at least {least}{f" and at most {most}" if most else ""}.')
        return int(raw)

    def limit(self) -> int:
        """How many rows are wanted."""
        return self.whole("limit", 100, least=1, most=MOST_ROWS)


Handler = Callable[[Ask], "Response | Awaitable[Response]"]


def answer(value: Any, status: int = 200) -> Response:
    """A value as JSON for people and programs: records, datetimes and all."""
    body = json.dumps(msgspec.to_builtins(value), indent=2).encode() + b"\n"
    return Response(status, {"content-type": "application/json", "cache-control": "no-store"}, body)


def refused(refusal: Refusal) -> Response:
    """A refusal as JSON."""
    response = answer({"error": refusal.error, "message": refusal.message}, refusal.status)
    response.headers.update(refusal.headers)
    return response


def check_asker(request: Request) -> None:
    """Refuses what a web page on another site has a visitor's browser send.

    Browsers put an Origin on every such request that could change anything, and forms cannot send JSON. Names that anybody can point at
    this machine are refused too: a page that rebinds its own name would else be of the same origin.
    """
    if not is_local_name(request.host):
        raise Refusal(
            403, "ForeignHost", f"{request.host!r} is not a name of this machine. Use http://localhost:{request.port} or an IP address."
        )
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        raise Refusal(403, "ForeignOrigin", f"A page of {origin} may not use this API.")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refusal(403, "ForeignOrigin", "A page of another site may not use this API.")


_LOCAL = (".localhost", ".localhost.localstack.cloud", ".internal", ".local", ".amazonaws.com", ".api.aws")


def is_local_name(host: str) -> bool:
    """Whether a Host header names what nobody can register in public DNS, an address, or AWS itself."""
    name = (urlsplit("//" + host).hostname or "").rstrip(".").lower() if host else "localhost"
    try:
        ip_address(name)
        return True
    except ValueError:
        # Names of one label are this machine's, or a container network's.
        return "." not in name or f".{name}".endswith(_LOCAL)


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    raw = await request.body.read(LARGEST_QUESTION)
    if not raw.strip():
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(415, "NotJson", "Send the body as JSON, with the header `content-type: application/json`.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, "BadJson", f"The body is not JSON: {problem}.") from problem
    if not isinstance(body, dict):
        raise Refusal(400, "BadJson", "The body must be a JSON object.")
    return body


def read_query(raw: str) -> dict[str, str]:
    """The query's names and their last values."""
    try:
        return {name: values[-1] for name, values in parse_qs(raw, keep_blank_values=True, max_num_fields=64).items()}
    except ValueError as problem:
        raise Refusal(400, "BadQuery", f"The query is not readable: {problem}.") from problem
