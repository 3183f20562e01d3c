"""The in-process transport: boto3 clients that call the pipeline without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import uvloop

from cloudjar.gateway.jar import Jar
from cloudjar.kernel import keys
from cloudjar.kernel.worlds import DEFAULT
from cloudjar.wire.http import BufferedBody, FileBody, Request, Response

T = TypeVar("T")


class LocalJar:
    """A jar on an event loop in a thread of its own, for the process that made it. A context manager."""

    def __init__(self, directory: Path | None = None, **options: Any) -> None:
        """`directory` None means ephemeral; options are Jar's."""
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="cloudjar", daemon=True)
        self._thread.start()

        async def make() -> Jar:
            return Jar(directory, **options)

        self.jar: Jar = self.run(make())
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the jar's loop, and waits."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def do(self, function: Callable[[], T]) -> T:
        """Runs a plain function on the jar's loop, and waits."""

        async def run() -> T:
            return function()

        return self.run(run())

    def world(self, name: str = DEFAULT) -> LocalWorld:
        """The world of that name, made if need be."""
        self.do(lambda: self.jar.worlds.open(name))
        return LocalWorld(self, name)

    def import_world(self, file: Path, name: str) -> LocalWorld:
        """A world from a file that `LocalWorld.export` or `cloudjar world export` wrote, under a new name."""
        self.do(lambda: self.jar.worlds.import_(file, name))
        return LocalWorld(self, name)

    def close(self) -> None:
        """Ends the jar and its thread."""
        if not self._closed:
            self._closed = True
            self.run(self.jar.stop(grace_seconds=1.0))
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()

    def __enter__(self) -> LocalJar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalWorld:
    """One world of a LocalJar, as a test uses it."""

    def __init__(self, jar: LocalJar, name: str) -> None:
        self.local = jar
        self.name = name
        self.clock = LocalClock(self)

    def client(self, service: str, *, region: str = "us-east-1", access_key: str = "test", secret: str = "test", **options: Any) -> Any:
        """A boto3 client whose calls go straight into the pipeline. Options are boto3's."""
        import boto3
        from botocore.config import Config

        token = options.pop("session_token", None)
        # Shapes and paginators come from boto3's own session; nothing is read from the environment or from ~/.aws.
        session = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret, aws_session_token=token, region_name=region)
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
        if "config" in options:
            config = config.merge(options.pop("config"))
        client = session.client(service, endpoint_url="http://localhost:4566", config=config, **options)
        client._endpoint.http_session = InProcessSession(self)
        return client

    def fork(self, name: str) -> LocalWorld:
        """An independent copy under a new name."""
        self.local.do(lambda: self.local.jar.worlds.fork(self.name, name))
        return LocalWorld(self.local, name)

    def drop(self) -> None:
        """Removes this world."""
        self.local.run(self.local.jar.drop(self.name))

    def save(self, snapshot: str) -> None:
        """Keeps the present state under a snapshot's name."""
        self.local.do(lambda: self.local.jar.worlds.save(self.name, snapshot))

    def restore(self, snapshot: str) -> None:
        """Goes back to a snapshot."""
        self.local.run(self.local.jar.worlds.restore(self.name, snapshot))

    def export(self, file: Path) -> None:
        """Writes this world, with its blobs, into one file."""
        self.local.do(lambda: self.local.jar.worlds.export(self.name, file))

    @property
    def endpoint(self) -> str:
        """The URL of a real socket for this world, opened at first use."""
        port = self.local.run(self.local.jar.serve(self.name))
        return f"http://127.0.0.1:{port}"

    def settle(self) -> None:
        """Returns when published events are delivered and effects have ended."""
        self.local.run(self._world().settle())

    def close(self) -> None:
        """Ends the jar that this world lives in."""
        self.local.close()

    def __enter__(self) -> LocalWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _world(self) -> Any:
        return self.local.jar.worlds.open(self.name)


class LocalClock:
    """The clock of a LocalWorld."""

    def __init__(self, world: LocalWorld) -> None:
        self._world = world

    def now(self) -> datetime:
        """The present instant of the world."""
        return self._world.local.do(lambda: self._world._world().clock.now())

    def freeze(self) -> None:
        """Stops time."""
        self._move(rate=0.0)

    def resume(self) -> None:
        """Lets time run at its own pace again."""
        self._move(rate=1.0)

    def rate(self, rate: float) -> None:
        """World seconds for each wall second."""
        self._move(rate=rate)

    def set(self, instant: datetime) -> None:
        """Goes to an instant, past or future, without what lies between."""
        self._move(world=keys.microseconds(instant) / 1_000_000)

    def advance(self, **delta: float) -> None:
        """Moves forward by a timedelta's arguments (`days=30`), and lets all that falls due happen on the way."""

        async def advance() -> None:
            world = self._world._world()
            await world.advance_to(world.clock.now() + timedelta(**delta))

        self._world.local.run(advance())

    def autojump(self, on: bool = True) -> None:
        """Jumps to the next timer whenever nothing runs."""
        self._move(autojump=on)

    def _move(self, **changes: Any) -> None:
        def move() -> None:
            world = self._world._world()
            world.set_clock(world.clock.moved(**changes))

        self._world.local.do(move)


class InProcessSession:
    """Stands in for botocore's HTTP session: `send` runs the pipeline."""

    def __init__(self, world: LocalWorld) -> None:
        self._world = world

    def send(self, prepared: Any) -> Any:
        """An AWSResponse for an AWSPreparedRequest."""
        from botocore.awsrequest import AWSResponse

        parts = urlsplit(prepared.url)
        headers: dict[str, str] = {"host": parts.netloc}
        for name, value in prepared.headers.items():
            headers[name.lower()] = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        body = prepared.body
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        request = Request(
            method=prepared.method,
            path=parts.path or "/",
            query=parts.query,
            headers=headers,
            body=BufferedBody(bytes(body or b"")),
            scheme=parts.scheme,
        )
        answer = self._world.local.run(self._answer(request))
        raw = RawBody(self._world.local, answer.body)
        if isinstance(answer.body, bytes):
            answer.headers.setdefault("content-length", str(len(answer.body)))
        return AWSResponse(prepared.url, answer.status, _Headers(answer.headers), raw)

    def close(self) -> None:
        """Nothing is held."""

    async def _answer(self, request: Request) -> Response:
        answer: Response = await self._world.local.jar.answer(self._world.name, request)
        if request.method == "HEAD":
            answer.body = b""
        return answer


class _Headers(dict[str, str]):
    """Names compare without case, as botocore expects of a response's headers."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__((name.lower(), value) for name, value in headers.items())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


class RawBody:
    """A response's body as urllib3 presents one: `read`, `stream`, iteration."""

    def __init__(self, local: LocalJar, body: bytes | AsyncIterator[bytes] | FileBody) -> None:
        self._local = local
        self._pieces = None if isinstance(body, bytes) else aiter(body)
        self._buffer = body if isinstance(body, bytes) else b""
        self.closed = False

    def read(self, amt: int | None = None, **_: Any) -> bytes:
        while self._pieces is not None and (amt is None or len(self._buffer) < amt):
            piece = self._local.run(self._next())
            if piece is None:
                self._pieces = None
            else:
                self._buffer += piece
        size = len(self._buffer) if amt is None else amt
        out, self._buffer = self._buffer[:size], self._buffer[size:]
        return out

    def stream(self, amt: int = 65536, **_: Any) -> Iterator[bytes]:
        # As it comes, not when so much has come: a stream may be live.
        while self._buffer or self._pieces is not None:
            if not self._buffer:
                piece = self._local.run(self._next())
                if piece is None:
                    self._pieces = None
                self._buffer = piece or b""
            if self._buffer:
                out, self._buffer = self._buffer[:amt], self._buffer[amt:]
                yield out

    def __iter__(self) -> Iterator[bytes]:
        return self.stream()

    def close(self) -> None:
        self.closed = True

    def release_conn(self) -> None:
        """Nothing is held."""

    async def _next(self) -> bytes | None:
        assert self._pieces is not None
        with contextlib.suppress(StopAsyncIteration):
            return await self._pieces.__anext__()
        return None
