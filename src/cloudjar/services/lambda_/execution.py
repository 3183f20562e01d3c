"""An execution environment: one sandbox with one runtime in it, and its talk with the Runtime API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudjar.compute.driver import Driver, ExitStatus, Line, NotRunning
from cloudjar.compute.networks import Network
from cloudjar.compute.spec import Spec
from cloudjar.kernel.clock import monotonic_seconds, wall_seconds
from cloudjar.services.lambda_.environment import Session
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Invocation, Outcome, Report, exited, failure, posted_error, timed_out
from cloudjar.services.lambda_.pipe import Pipe
from cloudjar.services.lambda_.response_stream import ResponseStream
from cloudjar.services.lambda_.runtime_api import LARGEST_RESPONSE, Deliver, Refused, Socket

Ship = Callable[[Any, list[tuple[datetime, str]]], None]
"""Stores lines of an environment's log."""

INIT_SECONDS = 10.0
"""How long initialisation may take before it is cut off and tried again within the first invocation."""
_SETTLE_SECONDS = 0.1
"""How long an answer waits for the runtime to ask for more work, so that what it wrote is complete and it is ready again."""

_TAIL = 4096
"""Letters at most that LogType Tail gives; its 4 KiB are counted in bytes later."""
_SHIP_SECONDS = 1.0
_SHIP_BYTES = 256 * 1024

_READY, _EXITED, _FAILED, _LATE = "ready", "exited", "failed", "late"


class ExecutionEnvironment:
    """One sandbox. Used by one invocation at a time; when it ends, it is replaced."""

    def __init__(
        self,
        id: str,
        version: Version,
        driver: Driver,
        *,
        now: Callable[[], datetime],
    ) -> None:
        """`now` is world time."""
        self.id = id
        self.version = version
        self.stream = ""
        self.session = Session("", "", "")
        self.expires: datetime | None = None
        """When its credentials do, in world time."""
        self.temporary = ""
        self.socket: Socket | None = None
        self.network: Network | None = None
        """Its own; None where it shares the machine's."""
        self.alive = False
        self.provisioned = False
        """Kept ready, however long nobody calls."""
        self.idle_since = 0.0
        self.init_ms: float | None = None
        """What initialisation took, until an invocation has reported it."""
        self.peak_bytes = 0
        self.tail = ""
        """The end of what has been written since the last invocation ended, for LogType Tail."""
        self.pipe: Pipe | None = None
        """What it waits at while it is a standby."""
        self._ship: Ship | None = None
        self._lines: list[tuple[datetime, str]] = []
        self._bytes = 0
        self._shipping: asyncio.TimerHandle | None = None
        self._driver = driver
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._turn: asyncio.Future[str] = self._loop.create_future()
        self._answer: asyncio.Future[Outcome] | None = None
        self._deliver: Deliver | None = None
        self._invocation: Invocation | None = None
        self._exit: ExitStatus | None = None
        self._init_failure: Outcome | None = None
        self._seen = 0
        """Counts lines of output."""
        self._deadline = 0.0
        self._was_handed = False
        """The runtime has the invocation and has not answered it."""
        self._carriage = version.runtime.startswith(("python", "nodejs"))

    # Life

    def adopt(self, stream: str, ship: Ship) -> None:
        """Gives it the log stream that it writes to; `ship` stores lines of log there."""
        self.stream, self._ship = stream, ship

    async def start(self, spec: Spec) -> None:
        """Starts the runtime. Raises StartFailed."""
        await self._driver.start(spec, self._exited, self._line)
        if self._exit is None:
            self.alive = True

    async def initialise(self, request_id: str, seconds: float) -> Outcome | None:
        """Waits until the runtime asks for work; what went wrong if it does not."""
        started = monotonic_seconds()
        try:
            event = await asyncio.wait_for(asyncio.shield(self._turn), seconds)
        except TimeoutError:
            self.init_ms = (monotonic_seconds() - started) * 1000
            return failure("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", request_id, status="timeout")
        self.init_ms = (monotonic_seconds() - started) * 1000
        if event == _READY:
            return None
        await self._drain()
        if event == _FAILED:
            assert self._init_failure is not None
            return self._init_failure
        assert self._exit is not None
        return self._init_failure or exited(self._exit, request_id)

    async def run(self, invocation: Invocation, limit: float) -> tuple[Outcome, float]:
        """One invocation of at most `limit` seconds, and the milliseconds that it took. If it is not `alive` afterwards, it is used up."""
        answer = self._answer = self._loop.create_future()
        self._invocation = invocation
        started = monotonic_seconds()
        alarm = self._loop.call_later(limit, self._time_out)
        if self._exit is not None:
            answer.set_result(exited(self._exit, invocation.request_id))
        elif self._deliver is not None:
            self._hand_over(wall_seconds() + limit)
        else:
            # It has answered but not yet asked again: it gets this when it does, with what time is left.
            self._deadline = wall_seconds() + limit
        try:
            outcome = await answer
        finally:
            alarm.cancel()
        if outcome.crashed:
            if outcome.status == "timeout":
                await self.kill()
        elif self.alive:
            await self._settled()
        milliseconds = (monotonic_seconds() - started) * 1000
        await self._drain()
        self._invocation = None
        return outcome, milliseconds

    async def kill(self) -> None:
        """Ends every process of it."""
        self.alive = False
        try:
            await self._driver.kill(self.id)
        except NotRunning:
            pass

    def close(self) -> None:
        """Lets the socket go, and stores the last lines."""
        self.flush()
        if self.pipe is not None:
            self.pipe.close()
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        if self.network is not None:
            self.network.close()

    def report(self, milliseconds: float) -> Report:
        """The figures of the invocation that has just ended; the initialisation counts once."""
        try:
            self.peak_bytes = self._driver.usage(self.id).peak_memory_bytes or self.peak_bytes
        except NotRunning:
            pass
        init, self.init_ms = self.init_ms, None
        memory = self.version.memory_mb
        return Report(milliseconds, memory, min(memory, max(1, -(-self.peak_bytes >> 20))), init)

    def write(self, text: str, *, in_tail: bool = True) -> None:
        """Adds to the log, whole lines. It is stored within a second, or at the latest by `flush`."""
        if not text:
            return
        self._lines.append((self._now(), text))
        self._bytes += len(text)
        if in_tail:
            self.tail = (self.tail + text)[-_TAIL:]
        if self._bytes > _SHIP_BYTES:
            self.flush()
        elif self._shipping is None:
            self._shipping = self._loop.call_later(_SHIP_SECONDS, self.flush)

    def flush(self) -> None:
        """Stores what has been written."""
        if self._shipping is not None:
            self._shipping.cancel()
            self._shipping = None
        if self._ship is None:
            return
        lines, self._lines, self._bytes = self._lines, [], 0
        if lines:
            self._ship(self, lines)

    def take_tail(self) -> str:
        """The tail of one invocation's log; the next one's starts empty."""
        tail, self.tail = self.tail, ""
        return tail

    # What the runtime asks

    def admits(self, peer_port: int, own_port: int) -> bool:
        # In a network of its own nobody else can have connected.
        return self.network is not None or self._driver.is_peer(self.id, peer_port, own_port)

    def next(self, deliver: Deliver) -> None:
        if self._was_handed:
            raise _not_allowed("Running", "Ready")
        self._deliver = deliver
        if self._answer is not None and not self._answer.done():
            self._hand_over(self._deadline)
            return
        if not self._turn.done():
            self._turn.set_result(_READY)

    def gone(self, deliver: Deliver) -> None:
        if self._deliver == deliver:
            self._deliver = None
            if self._turn.done():
                self._turn = self._loop.create_future()

    def response(self, request_id: str, body: bytes) -> None:
        self._finish(request_id, "InvocationResponse", Outcome(body))

    def begin_response(self, request_id: str, content_type: str) -> StreamedAnswer:
        self._check_turn(request_id, "InvocationResponse")
        assert self._invocation is not None
        out = self._invocation.stream
        if out is not None:
            out.begin(content_type)
        return StreamedAnswer(self, request_id, out)

    def too_large(self, request_id: str, size: int) -> None:
        message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
        body = f'{{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"{message}"}}'.encode()
        self._finish(request_id, "InvocationResponse", Outcome(body, "Function.ResponseSizeTooLarge", "error"))

    def error(self, request_id: str, body: bytes, error_type: str) -> None:
        self._finish(request_id, "InvocationErrorResponse", posted_error(body, error_type))

    def init_error(self, body: bytes, error_type: str) -> None:
        if self._turn.done() or self._answer is not None:
            raise _not_allowed("Ready", "InitError")
        self._init_failure = posted_error(body, error_type)
        self._turn.set_result(_FAILED)

    # Inside

    def _id(self) -> str:
        return self._invocation.request_id if self._invocation else ""

    def _hand_over(self, deadline: float) -> None:
        deliver, self._deliver = self._deliver, None
        invocation = self._invocation
        assert deliver is not None and invocation is not None
        self._turn = self._loop.create_future()
        self._was_handed = True
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        deliver(headers, invocation.payload)

    def _finish(self, request_id: str, what: str, outcome: Outcome) -> None:
        self._check_turn(request_id, what)
        assert self._answer is not None
        self._was_handed = False
        self._answer.set_result(outcome)

    def _check_turn(self, request_id: str, what: str) -> None:
        if self._answer is None or self._answer.done() or not self._was_handed:
            raise _not_allowed("Ready", what)
        if request_id != self._id():
            raise Refused(400, "InvalidRequestID", "Invalid request ID")

    def _time_out(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._was_handed = False
            self._answer.set_result(timed_out(self.version.timeout_seconds, self._id()))

    def _exited(self, _: str, status: ExitStatus) -> None:
        self._exit, self.alive, self._deliver = status, False, None
        self.peak_bytes = max(self.peak_bytes, status.peak_memory_bytes or 0)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(exited(status, self._id()))
        if not self._turn.done():
            self._turn.set_result(_EXITED)

    def _line(self, _: str, line: Line) -> None:
        text = line.text.decode("utf-8", "replace")
        if self._carriage:
            # The Python and Node.js runtimes keep a record of several lines together so.
            text = text.rstrip("\r").replace("\r", "\n")
        self._seen += 1
        self.write(text + "\n")

    async def _settled(self) -> None:
        turn = self._turn
        if not turn.done():
            alarm = self._loop.call_later(_SETTLE_SECONDS, _no_longer, turn)
            await turn
            alarm.cancel()

    async def _drain(self) -> None:
        """What the runtime wrote before it spoke lies in its pipe: the event loop reads it in its next round."""
        while True:
            before = self._seen
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if self._seen == before:
                return


class StreamedAnswer:
    """An answer that comes in pieces: passed on as it comes, or gathered for a caller who wants it whole."""

    def __init__(self, env: ExecutionEnvironment, request_id: str, out: ResponseStream | None) -> None:
        self._env = env
        self._id = request_id
        self._out = out
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._out is not None:
            self._out.feed(data)
        elif self._size <= LARGEST_RESPONSE:
            self._pieces.append(data)

    def end(self, error_type: str, error: bytes) -> None:
        if error_type:
            self._env.error(self._id, error, error_type)
        elif self._out is None and self._size > LARGEST_RESPONSE:
            self._env.too_large(self._id, self._size)
        else:
            self._env.response(self._id, b"".join(self._pieces))


def _no_longer(turn: asyncio.Future[str]) -> None:
    if not turn.done():
        turn.set_result(_LATE)


def _not_allowed(state: str, what: str) -> Refused:
    return Refused(
        403,
        "InvalidStateTransition",
        f"State transition from {state} to {what} failed for runtime. Error: State transition is not allowed",
    )
