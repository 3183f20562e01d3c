"""The lines that Lambda itself writes into a function's log: as text, or as JSON with a level.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudjar.services.lambda_ import invocation
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Outcome, Report, stamp

LEVELS = ("DEBUG", "INFO", "WARN")


class SystemLog:
    """One version's lines; "" for one that its format or level leaves out."""

    def __init__(self, version: Version, now: Callable[[], datetime]) -> None:
        self._version = version
        self._now = now
        self._json = version.log_format == "JSON"
        self._level = LEVELS.index(version.system_log_level or "INFO")

    def init_start(self, runtime: str) -> str:
        """An environment starts."""
        if not self._json:
            return f"INIT_START Runtime Version: {runtime}\n"
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": runtime,
            "functionName": self._version.name,
            "functionVersion": self._version.label,
        }
        return self._event("INFO", "initStart", record)

    def init_report(self, milliseconds: float, phase: str, outcome: Outcome) -> str:
        """Initialisation has failed."""
        if not self._json:
            return invocation.init_report_line(milliseconds, phase, outcome)
        record = {
            "initializationType": "on-demand",
            "phase": phase,
            "status": outcome.status or "error",
            "errorType": outcome.error,
            "metrics": {"durationMs": round(milliseconds, 3)},
        }
        return self._event("WARN", "initReport", record)

    def start(self, request_id: str) -> str:
        """An invocation begins."""
        if not self._json:
            return invocation.start_line(request_id, self._version.label)
        return self._event("INFO", "start", {"requestId": request_id, "version": self._version.label})

    def crash(self, request_id: str, outcome: Outcome) -> list[str]:
        """The runtime did not answer; in JSON, the report says so."""
        return [] if self._json else invocation.crash_lines(request_id, outcome, self._version.timeout_seconds, self._now())

    def end(self, request_id: str) -> str:
        """An invocation is over."""
        return "" if self._json else invocation.end_line(request_id)

    def report(self, request_id: str, report: Report, outcome: Outcome) -> str:
        """What an invocation took."""
        if not self._json:
            return invocation.report_line(request_id, report, outcome)
        metrics: dict[str, Any] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": math.ceil(report.duration_ms + (report.init_ms or 0.0)),
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.used_mb,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        record: dict[str, Any] = {"requestId": request_id, "metrics": metrics, "status": "success"}
        if outcome.error:
            record["status"] = outcome.status or "error"
            record["errorType"] = outcome.error
        return self._event("WARN" if outcome.error else "INFO", "report", record)

    def _event(self, level: str, kind: str, record: dict[str, Any]) -> str:
        if LEVELS.index(level) < self._level:
            return ""
        event = {"time": stamp(self._now()), "type": f"platform.{kind}", "record": record}
        return json.dumps(event, separators=(",", ":")) + "\n"
