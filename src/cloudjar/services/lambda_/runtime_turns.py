"""What a runtime and its environment have to say to each other: whose turn it is, as the Runtime API sees it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio

from cloudjar.compute.driver import ExitStatus
from cloudjar.services.lambda_.extensions import Extensions
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Invocation, Outcome, exited, posted_error, timed_out
from cloudjar.services.lambda_.runtime_api import LARGEST_RESPONSE, Deliver, Refused, not_allowed
from cloudjar.services.lambda_.streamed_answer import StreamedAnswer

READY, EXITED, FAILED, _LATE = "ready", "exited", "failed", "late"
"""How a runtime's turn ends: it asks for work, its process ends, it posts an error of its initialisation."""
_SETTLE_SECONDS, _SETTLE_FOR_LOG_SECONDS = 0.1, 1.0
"""How long an answer waits for the runtime to ask for more work, so that what it wrote is complete and it is ready again; longer for who
wants the log too. Only a runtime that is busy with something else, or a machine that is, takes so long."""


class Turns:
    """One runtime's state: initialising, waiting for work, at work, or waiting to go on from a snapshot."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.alive = False
        self.extensions: Extensions | None = None
        """Its extensions, if it has any."""
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
        self._deadline = 0.0
        self._was_handed = False
        """The runtime has the invocation and has not answered it."""

    # What the runtime asks

    def next(self, deliver: Deliver) -> None:
        if self._was_handed:
            raise not_allowed("Running", "Ready")
        self._deliver = deliver
        if self._answer is not None and not self._answer.done():
            self._hand_over(self._deadline)
            return
        if not self._turn.done():
            self._turn.set_result(READY)

    def restore_next(self, deliver: Deliver) -> None:
        if self._turn.done() or self._answer is not None or not self.version.has_snapshot:
            raise not_allowed("Ready", "RestoreReady")
        self._go_on = deliver
        self._turn.set_result(READY)

    def restore_error(self, body: bytes, error_type: str) -> None:
        if self._turn.done() or not self._is_restoring:
            raise not_allowed("Ready", "RestoreError")
        self._init_failure = posted_error(body, error_type)
        self._turn.set_result(FAILED)

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
        self._turn.set_result(FAILED)

    # Inside

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

    def _runtime_ended(self, status: ExitStatus) -> None:
        self._exit, self.alive, self._deliver = status, False, None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(exited(status, self._id()))
        if not self._turn.done():
            self._turn.set_result(EXITED)

    async def _settled(self, *, wants_log: bool) -> None:
        turn = self._turn
        if not turn.done():
            alarm = self._loop.call_later(_SETTLE_FOR_LOG_SECONDS if wants_log else _SETTLE_SECONDS, _no_longer, turn)
            await turn
            alarm.cancel()


def _no_longer(turn: asyncio.Future[str]) -> None:
    if not turn.done():
        turn.set_result(_LATE)
