"""Event invocations: accepted durably, then run, and tried again, by the world's clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloudjar.kernel.blobs import Blob
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import aliases, destinations, hot_reload, metering, recursion
from cloudjar.services.lambda_.event_invoke import rules
from cloudjar.services.lambda_.functions import find_function
from cloudjar.services.lambda_.invocation import Invocation, Outcome
from cloudjar.services.lambda_.names import function_arn
from cloudjar.services.lambda_.pool import Pool

_PAUSES = (60, 120)
"""Seconds before the first and the second further attempt after an error of the function."""
_LONGEST_PAUSE = 300
"""Seconds: what the doubling pause after a throttle grows to."""


@record("lambda.queued", key="id", blobs=lambda q: [q.payload.id] if q.payload.id else [])
class Queued(Record):
    """An event that a function has yet to handle."""

    id: str
    function: str
    qualifier: str
    payload: Blob
    accepted: datetime
    context: str = ""
    attempts: int = 0
    """How often the function has been tried and failed."""
    throttles: int = 0
    trace: str = ""
    """The trace header that it came with."""
    tenant: str = ""


def accept(
    ctx: Context, function: str, qualifier: str, request_id: str, payload: bytes, context: str, trace: str = "", tenant: str = ""
) -> None:
    """Takes an event on: once this transaction has committed, it is not lost."""
    ctx.put(Queued(request_id, function, qualifier, ctx.blobs.put(payload), ctx.now, context, trace=trace, tenant=tenant))
    ctx.effect(run_queued, request_id)
    metering.add(ctx, "AsyncEventsReceived", metering.dimensions(function_arn(ctx, function, qualifier)))


@timer
def run_again(ctx: Context, request_id: str) -> None:
    """The pause is over."""
    if ctx.get(Queued, request_id):
        ctx.effect(run_queued, request_id)


@effect
async def run_queued(ctx: Context, request_id: str) -> None:
    """One attempt. Run twice after a crash: events come at least once, in AWS too."""
    from cloudjar.services.lambda_.invoke import trace_id

    with ctx.transaction():
        queued = ctx.get(Queued, request_id)
        if queued is None:
            return
        settings = rules(ctx, queued.function, queued.qualifier)
        if ctx.now - queued.accepted > timedelta(seconds=settings.maximum_age_seconds):
            _give_up(ctx, queued, None, "EventAgeExceeded")
            return
        try:
            function = find_function(ctx, queued.function)
            version = aliases.route(ctx, queued.function, queued.qualifier)
        except AwsError:
            # The function, or the version or alias, is gone: there is nobody left to run it.
            ctx.delete(queued)
            return
        arn = function_arn(ctx, queued.function, queued.qualifier)
        trace = recursion.lengthened(ctx, queued.trace or trace_id(ctx, version, request_id), function)
        if trace is None:
            _give_up(ctx, queued, None, "RecursiveInvocationDetected")
            return
        age = (ctx.now - queued.accepted).total_seconds() * 1000
        metering.add(ctx, "AsyncEventAge", metering.dimensions(arn), age, metering.MILLISECONDS)
        invocation = Invocation(request_id, ctx.blobs.read(queued.payload), arn, trace, queued.context, queued.tenant)
        payload = invocation.payload
    await hot_reload.refresh(ctx, version)
    try:
        finished = await ctx.world.part(Pool).invoke(ctx, version, invocation, function.reserved_concurrency)
    except AwsError as error:
        with ctx.transaction():
            _throttled(ctx, queued, error)
        return
    outcome = finished.outcome
    with ctx.transaction():
        if ctx.get(Queued, request_id) is None:
            return
        if not outcome.error:
            ctx.delete(queued)
            destinations.succeeded(ctx, queued, payload, outcome, version.label, settings)
            return
        tried = replace(queued, attempts=queued.attempts + 1)
        if tried.attempts > settings.retries:
            _give_up(ctx, tried, outcome, "RetriesExhausted")
            return
        pause = _PAUSES[min(tried.attempts, len(_PAUSES)) - 1]
        if ctx.now + timedelta(seconds=pause) - queued.accepted > timedelta(seconds=settings.maximum_age_seconds):
            _give_up(ctx, tried, outcome, "EventAgeExceeded")
            return
        ctx.put(tried)
        ctx.after(run_again, request_id, seconds=pause)


def _throttled(ctx: Context, queued: Queued, error: AwsError) -> None:
    """Throttles and errors of Lambda's own do not count as attempts: they are tried again until the event is too old."""
    pause = min(2**queued.throttles, _LONGEST_PAUSE)
    ctx.put(replace(queued, throttles=queued.throttles + 1))
    ctx.after(run_again, queued.id, seconds=pause)


def _give_up(ctx: Context, queued: Queued, outcome: Outcome | None, condition: str) -> None:
    ctx.delete(queued)
    where = metering.dimensions(function_arn(ctx, queued.function, queued.qualifier))
    if condition == "RecursiveInvocationDetected":
        metering.add(ctx, "RecursiveInvocationsDropped", where)
    metering.add(ctx, "AsyncEventsDropped", where)
    destinations.failed(ctx, queued, ctx.blobs.read(queued.payload), outcome, condition, rules(ctx, queued.function, queued.qualifier))
