"""What a pipe logs of an execution. Source: "Logging Amazon EventBridge Pipes performance" in the user guide."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
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
        self._bucket = given.get("S3LogDestination") or {}
        self._execution = ""
        self._records: list[dict[str, Any]] = []

    def note(self, message_type: str, level: str, *, payload: Any = None, error: AwsError | None = None) -> None:
        """Adds a record, if the pipe wants those of its level."""
        if not (self._group or self._bucket) or _LEVELS.index(level) > self._level:
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
        lines = [json.dumps(record, separators=(",", ":")) for record in self._records]
        for written in (self._to_group(lines) if self._group else None, self._to_bucket(lines) if self._bucket else None):
            if written is not None:
                try:
                    await written
                except AwsError as error:
                    self._ctx.world.host.log_failure(f"log of pipe {self._pipe.name}", error)

    @property
    def _acting(self) -> Context:
        return self._ctx.as_service(PRINCIPAL, pipe_arn(self._ctx, self._pipe.name))

    async def _to_group(self, lines: list[str]) -> None:
        place = {"logGroupName": self._group.split(":", 6)[6], "logStreamName": f"{self._pipe.name}-{self._execution}"}
        events = [{"timestamp": record["timestamp"], "message": line} for record, line in zip(self._records, lines, strict=True)]
        await self._acting.call_async("logs", "CreateLogStream", place)
        await self._acting.call_async("logs", "PutLogEvents", {**place, "logEvents": events})

    async def _to_bucket(self, lines: list[str]) -> None:
        """One object for an execution, JSON lines in gzip, which is how AWS's services deliver logs to S3."""
        ctx = self._ctx
        day = datetime.fromtimestamp(self._records[0]["timestamp"] / 1000, UTC)
        name = f"AWSLogs/{ctx.account}/pipes/{ctx.region}/{day:%Y/%m/%d}/{self._pipe.name}-{self._execution}.log.gz"
        request = {
            "Bucket": self._bucket["BucketName"],
            "ExpectedBucketOwner": self._bucket["BucketOwner"],
            "Key": f"{self._bucket.get('Prefix') or ''}{name}",
            "ACL": "bucket-owner-full-control",
            "Body": gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0),
        }
        await self._acting.call_async("s3", "PutObject", request)
