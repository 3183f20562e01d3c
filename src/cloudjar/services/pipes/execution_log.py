"""What a pipe logs of an execution. Source: "Logging Amazon EventBridge Pipes performance" in the user guide."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.pipes.pipes import Pipe, pipe_arn

PRINCIPAL = "delivery.logs.amazonaws.com"
_LEVELS = ("OFF", "ERROR", "INFO", "TRACE")
_LARGEST = 200_000
"""Characters of a payload in a record; more are cut off."""


class ExecutionLog:
    """The records of one execution, written at its end."""

    def __init__(self, ctx: Context, pipe: Pipe) -> None:
        given = pipe.settings.get("LogConfiguration") or {}
        self._ctx = ctx
        self._pipe = pipe
        self._level = _LEVELS.index(given.get("Level") or "OFF")
        self._with_data = "ALL" in (given.get("IncludeExecutionData") or ())
        self._group = ((given.get("CloudwatchLogsLogDestination") or {}).get("LogGroupArn") or "").removesuffix(":*")
        self._execution = ""
        self._records: list[dict[str, Any]] = []

    def note(self, message_type: str, level: str, *, payload: Any = None, error: AwsError | None = None) -> None:
        """Adds a record, if the pipe wants those of its level."""
        if not self._group or _LEVELS.index(level) > self._level:
            return
        if not self._execution:
            with self._ctx.transaction():
                self._execution = self._ctx.ids.uuid()
        record: dict[str, Any] = {
            "resourceArn": pipe_arn(self._ctx, self._pipe.name),
            "timestamp": int(self._ctx.world.clock.now().timestamp() * 1000),
            "executionId": self._execution,
            "messageType": message_type,
            "logLevel": level,
        }
        if error is not None:
            record["error"] = {"httpStatusCode": error.status or 400, "message": error.message, "details": error.code}
        if self._with_data and payload is not None:
            text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
            record["payload"] = text[:_LARGEST]
            if len(text) > _LARGEST:
                record["truncatedFields"] = ["payload"]
        self._records.append(record)

    async def store(self) -> None:
        """Writes what there is; a log that cannot be written keeps no pipe from its work."""
        if not self._records:
            return
        acting = self._ctx.as_service(PRINCIPAL, pipe_arn(self._ctx, self._pipe.name))
        group = self._group.split(":", 6)[6]
        stream = f"{self._pipe.name}-{self._execution}"
        events = [{"timestamp": record["timestamp"], "message": json.dumps(record, separators=(",", ":"))} for record in self._records]
        try:
            await acting.call_async("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
            await acting.call_async("logs", "PutLogEvents", {"logGroupName": group, "logStreamName": stream, "logEvents": events})
        except AwsError as error:
            self._ctx.world.host.log_failure(f"log of pipe {self._pipe.name}", error)
