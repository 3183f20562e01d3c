"""The servers that are compared, each with the same app: GET answers hello, PUT counts its body, GET /big answers 1 GiB.

python targets.py ours|ours-tls|uvicorn|granian PORT FILE
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HELLO = b"hello world"
CHUNK = 256 * 1024


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The app for the ASGI servers."""
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain")]
    if scope["method"] == "PUT":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": str(size).encode()})
    elif scope["path"] == "/big":
        path = os.environ["BIG_FILE"]
        headers.append((b"content-length", str(os.path.getsize(path)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        headers.append((b"content-length", str(len(HELLO)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": HELLO})


def run_ours(port: int, path: str, *, encrypted: bool) -> None:
    import uvloop

    from cloudjar.gateway.server import Server
    from cloudjar.gateway.tls import Authority
    from cloudjar.wire.http import FileBody, Request, Response

    async def app(request: Request) -> Response:
        if request.method == "PUT":
            size = 0
            async for chunk in request.body:
                size += len(chunk)
            return Response(200, {"content-type": "text/plain"}, str(size).encode())
        if request.path == "/big":
            return Response(200, {"content-type": "text/plain"}, FileBody.open(path))
        return Response(200, {"content-type": "text/plain"}, HELLO)

    async def main() -> None:
        with tempfile.TemporaryDirectory() as directory:
            tls = Authority(Path(directory), time.time) if encrypted else None
            server = Server(app, port=port, tls=tls, log=logging.getLogger(), clock=time.time)
            await server.start()
            await asyncio.Event().wait()

    uvloop.run(main())


def run(name: str, port: int, path: str) -> None:
    os.environ["BIG_FILE"] = path
    if name.startswith("ours"):
        run_ours(port, path, encrypted=name == "ours-tls")
    elif name == "uvicorn":
        import uvicorn

        uvicorn.run(asgi, port=port, http="httptools", loop="uvloop", access_log=False, log_level="critical", lifespan="off", ws="none")
    elif name == "granian":
        from granian.server.embed import Server as Embedded

        embedded: Any = Embedded(asgi, address="127.0.0.1", port=port, interface="asginl", log_enabled=False, websockets=False)
        import uvloop

        uvloop.run(embedded.serve())
    else:
        raise SystemExit(f"no such target: {name}")


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), sys.argv[3])
