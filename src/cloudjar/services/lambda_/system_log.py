"""The lines that Lambda itself writes into a function's log: as text, or as JSON with a level.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.services.lambda_ import invocation
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Outcome, Report, stamp

if TYPE_CHECKING:
    from cloudjar.services.lambda_.telemetry import Telemetry

LEVELS = ("DEBUG", "INFO", "WARN")


class SystemLog:
    """One version's lines; "" for one that its format or level leaves out."""

    def __init__(self, version: Version, now: Callable[[], datetime], telemetry: Telemetry | None = None, tenant: str = "") -> None:
        """`telemetry` is told the same, whatever the format and level. Records of the calls of a `tenant` name it."""
        self._of_tenant = {"tenantId": tenant} if tenant else {}
        self._telemetry = telemetry
        self._version = version
        self._now = now
        self._json = version.log_format == "JSON"
        self._level = LEVELS.index(version.system_log_level or "INFO")

    def init_start(self, runtime: str, arn: str = "") -> str:
        """An environment starts."""
        record = {
            "initializationType": self._init_type,
            "phase": "init",
            "runtimeVersion": runtime,
            "functionName": self._version.name,
            "functionVersion": self._version.label,
        }
        if arn:
            record["runtimeVersionArn"] = arn
        return self._event("INFO", "initStart", record, f"INIT_START Runtime Version: {runtime}\n")

    def init_runtime_done(self, outcome: Outcome | None) -> str:
        """The runtime has asked for its first invocation, or has failed to."""
        record: dict[str, Any] = {"initializationType": self._init_type, "phase": "init", "status": "success"}
        if outcome is not None:
            record |= {"status": outcome.status or "error", "errorType": outcome.error}
        return self._event("DEBUG" if outcome is None else "WARN", "initRuntimeDone", record)

    def init_report(self, milliseconds: float, phase: str, outcome: Outcome | None) -> str:
        """Initialisation is over. In a text log only failures are told."""
        record: dict[str, Any] = {"initializationType": self._init_type, "phase": phase, "status": "success"}
        text = ""
        if outcome is not None:
            record |= {"status": outcome.status or "error", "errorType": outcome.error}
            text = invocation.init_report_line(milliseconds, phase, outcome)
        record["metrics"] = {"durationMs": round(milliseconds, 3)}
        return self._event("DEBUG" if outcome is None else "WARN", "initReport", record, text)

    def restore_start(self, runtime: str) -> str:
        """A snapshot is about to go on."""
        record = {
            "initializationType": self._init_type,
            "runtimeVersion": runtime,
            "functionName": self._version.name,
            "functionVersion": self._version.label,
        }
        return self._event("INFO", "restoreStart", record, f"RESTORE_START Runtime Version: {runtime}\n")

    def restore_report(self, milliseconds: float, outcome: Outcome | None) -> str:
        """The runtime has gone on and asked for its first invocation, or has failed to."""
        record: dict[str, Any] = {"initializationType": self._init_type, "status": "success"}
        if outcome is not None:
            record |= {"status": outcome.status or "error", "errorType": outcome.error}
        level = "DEBUG" if outcome is None else "WARN"
        done = self._event(level, "restoreRuntimeDone", record)
        told = {**record, "metrics": {"durationMs": round(milliseconds, 3)}}
        return done + self._event(level, "restoreReport", told, invocation.restore_report_line(milliseconds, outcome))

    def start(self, request_id: str, trace: str = "") -> str:
        """An invocation begins."""
        if not self._json and self._telemetry is None:
            return invocation.start_line(request_id, self._version.label)
        record: dict[str, Any] = {"requestId": request_id, "version": self._version.label, **self._of_tenant, **_tracing(trace)}
        return self._event("INFO", "start", record, invocation.start_line(request_id, self._version.label))

    def crash(self, request_id: str, outcome: Outcome) -> list[str]:
        """The runtime did not answer; in JSON, the report says so."""
        lines = invocation.crash_lines(request_id, outcome, self._version.timeout_seconds, self._now())
        if self._telemetry is not None:
            for line in lines:
                self._telemetry.platform("fault", line.rstrip("\n"))
        return [] if self._json else lines

    def runtime_done(self, request_id: str, milliseconds: float, outcome: Outcome, trace: str = "") -> str:
        """The runtime has answered; extensions may still be at work."""
        if not self._json and self._telemetry is None:
            return ""
        metrics: dict[str, Any] = {"durationMs": round(milliseconds, 3), "producedBytes": len(outcome.payload)}
        record: dict[str, Any] = {"requestId": request_id, "status": "success", "metrics": metrics, **_tracing(trace)}
        if outcome.error:
            record["status"] = "timeout" if outcome.status == "timeout" else "failure" if outcome.crashed else "error"
            record["errorType"] = outcome.error
        return self._event("WARN" if outcome.error else "DEBUG", "runtimeDone", record)

    def end(self, request_id: str) -> str:
        """An invocation is over."""
        if self._telemetry is not None:
            self._telemetry.platform("end", {"requestId": request_id})
        return "" if self._json else invocation.end_line(request_id)

    def report(self, request_id: str, report: Report, outcome: Outcome, trace: str = "") -> str:
        """What an invocation took."""
        text = "" if self._json else invocation.report_line(request_id, report, outcome)
        if not self._json and self._telemetry is None:
            return text
        metrics: dict[str, Any] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.used_mb,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        if report.restored is not None:
            metrics["restoreDurationMs"] = round(report.restored.duration_ms, 3)
            metrics["billedRestoreDurationMs"] = math.ceil(report.restored.billed_ms)
        record: dict[str, Any] = {"requestId": request_id, "metrics": metrics, "status": "success", **self._of_tenant, **_tracing(trace)}
        if outcome.error:
            record["status"] = outcome.status or "error"
            record["errorType"] = outcome.error
        return self._event("WARN" if outcome.error else "INFO", "report", record, text)

    def extension(self, name: str, state: str, events: Sequence[str], error: str) -> str:
        """How an extension stands when initialisation is over."""
        record: dict[str, Any] = {"name": name, "state": state, "events": list(events)}
        text = f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{','.join(events)}]"
        if error:
            record["errorType"] = error
            text += f"\tError Type: {error}"
        return self._event("WARN" if error else "INFO", "extension", record, text + "\n")

    def subscribed(self, label: str, name: str, types: Sequence[str]) -> str:
        """An extension has subscribed: `label` is "TELEMETRY" or "LOGS". Telemetry itself is told by whoever took the subscription."""
        kind = "telemetrySubscription" if label == "TELEMETRY" else "logsSubscription"
        titles = ", ".join(one.title() for one in types)
        record = {"name": name, "state": "Subscribed", "types": list(types)}
        return self._event("INFO", kind, record, f"{label}\tName: {name}\tState: Subscribed\tTypes: [{titles}]\n")

    @property
    def _init_type(self) -> str:
        if self._telemetry is not None:
            return self._telemetry.init_type
        return "snap-start" if self._version.has_snapshot else "on-demand"

    def _event(self, level: str, kind: str, record: dict[str, Any], text: str = "") -> str:
        if self._telemetry is not None:
            self._telemetry.platform(kind, record)
        if not self._json:
            return text
        if LEVELS.index(level) < self._level:
            return ""
        event = {"time": stamp(self._now()), "type": f"platform.{kind}", "record": record}
        return json.dumps(event, separators=(",", ":")) + "\n"


def _tracing(trace: str) -> dict[str, Any]:
    return {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace}} if trace else {}
