"""One batch through a pipe: enrichment, target, and which of its records failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.pipes import sends
from cloudjar.services.pipes.execution_log import ExecutionLog
from cloudjar.services.pipes.pipes import Pipe, pipe_arn
from cloudjar.services.pipes.settings import kind_of, largest_batch
from cloudjar.services.pipes.templates import resolved, transformed

NAMESPACE = "AWS/Pipes"


class Flow:
    """One execution. `ctx` is the service's own context, `acting` the one under the pipe's role."""

    def __init__(self, ctx: Context, acting: Context, pipe: Pipe) -> None:
        self._ctx = ctx
        self._acting = acting
        self._pipe = pipe
        self._log = ExecutionLog(ctx, pipe)
        arn = pipe_arn(ctx, pipe.name)
        self._variables = {
            "aws.pipes.pipe-arn": arn,
            "aws.pipes.pipe-name": pipe.name,
            "aws.pipes.source-arn": pipe.source,
            "aws.pipes.enrichment-arn": pipe.enrichment,
            "aws.pipes.target-arn": pipe.target,
        }

    async def run(self, records: list[dict[str, Any]], id_member: str, id_of: Callable[[dict[str, Any]], str] | None = None) -> set[int]:
        """The indices of the records that have to be tried again; none if all arrived."""
        started = monotonic_seconds()
        now = self._ctx.world.clock.now()
        self._variables["aws.pipes.event.ingestion-time"] = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
        self._count("Invocations")
        self._count("EventCount", float(len(records)))
        self._count("EventSize", float(len(json.dumps(records))), "Bytes")
        self._log.note("ExecutionStarted", "INFO", payload=records)
        everything = set(range(len(records)))
        try:
            failed = await self._through(records, [id_of(record) if id_of else str(record[id_member]) for record in records])
        except AwsError as error:
            self._log.note("ExecutionFailed", "ERROR", error=error)
            self._count("ExecutionFailed")
            failed = everything
        else:
            if failed:
                self._log.note("ExecutionPartiallyFailed", "ERROR")
                self._count("ExecutionPartiallyFailed" if failed < everything else "ExecutionFailed")
            else:
                self._log.note("ExecutionSucceeded", "INFO")
        self._count("Duration", (monotonic_seconds() - started) * 1000, "Milliseconds")
        await self._log.store()
        return failed

    async def _through(self, records: list[dict[str, Any]], ids: list[str]) -> set[int]:
        events: list[Any] = list(records)
        if self._pipe.enrichment:
            events = await self._enriched(events)
        if not events:
            self._log.note("TargetStageSkipped", "TRACE")
            self._count("TargetStageSkipped")
            return set()
        most = largest_batch(self._pipe.target)
        if len(events) > most:
            raise AwsError("ValidationException", f"The enrichment returned {len(events)} items; the target takes {most} at once.")
        given = self._pipe.settings.get("TargetParameters") or {}
        self._log.note("TargetStageEntered", "TRACE", payload=events)
        items = self._shaped("Target", given.get("InputTemplate"), events)
        started = monotonic_seconds()
        self._log.note("TargetInvocationStarted", "TRACE", payload=items)
        try:
            # Parameters see the event as it was before its template.
            parameters = [resolved(given, event) for event in events]
            failed = await sends.send(self._acting, self._pipe, items, parameters, ids)
        except AwsError as error:
            self._log.note("TargetInvocationFailed", "ERROR", error=error)
            self._log.note("TargetStageFailed", "ERROR", error=error)
            self._count("TargetStageFailed")
            raise
        self._count("TargetStageDuration", (monotonic_seconds() - started) * 1000, "Milliseconds")
        if failed:
            self._log.note("TargetInvocationPartiallyFailed", "ERROR")
            self._log.note("TargetStagePartiallyFailed", "ERROR")
            self._count("TargetStagePartiallyFailed")
            # After an enrichment that changed their number, nobody can say whose items they were.
            return failed if len(events) == len(records) else set(range(len(records)))
        self._log.note("TargetInvocationSucceeded", "TRACE")
        self._log.note("TargetStageSucceeded", "INFO")
        return set()

    async def _enriched(self, events: list[Any]) -> list[Any]:
        """What the enrichment makes of a batch; nothing if it answers with nothing."""
        given = self._pipe.settings.get("EnrichmentParameters") or {}
        self._log.note("EnrichmentStageEntered", "TRACE", payload=events)
        items = self._shaped("Enrichment", given.get("InputTemplate"), events)
        started = monotonic_seconds()
        self._log.note("EnrichmentInvocationStarted", "TRACE", payload=items)
        try:
            if kind_of(self._pipe.enrichment) == "lambda":
                answer = await sends.invoke(self._acting, self._pipe.enrichment, items)
            else:
                parameters = resolved(given.get("HttpParameters") or {}, events[0])
                answer = await sends.call(self._acting, self._pipe.enrichment, items[0], parameters)
        except AwsError as error:
            self._log.note("EnrichmentInvocationFailed", "ERROR", error=error)
            self._log.note("EnrichmentStageFailed", "ERROR", error=error)
            self._count("EnrichmentStageFailed")
            raise
        self._count("EnrichmentStageDuration", (monotonic_seconds() - started) * 1000, "Milliseconds")
        self._log.note("EnrichmentInvocationSucceeded", "TRACE")
        self._log.note("EnrichmentStageSucceeded", "INFO", payload=answer)
        if answer in (None, "", {}, []):
            return []
        return answer if isinstance(answer, list) else [answer]

    def _shaped(self, stage: str, template: str | None, events: list[Any]) -> list[Any]:
        """Each event by itself through a stage's input template."""
        if not template:
            return events
        items = [transformed(template, event, self._variables) for event in events]
        self._log.note(f"{stage}TransformationSucceeded", "TRACE", payload=items)
        return items

    def _count(self, name: str, value: float = 1.0, unit: str = "Count") -> None:
        self._ctx.metric(NAMESPACE, name, (("PipeName", self._pipe.name),), value, unit)
