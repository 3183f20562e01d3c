"""An execution environment: one sandbox with one runtime in it, and its talk with the Runtime API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudjar.compute.disks import Disk
from cloudjar.compute.driver import Driver, ExitStatus, Line, NotRunning
from cloudjar.compute.networks import Network
from cloudjar.compute.spec import Spec
from cloudjar.kernel.clock import monotonic_seconds, wall_seconds
from cloudjar.services.lambda_.environment import Session
from cloudjar.services.lambda_.environment_log import EnvironmentLog
from cloudjar.services.lambda_.extensions import Extensions
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Invocation, Outcome, Report, Restored, exited, failure, posted_error, timed_out
from cloudjar.services.lambda_.pipe import Pipe
from cloudjar.services.lambda_.runtime_api import LARGEST_RESPONSE, Deliver, Refused, Socket, not_allowed
from cloudjar.services.lambda_.streamed_answer import StreamedAnswer
from cloudjar.services.lambda_.system_log import SystemLog
from cloudjar.services.lambda_.telemetry import Destination, Telemetry

INIT_SECONDS = 10.0
"""How long initialisation may take before it is cut off and tried again within the first invocation."""
_SETTLE_SECONDS = 1.0
"""How long an answer waits for the runtime to ask for more work, so that what it wrote is complete and it is ready again.

Only a runtime that is busy with something else, or a machine that is, takes so long.
"""

_ENDED = "\1"
"""What a line of the supervisor begins with: `\\1NUMBER CODE`, or `\\1runtime CODE`."""
_READY, _EXITED, _FAILED, _LATE = "ready", "exited", "failed", "late"


class ExecutionEnvironment:
    """One sandbox. Used by one invocation at a time; when it ends, it is replaced."""

    def __init__(
        self,
        id: str,
        version: Version,
        driver: Driver,
        *,
        account: str,
        now: Callable[[], datetime],
    ) -> None:
        """`now` is world time."""
        self.id = id
        self.account = account
        self.version = version
        self.stream = ""
        self.log = EnvironmentLog(now)
        self.session = Session("", "", "")
        self.expires: datetime | None = None
        """When its credentials do, in world time."""
        self.temporary = ""
        self.socket: Socket | None = None
        self.disk: Disk | None = None
        self.network: Network | None = None
        """Its /tmp and its network; None where it has but the machine's."""
        self.alive = False
        self.provisioned = False
        """Kept ready, however long nobody calls."""
        self.idle_since = 0.0
        self.init_ms: float | None = None
        """What initialisation took, until an invocation has reported it."""
        self.restored: Restored | None = None
        """What going on from its snapshot took, until an invocation has reported it."""
        self.peak_bytes = 0
        self.pipe: Pipe | None = None
        """What it waits at: while it is a standby, or until its extensions have registered."""
        self.extensions: Extensions | None = None
        """Its extensions, if it has any."""
        self.telemetry: Telemetry | None = None
        """What its extensions may subscribe to."""
        self.runtime = version.runtime
        """What really runs it, as INIT_START names it."""
        self.is_started = False
        self.ending = "spindown"
        """Why it ends, as extensions are told."""
        self.driver = driver
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._turn: asyncio.Future[str] = self._loop.create_future()
        self._answer: asyncio.Future[Outcome] | None = None
        self._deliver: Deliver | None = None
        self._go_on: Deliver | None = None
        """The runtime is initialised and waits to be restored."""
        self._is_restoring = False
        self._invocation: Invocation | None = None
        self._first_id = ""
        """The request that it was made for."""
        self._exit: ExitStatus | None = None
        self._init_failure: Outcome | None = None
        self._failed: asyncio.Future[Outcome] | None = None
        """Told of an extension's failure while neither the runtime nor a caller waits."""
        self.runtime_gone = False
        """The runtime's process has ended."""
        self._deadline = 0.0
        self._was_handed = False
        """The runtime has the invocation and has not answered it."""
        self._carriage = version.runtime.startswith(("python", "nodejs"))

    @property
    def init_type(self) -> str:
        """AWS_LAMBDA_INITIALIZATION_TYPE."""
        if self.version.has_snapshot:
            return "snap-start"
        return "provisioned-concurrency" if self.provisioned else "on-demand"

    # Life

    async def start(self, spec: Spec) -> None:
        """Starts the runtime. Raises StartFailed."""
        await self.driver.start(spec, self._exited, self._line)
        self.is_started = True
        if self._exit is None:
            self.alive = True

    async def initialise(self, request_id: str, seconds: float) -> Outcome | None:
        """Waits until the runtime asks for work; what went wrong if it does not."""
        started = monotonic_seconds()
        self._first_id = request_id
        try:
            event = await asyncio.wait_for(self._first_turn() if self.extensions else asyncio.shield(self._turn), seconds)
        except TimeoutError:
            self.ending = "timeout"
            self.init_ms = (monotonic_seconds() - started) * 1000
            return failure("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", request_id, status="timeout")
        self.init_ms = (monotonic_seconds() - started) * 1000
        problem: Outcome | None = None
        if event != _READY:
            self.drain()
            problem = self._init_failure
            if problem is None:
                assert self._exit is not None
                problem = exited(self._exit, request_id)
        lines = SystemLog(self.version, self._now, self.telemetry)
        self.log.write(lines.init_runtime_done(problem), in_tail=False)
        if problem is None:
            self.log.write(lines.init_report(self.init_ms, "init", None), in_tail=False)
        if self.telemetry is not None:
            self.telemetry.initialised()
        return problem

    async def restore(self, request_id: str, seconds: float) -> Outcome | None:
        """Lets an initialised runtime go on (SnapStart); what went wrong if it does not ask for work."""
        self._first_id = request_id
        go_on, self._go_on = self._go_on, None
        if go_on is None:
            # A runtime without hooks asks for work at once.
            return None
        turn = self._turn = self._loop.create_future()
        self._is_restoring = True
        go_on({}, b"")
        try:
            event = await asyncio.wait_for(asyncio.shield(turn), seconds)
        except TimeoutError:
            return timed_out(int(seconds), request_id)
        finally:
            self._is_restoring = False
        self.drain()
        if event == _READY:
            return None
        return self._init_failure or exited(self._exit or ExitStatus(1), request_id)

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
            self.ending = "timeout" if outcome.status == "timeout" else "failure"
            if self.extensions is not None:
                # They are told before it ends.
                self.alive = False
            elif outcome.status == "timeout":
                await self.kill()
        elif self.alive:
            await self._settled()
        milliseconds = (monotonic_seconds() - started) * 1000
        self.drain()
        self._invocation = None
        return outcome, milliseconds

    async def kill(self) -> None:
        """Ends every process of it."""
        self.alive = False
        try:
            await self.driver.kill(self.id)
        except NotRunning:
            pass

    async def wait_for_extensions(self, request_id: str, limit: float) -> tuple[Outcome | None, float]:
        """After the runtime's answer, waits until every extension is done; what went wrong if one is not, and the milliseconds."""
        started = monotonic_seconds()
        assert self.extensions is not None
        resting = asyncio.ensure_future(self.extensions.at_rest())
        failing = self._failed = self._loop.create_future()
        await asyncio.wait({resting, failing}, timeout=max(0.0, limit), return_when=asyncio.FIRST_COMPLETED)
        problem: Outcome | None = None
        if failing.done():
            problem = failing.result()
        elif not resting.done():
            problem, self.ending = timed_out(self.version.timeout_seconds, request_id), "timeout"
        self._failed = None
        resting.cancel()
        if problem is not None:
            self.alive = False
        self.drain()
        return problem, (monotonic_seconds() - started) * 1000

    def close(self) -> None:
        """Lets the socket go, and stores the last lines."""
        self.log.flush()
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
            self.peak_bytes = self.driver.peak_memory(self.id) or self.peak_bytes
        except NotRunning:
            pass
        init, self.init_ms = self.init_ms, None
        restored, self.restored = self.restored, None
        memory = self.version.memory_mb
        return Report(milliseconds, memory, min(memory, max(1, -(-self.peak_bytes >> 20))), init, restored)

    # What the runtime asks

    def admits(self, peer_port: int, own_port: int) -> bool:
        # In a network of its own nobody else can have connected.
        return self.network is not None or self.driver.is_peer(self.id, peer_port, own_port)

    def next(self, deliver: Deliver) -> None:
        if self._was_handed:
            raise not_allowed("Running", "Ready")
        self._deliver = deliver
        if self._answer is not None and not self._answer.done():
            self._hand_over(self._deadline)
            return
        if not self._turn.done():
            self._turn.set_result(_READY)

    def restore_next(self, deliver: Deliver) -> None:
        if self._turn.done() or self._answer is not None or not self.version.has_snapshot:
            raise not_allowed("Ready", "RestoreReady")
        self._go_on = deliver
        self._turn.set_result(_READY)

    def restore_error(self, body: bytes, error_type: str) -> None:
        if self._turn.done() or not self._is_restoring:
            raise not_allowed("Ready", "RestoreError")
        self._init_failure = posted_error(body, error_type)
        self._turn.set_result(_FAILED)

    def gone(self, deliver: Deliver) -> None:
        if self._go_on == deliver:
            self._go_on, self.alive = None, False
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
            raise not_allowed("Ready", "InitError")
        self._init_failure = posted_error(body, error_type)
        self._turn.set_result(_FAILED)

    def extension_side(self) -> Extensions:
        if self.extensions is None:
            self.have_extensions(())
        assert self.extensions is not None
        return self.extensions

    def subscribe(self, id: str, api: str, body: bytes) -> None:
        extension = self.extension_side().find(id)
        assert self.telemetry is not None
        label, *types = self.telemetry.subscribe(extension.name, api, body)
        self.log.write(SystemLog(self.version, self._now).subscribed(label, extension.name, types), in_tail=False)

    def have_extensions(self, names: tuple[str, ...]) -> None:
        """It has extensions: external ones of these names, and whatever registers from within its runtime."""
        self.extensions = Extensions(self.id, self.version, self.account, names, self._extension_failed)
        self.telemetry = Telemetry(self._now, self._send, init_type=self.init_type)
        SystemLog(self.version, self._now, self.telemetry).init_start(self.runtime)

    # Inside

    async def _send(self, destination: Destination, data: bytes) -> bool:
        if self.socket is None:
            return False
        if self.network is None:
            return await self.socket.deliver(destination, data, None, lambda peer, own: self.driver.is_peer(self.id, peer, own))
        try:
            inside = await self.network.connect(destination.port)
        except OSError:
            return False
        return await self.socket.deliver(destination, data, inside, lambda peer, own: True)

    async def _first_turn(self) -> str:
        """Extensions first, then the runtime, then all of them at rest."""
        extensions = self.extensions
        assert extensions is not None
        registering = asyncio.ensure_future(extensions.registered())
        either: set[asyncio.Future[Any]] = {registering, self._turn}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        registering.cancel()
        if not self._turn.done() and self.pipe is not None:
            self.pipe.release()
        event = await asyncio.shield(self._turn)
        if event == _READY:
            resting, failing = asyncio.ensure_future(extensions.at_rest()), self._loop.create_future()
            self._failed = failing
            await asyncio.wait({resting, failing}, return_when=asyncio.FIRST_COMPLETED)
            resting.cancel()
            self._failed = None
            if failing.done():
                self._init_failure, event = failing.result(), _FAILED
        extensions.is_open = False
        lines = SystemLog(self.version, self._now, self.telemetry)
        for extension in extensions.all.values():
            self.log.write(lines.extension(extension.name, extension.state, extension.events, extension.error), in_tail=False)
        return event

    def _extension_failed(self, kind: str, message: str) -> None:
        """An extension is gone, and with it the environment."""
        outcome = failure(kind, message, self._id())
        self.alive, self.ending = False, "failure"
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)
        elif self._failed is not None and not self._failed.done():
            self._failed.set_result(outcome)
        elif not self._turn.done():
            self._init_failure = outcome
            self._turn.set_result(_FAILED)

    def _child_ended(self, text: str) -> None:
        """A line of the supervisor."""
        who, _, code = text[1:].partition(" ")
        if not code.isdecimal() or self.extensions is None:
            return
        if who == "runtime":
            self.runtime_gone = True
            number = int(code)
            self._runtime_ended(ExitStatus(None, number - 128) if 128 < number < 193 else ExitStatus(number))
        elif who.isdecimal() and int(who) < len(self.extensions.external):
            self.extensions.exited(int(who), int(code))

    def _id(self) -> str:
        return self._invocation.request_id if self._invocation else self._first_id

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
        if invocation.tenant:
            headers["Lambda-Runtime-Aws-Tenant-Id"] = invocation.tenant
        if self.extensions is not None:
            self.extensions.invoke(invocation, deadline)
        deliver(headers, invocation.payload)

    def _finish(self, request_id: str, what: str, outcome: Outcome) -> None:
        self._check_turn(request_id, what)
        assert self._answer is not None
        self._was_handed = False
        self._answer.set_result(outcome)

    def _check_turn(self, request_id: str, what: str) -> None:
        if self._answer is None or self._answer.done() or not self._was_handed:
            raise not_allowed("Ready", what)
        if request_id != self._id():
            raise Refused(400, "InvalidRequestID", "Invalid request ID")

    def _time_out(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._was_handed = False
            self._answer.set_result(timed_out(self.version.timeout_seconds, self._id()))

    def _exited(self, _: str, status: ExitStatus) -> None:
        self.runtime_gone = True
        self.peak_bytes = max(self.peak_bytes, status.peak_memory_bytes or 0)
        self._runtime_ended(status)

    def _runtime_ended(self, status: ExitStatus) -> None:
        self._exit, self.alive, self._deliver = status, False, None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(exited(status, self._id()))
        if not self._turn.done():
            self._turn.set_result(_EXITED)

    def _line(self, _: str, line: Line) -> None:
        text = line.text.decode("utf-8", "replace")
        kind = "function"
        if line.stream == "stderr" and self.extensions is not None and self.extensions.external:
            if text.startswith(_ENDED):
                self._child_ended(text)
                return
            kind = "extension"
        elif self._carriage:
            # The Python and Node.js runtimes keep a record of several lines together so.
            text = text.rstrip("\r").replace("\r", "\n")
        if self.telemetry is not None:
            self.telemetry.line(kind, text + "\n")
        self.log.write(text + "\n")

    async def _settled(self) -> None:
        turn = self._turn
        if not turn.done():
            alarm = self._loop.call_later(_SETTLE_SECONDS, _no_longer, turn)
            await turn
            alarm.cancel()

    def drain(self) -> None:
        """What the runtime wrote before it spoke lies in its pipe."""
        try:
            self.driver.take_output(self.id)
        except NotRunning:
            # All that it wrote has been read.
            pass


def _no_longer(turn: asyncio.Future[str]) -> None:
    if not turn.done():
        turn.set_result(_LATE)
