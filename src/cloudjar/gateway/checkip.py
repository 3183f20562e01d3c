"""checkip.amazonaws.com: the caller's address as text, which is all that this host of AWS's does."""

from __future__ import annotations

from cloudjar.wire.http import Request, Response

HOST = "checkip.amazonaws.com"


def claims(request: Request) -> bool:
    """Whether a request is for it, by its host and nothing else."""
    return request.host.startswith(HOST) and request.host[len(HOST) :].partition(":")[0] == ""


def answer(request: Request) -> Response:
    """The address that the connection came from, and a newline."""
    if request.method not in ("GET", "HEAD"):
        return Response(405, {"allow": "GET, HEAD"}, b"")
    return Response(200, {"content-type": "text/plain;charset=UTF-8"}, f"{request.peer}\n".encode())
