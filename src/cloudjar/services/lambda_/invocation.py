"""One invocation, how it ended, and the lines that Lambda itself writes about it."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

from msgspec import Struct

from cloudjar.compute.driver import ExitStatus
from cloudjar.services.lambda_.response_stream import ResponseStream


class Invocation(Struct, frozen=True):
    """What a runtime is given."""

    request_id: str
    payload: bytes
    arn: str
    trace_id: str = ""
    client_context: str = ""
    tenant: str = ""
    """For whom the function is called, where it isolates tenants."""
    wants_log: bool = False
    """The caller waits for the whole log, and so for extensions too."""
    stream: ResponseStream | None = None
    """Where a streamed response goes; None where the caller wants it whole."""


class Outcome(Struct, frozen=True):
    """What came of it."""

    payload: bytes
    error: str = ""
    """The error's type, "Runtime.ExitError"; "" if the function answered."""
    status: str = ""
    """ "", "error" or "timeout", as REPORT says it."""
    crashed: str = ""
    """What Lambda logs when the runtime went away: "Runtime exited with error: exit status 1"."""


class Restored(Struct, frozen=True):
    """What going on from a snapshot took: until the runtime asked for work, and the part of it that is billed."""

    duration_ms: float
    billed_ms: float


class Report(Struct, frozen=True):
    """What an invocation took."""

    duration_ms: float
    memory_mb: int
    used_mb: int
    init_ms: float | None = None
    restored: Restored | None = None

    @property
    def billed_ms(self) -> int:
        """What is billed: initialisation, and of restoring the runtime's part."""
        extra = math.ceil(self.restored.billed_ms) if self.restored else self.init_ms or 0.0
        return math.ceil(self.duration_ms + extra)


def failure(error_type: str, message: str, request_id: str, *, status: str = "error") -> Outcome:
    """An outcome that Lambda itself reports, for want of an answer."""
    body = {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {message}"}
    return Outcome(json.dumps(body, separators=(",", ":")).encode(), error_type, status, message)


def exited(exit_status: ExitStatus, request_id: str) -> Outcome:
    """The runtime ended before it answered."""
    if exit_status.oom:
        return failure("Runtime.OutOfMemory", "Runtime exited with error: signal: killed", request_id)
    if exit_status.signal is not None:
        name = _SIGNALS.get(exit_status.signal, str(exit_status.signal))
        return failure("Runtime.ExitError", f"Runtime exited with error: signal: {name}", request_id)
    if exit_status.code:
        return failure("Runtime.ExitError", f"Runtime exited with error: exit status {exit_status.code}", request_id)
    return failure("Runtime.ExitError", "Runtime exited without providing a reason", request_id)


# As Go's syscall package names them, because Lambda does.
_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}


def timed_out(seconds: int, request_id: str) -> Outcome:
    """The function took longer than it may."""
    return failure("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", request_id, status="timeout")


def posted_error(body: bytes, error_type: str) -> Outcome:
    """An error that the runtime itself posted."""
    kind = error_type
    if not kind:
        try:
            told: Any = json.loads(body)
            kind = str(told.get("errorType") or "") if isinstance(told, dict) else ""
        except (ValueError, RecursionError):
            kind = ""
    return Outcome(body, kind or "Runtime.Unknown", "error")


def start_line(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}\n"


def end_line(request_id: str) -> str:
    return f"END RequestId: {request_id}\n"


def report_line(request_id: str, report: Report, outcome: Outcome) -> str:
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {report.duration_ms:.2f} ms\tBilled Duration: {report.billed_ms} ms\t"
        f"Memory Size: {report.memory_mb} MB\tMax Memory Used: {report.used_mb} MB\t"
    )
    if report.init_ms is not None:
        line += f"Init Duration: {report.init_ms:.2f} ms\t"
    if report.restored is not None:
        billed = math.ceil(report.restored.billed_ms)
        line += f"Restore Duration: {report.restored.duration_ms:.2f} ms\tBilled Restore Duration: {billed} ms\t"
    if outcome.status == "timeout":
        line += "Status: timeout"
    elif outcome.crashed:
        line += f"Status: error\tError Type: {outcome.error}"
    return line + "\n"


def crash_lines(request_id: str, outcome: Outcome, seconds: int, now: datetime) -> list[str]:
    """What Lambda logs about a runtime that did not answer."""
    if outcome.status == "timeout":
        return [f"{stamp(now)} {request_id} Task timed out after {seconds:.2f} seconds\n\n"]
    if outcome.crashed:
        return [f"RequestId: {request_id} Error: {outcome.crashed}\n{outcome.error}\n"]
    return []


def init_report_line(milliseconds: float, phase: str, outcome: Outcome) -> str:
    status = outcome.status or "error"
    line = f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: {phase}\tStatus: {status}"
    return line + ("\n" if status == "timeout" else f"\tError Type: {outcome.error}\n")


def restore_report_line(milliseconds: float, outcome: Outcome | None) -> str:
    line = f"RESTORE_REPORT Restore Duration: {milliseconds:.2f} ms"
    if outcome is None:
        return line + "\n"
    status = outcome.status or "error"
    return line + f"\tStatus: {status}" + ("\n" if status == "timeout" else f"\tError Type: {outcome.error}\n")


def stamp(moment: datetime) -> str:
    """2026-11-23T05:00:00.000Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
