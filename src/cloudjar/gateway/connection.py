"""One client's connection: an asyncio protocol that takes requests off the socket one at a time and writes their answers in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, cast

from cloudjar.gateway import step
from cloudjar.gateway.answer import Framed, frame
from cloudjar.gateway.bodies import StreamBody
from cloudjar.gateway.http1 import Chunked, Counted, Head, Refused, render_head
from cloudjar.gateway.limits import KIB, Limits
from cloudjar.wire.http import BufferedBody, FileBody, Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.server import Server

_ONE_WRITE = 64 * KIB
"""Up to here a body is copied behind its head; above, the two are written as they are."""


class Connection(asyncio.Protocol):
    """HTTP/1.1 on one socket.

    A call that finishes without suspending is answered in the same turn of the event loop, without a task. A client that goes away does
    not cancel its call (AWS finishes an Invoke too): a streamed request body raises BodyTruncated, a streamed answer's iterator is closed,
    and the answer is dropped.
    """

    __slots__ = (
        "_answering", "_body", "_busy", "_can_write", "_closing", "_continued", "_eof", "_framing", "_head", "_lingered", "_lingering",
        "_paused", "_peer", "_pending", "_port", "_scheme", "_server", "_since", "_tls", "_transport",
    )  # fmt: skip

    def __init__(self, server: Server, scheme: str) -> None:
        self._server = server
        self._scheme = scheme
        self._peer = ""
        self._tls = ""
        self._port = 0
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._pending = b""  # Bytes that no request has taken yet.
        self._head: Head | None = None  # The request in work, or the one whose small body is still coming.
        self._busy = False  # From the call to the end of its answer.
        self._body: StreamBody | None = None  # The streamed body that is still coming,
        self._framing: Counted | Chunked | None = None  # and how its end is found.
        self._continued = True  # Whether the client has, or never needed, its leave to send the body.
        self._answering: asyncio.Task[None] | None = None  # The task that sends a streamed answer.
        self._can_write: asyncio.Future[None] | None = None  # Set while the client reads too slowly.
        self._paused = False  # Reading.
        self._eof = False
        self._closing = False  # No further request is taken.
        self._lingering = False  # The last answer is out; what still comes is thrown away.
        self._lingered = 0
        self._since = 0  # The tick from which the client's time runs.

    # -- the transport's side ------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._server.limits.write_bytes)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        encrypted = transport.get_extra_info("ssl_object")
        self._tls = (encrypted.version() or "").removeprefix("TLSv") if encrypted else ""
        own = transport.get_extra_info("sockname")
        self._port = own[1] if own else self._server.port
        self._since = self._server.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._pending = b""
        if self._body is not None:
            self._body.fail()
        if self._can_write is not None and not self._can_write.done():
            self._can_write.set_result(None)
        if self._answering is not None:
            self._answering.cancel()
        self._server.leave(self)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._linger_on(len(data))
            return
        if self._body is not None or not self._pending:
            self._since = self._server.ticks  # A head and a small body must come as one: their time runs from the first byte on.
        if self._body is not None:
            rest = self._feed_body(data)
            if rest is None:
                return
            data = rest
        if self._closing:
            return
        self._pending = self._pending + data if self._pending else data
        if self._busy:
            self._pause_if_full()
        else:
            self._advance()

    def eof_received(self) -> bool:
        """Keeps the connection open for the answer in work: a client may end its side first. (TLS cannot, and closes.)"""
        self._eof = True
        if self._body is not None:
            self._body.fail()
            self._body = None
        if self._lingering:
            return False
        if self._head is not None and not self._busy:
            self._refuse(Refused(400, "the body ends before its Content-Length"))
            return False
        return self._scheme == "http" and (self._busy or self._can_write is not None)

    def pause_writing(self) -> None:
        self._can_write = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        waiter, self._can_write = self._can_write, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        self._advance()

    # -- the server's side ---------------------------------------------------------------------------------------------------------

    def tick(self, now: int, limits: Limits) -> None:
        """Close what waits for its client for too long. Called once a tick."""
        waited = now - self._since
        if self._lingering:
            if waited >= limits.linger_ticks:
                self._transport.abort()
        elif self._transport.is_closing():
            if waited >= limits.stalled_ticks:
                self._transport.abort()  # It takes nothing of the last that was written.
        elif self._body is not None:
            if self._paused or not self._continued:
                self._since = now  # It is we who keep the client waiting.
            elif waited >= limits.request_ticks:
                self._body.fail()
                self._body = None
                self._closing = True
                if not self._busy:
                    self._transport.close()
        elif self._can_write is not None:
            if waited >= limits.stalled_ticks:
                self._transport.abort()
        elif self._busy:
            self._since = now
        elif self._pending or self._head is not None:
            if waited >= limits.request_ticks:
                self._refuse(Refused(408, "the request did not arrive in time"))
        elif waited >= limits.idle_ticks:
            self._transport.close()

    def shut(self) -> None:
        """Close now if no request is in work or arriving; else its answer says `connection: close`, because the server is stopping."""
        if not self._busy and self._head is None and not self._pending:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    # -- taking requests -----------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Take and answer requests while there are whole ones, and nothing stands in the way."""
        try:
            while not self._busy and not self._closing and self._body is None and self._can_write is None and self._take():
                pass
        except Refused as refused:
            self._refuse(refused)
            return
        if self._paused:
            self._resume_if_free()
        if self._eof and not self._busy and self._can_write is None:
            self._transport.close()

    def _take(self) -> bool:
        """Start one request; False when more bytes are needed first."""
        pending = self._pending
        head = self._head
        if head is None:
            if not pending:
                return False
            head = self._server.parser.parse(pending)
            if head is None:
                return False
            self._pending = pending = pending[head.size :]
            self._continued = True
        length = head.length
        if length == 0:
            self._head = head
            if head.expects_continue:
                self._continued = False
                self._send_continue()
            self._call(head, BufferedBody())
        elif length is not None and len(pending) >= length and length <= self._server.limits.buffered_body_bytes:
            self._head = head
            self._pending = pending[length:]
            self._call(head, BufferedBody(pending[:length]))
        elif length is not None and length <= self._server.limits.buffered_body_bytes and not head.expects_continue:
            self._head = head
            return False
        else:
            self._head = head
            self._stream(head)
        return True

    def _stream(self, head: Head) -> None:
        """Call with a body that is still coming."""
        limits = self._server.limits
        body = StreamBody(head.length, high=limits.stream_bytes, on_wanted=self._send_continue, on_room=self._resume_if_free)
        self._body = body
        self._framing = Chunked() if head.length is None else Counted(head.length)
        pending, self._pending = self._pending, b""
        self._continued = not head.expects_continue or bool(pending)
        if pending:
            self._pending = self._feed_body(pending) or b""
        self._call(head, body)

    def _feed_body(self, data: bytes) -> bytes | None:
        """Give the streamed body its bytes; returns what follows it, None while it goes on."""
        assert self._body is not None and self._framing is not None
        self._continued = True
        try:
            payload, rest = self._framing.feed(data)
        except Refused:
            # The reader learns it as BodyTruncated, and its protocol words the error; nothing after it can be understood.
            self._body.fail()
            self._body = None
            self._closing = True
            return None
        self._body.feed(payload)
        if rest is None:
            if self._body.full and not self._paused:
                self._paused = True
                self._transport.pause_reading()
            return None
        body, self._body = self._body, None
        body.end()
        return rest

    def _send_continue(self) -> None:
        if not self._continued and not self._transport.is_closing():
            self._continued = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pause_if_full(self) -> None:
        if not self._paused and len(self._pending) > self._server.limits.pending_bytes and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume_if_free(self) -> None:
        body_full = self._body is not None and self._body.full
        if self._paused and not body_full and len(self._pending) <= self._server.limits.pending_bytes:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # -- calling the app -----------------------------------------------------------------------------------------------------------

    def _call(self, head: Head, body: BufferedBody | StreamBody) -> None:
        """Step the app once; answer at once if that was all, else go on in a task."""
        self._busy = True
        server = self._server
        try:
            scheme, peer, port, tls = self._scheme, self._peer, self._port, self._tls
            result = step.start(server.app(Request(head.method, head.path, head.query, head.headers, body, scheme, peer, port, tls)))
        except asyncio.CancelledError:
            self._transport.abort()
        except Exception as error:
            self._fail(error)
        else:
            if isinstance(result, asyncio.Task):
                server.tasks.add(result)
                result.add_done_callback(self._called)
            else:
                self._answer(result)

    def _called(self, task: asyncio.Task[Response]) -> None:
        self._server.tasks.discard(task)
        if task.cancelled():
            self._transport.abort()
            return
        error = task.exception()
        if error is not None:
            self._fail(error)
        else:
            self._answer(task.result())
        self._advance()

    def _fail(self, error: BaseException | None) -> None:
        """The pipeline answers its own errors; what comes here is a bug, told to the log and not to the client."""
        self._server.log.error("unhandled error in a call", exc_info=error)
        self._answer(Response(500, {"content-type": "text/plain"}, b"Internal Server Error\n"))

    # -- answering -----------------------------------------------------------------------------------------------------------------

    def _refuse(self, refused: Refused) -> None:
        """Answer what is not a request, and close."""
        self._closing = True
        if self._transport.is_closing():
            return
        text = f"{refused.reason}\n".encode()
        tail = f"content-length: {len(text)}\r\ndate: {self._server.date}\r\nconnection: close\r\n"
        self._transport.write(render_head(refused.status, {"content-type": "text/plain"}, tail) + text)
        self._linger()

    def _keeps_alive(self, head: Head, response: Response) -> bool:
        if not head.keep_alive or self._closing or self._server.stopping or (self._eof and not self._pending):
            return False
        if response.headers.get("connection") == "close":
            return False
        if self._body is None:
            return True
        # An unread body must be taken off the connection before the next request; a client that was never told to send it may not.
        remaining = self._framing.remaining if self._framing is not None else None
        return self._continued and remaining is not None and remaining <= self._server.limits.discard_bytes

    def _answer(self, response: Response) -> None:
        head, body = self._head, response.body
        if head is None or self._transport.is_closing():
            self._drop(body)
            self._finish(False)
            return
        try:
            framed = frame(head, response, self._keeps_alive(head, response), self._server.date)
        except ValueError as error:
            self._drop(body)
            self._fail(error)
            return
        if type(body) is bytes:
            self._write(framed.head, b"" if framed.bodiless else body)
            self._finish(framed.keep_alive)
        elif framed.bodiless:
            self._write(framed.head, b"")
            self._drop(body)
            self._finish(framed.keep_alive)
        else:
            self._answering = asyncio.get_running_loop().create_task(self._send(framed, cast("AsyncIterator[bytes] | FileBody", body)))
            self._server.tasks.add(self._answering)
            self._answering.add_done_callback(partial(self._sent, body))

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= _ONE_WRITE:
            self._transport.write(head + body)
        else:
            self._transport.writelines([head, body])

    def _drop(self, body: object) -> None:
        """Give up a body that nobody will get."""
        if (aclose := getattr(body, "aclose", None)) is not None:
            task = asyncio.get_running_loop().create_task(aclose())
            self._server.tasks.add(task)
            task.add_done_callback(self._server.tasks.discard)

    async def _send(self, framed: Framed, body: AsyncIterator[bytes] | FileBody) -> None:
        """Send a streamed answer at the client's pace."""
        transport, declared = self._transport, framed.declared
        sent = 0
        try:
            transport.write(framed.head)
            async for chunk in body:
                sent += len(chunk)
                if declared is not None and sent > declared:
                    break
                if not framed.chunked:
                    transport.write(chunk)
                elif chunk:
                    transport.writelines([b"%x\r\n" % len(chunk), chunk, b"\r\n"])
                # Also where a write has failed: a stream that never waits would not let the loop hear of it.
                if self._can_write is not None or transport.is_closing():
                    await self._drain()
        finally:
            if (aclose := getattr(body, "aclose", None)) is not None:
                await aclose()
        if declared is not None and sent != declared:
            raise ValueError(f"a streamed answer gave {'more' if sent > declared else 'less'} than the {declared} bytes that it declared")
        if framed.chunked:
            transport.write(b"0\r\n\r\n")
        self._finish(framed.keep_alive)

    async def _drain(self) -> None:
        while (waiter := self._can_write) is not None and not self._transport.is_closing():
            await waiter
            self._since = self._server.ticks
        if self._transport.is_closing():
            raise asyncio.CancelledError

    def _sent(self, body: object, task: asyncio.Task[None]) -> None:
        self._server.tasks.discard(task)
        self._answering = None
        if task.cancelled():
            self._drop(body)  # Before its first step the task had no chance to close it.
            self._transport.abort()
        elif (error := task.exception()) is not None:
            # The status is out already: all that can be done is to let the client see that the answer is not whole.
            self._server.log.error("a streamed answer broke off", exc_info=error)
            self._transport.abort()
        else:
            self._advance()

    def _finish(self, keep: bool) -> None:
        """The answer is written: make ready for the next request, or close."""
        self._busy = False
        self._head = None
        if keep:
            if self._body is not None:
                self._body.discard()
                self._resume_if_free()
            return
        self._closing = True
        if self._body is not None:
            self._body.discard()
            self._linger()
        else:
            self._transport.close()

    def _linger(self) -> None:
        """End our side, and let the client end its own: closing over unread bytes would reset the connection and lose the answer."""
        transport = self._transport
        self._pending = b""
        self._lingering = True
        self._since = self._server.ticks
        if self._eof or transport.is_closing():
            transport.close()
            return
        if transport.can_write_eof():
            transport.write_eof()
        if self._paused:
            self._paused = False
            transport.resume_reading()

    def _linger_on(self, size: int) -> None:
        self._lingered += size
        if self._lingered > self._server.limits.linger_bytes:
            self._transport.abort()
