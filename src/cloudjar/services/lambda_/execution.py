"""An execution environment: one sandbox with one runtime in it; its life, its output, its extensions."""

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
from cloudjar.services.lambda_.invocation import Invocation, Outcome, Report, Restored, exited, failure, timed_out
from cloudjar.services.lambda_.pipe import Pipe
from cloudjar.services.lambda_.runtime_api import Socket
from cloudjar.services.lambda_.runtime_turns import FAILED, READY, Turns
from cloudjar.services.lambda_.system_log import SystemLog
from cloudjar.services.lambda_.telemetry import Destination, Telemetry

INIT_SECONDS = 10.0
"""How long initialisation may take before it is cut off and tried again within the first invocation."""
_ENDED = "\1"
"""What a line of the supervisor begins with: `\\1NUMBER CODE`, or `\\1runtime CODE`."""


class ExecutionEnvironment(Turns):
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
        super().__init__(version)
        self.id = id
        self.account = account
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
        self.telemetry: Telemetry | None = None
        """What its extensions may subscribe to."""
        self.runtime = version.runtime
        """What really runs it, as INIT_START names it."""
        self.is_started = False
        self.ending = "spindown"
        """Why it ends, as extensions are told."""
        self.driver = driver
        self._now = now
        self._failed: asyncio.Future[Outcome] | None = None
        """Told of an extension's failure while neither the runtime nor a caller waits."""
        self.runtime_gone = False
        """The runtime's process has ended."""
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
        if event != READY:
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
        if event == READY:
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
            await self._settled(wants_log=invocation.wants_log)
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
        if event == READY:
            resting, failing = asyncio.ensure_future(extensions.at_rest()), self._loop.create_future()
            self._failed = failing
            await asyncio.wait({resting, failing}, return_when=asyncio.FIRST_COMPLETED)
            resting.cancel()
            self._failed = None
            if failing.done():
                self._init_failure, event = failing.result(), FAILED
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
            self._turn.set_result(FAILED)

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

    def _exited(self, _: str, status: ExitStatus) -> None:
        self.runtime_gone = True
        self.peak_bytes = max(self.peak_bytes, status.peak_memory_bytes or 0)
        self._runtime_ended(status)

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

    def drain(self) -> None:
        """What the runtime wrote before it spoke lies in its pipe."""
        try:
            self.driver.take_output(self.id)
        except NotRunning:
            # All that it wrote has been read.
            pass
