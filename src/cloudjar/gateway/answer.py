"""From a Response to what goes over the wire: its head, and how its body is framed."""

from __future__ import annotations

import msgspec

from cloudjar.gateway.http1 import Head, render_head
from cloudjar.wire.http import FileBody, Response

_BODILESS = frozenset({204, 304})


class Framed(msgspec.Struct):
    """A rendered head, and what it says of the body."""

    head: bytes
    bodiless: bool
    """No body follows, whatever the Response holds."""
    chunked: bool
    declared: int | None
    """The Content-Length, when the head has one and a streamed body must keep to it."""
    keep_alive: bool


def frame(request: Head, response: Response, keep_alive: bool, date: str) -> Framed:
    """Choose the framing (RFC 9112, 6) and render the head; raises ValueError for headers that no client could read."""
    headers, body, status = response.headers, response.body, response.status
    if type(body) is bytes and keep_alive and request.minor and request.method != "HEAD" and status not in _BODILESS:
        # What nearly every answer is: bytes on a connection that stays open.
        if "content-length" in headers:
            headers = {**headers, "content-length": str(len(body))}
            tail = f"date: {date}\r\n"
        else:
            tail = f"content-length: {len(body)}\r\ndate: {date}\r\n"
        if "date" not in headers:
            return Framed(render_head(status, headers, tail), False, False, None, True)
    bodiless = status in _BODILESS or request.method == "HEAD"
    chunked = False
    tail = ""
    if status in _BODILESS:
        pass
    elif type(body) is bytes:
        if "content-length" not in headers:
            tail = f"content-length: {len(body)}\r\n"
        elif not bodiless:  # The answer to a HEAD says how long the answer to the GET would be.
            headers = {**headers, "content-length": str(len(body))}
    elif "content-length" in headers:
        pass
    elif isinstance(body, FileBody):
        tail = f"content-length: {body.length}\r\n"
    elif request.minor:
        chunked = True
        tail = "transfer-encoding: chunked\r\n"
    else:
        keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body.
    if "date" not in headers:
        tail += f"date: {date}\r\n"
    if not keep_alive:
        if "connection" not in headers:
            tail += "connection: close\r\n"
    elif request.minor == 0:
        tail += "connection: keep-alive\r\n"
    declared: int | None = None
    if type(body) is not bytes and not chunked:
        if "content-length" in headers:
            declared = int(headers["content-length"])
        elif isinstance(body, FileBody):
            declared = body.length
    return Framed(render_head(status, headers, tail), bodiless, chunked, declared, keep_alive)
