"""Pipes: their record, their life, and how they are told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel import customer_keys, paging, tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.source_queues import queue_url
from cloudjar.kernel.watches import unwatch, watch
from cloudjar.services.pipes import errors, settings

PRINCIPAL = "pipes.amazonaws.com"
MOST_PIPES = 1000
_CHANGING = frozenset(("CREATING", "UPDATING", "DELETING", "STARTING", "STOPPING"))
_FAILED = {"CREATING": "CREATE", "UPDATING": "UPDATE", "STARTING": "START", "STOPPING": "STOP"}
_KEPT = ("Description", "Enrichment", "EnrichmentParameters", "TargetParameters", "LogConfiguration", "KmsKeyIdentifier")


@record("pipes.pipe", key="name")
class Pipe(Record):
    """A pipe; `settings` are its members as the API has them. `uid` tells it from an earlier one of its name."""

    name: str
    uid: str
    settings: dict[str, Any]
    desired: str
    state: str
    created: datetime
    modified: datetime
    reason: str = ""
    window_opened: datetime | None = None
    """When the first of the records that wait for their batch to fill was seen."""

    @property
    def source(self) -> str:
        return str(self.settings["Source"])

    @property
    def target(self) -> str:
        return str(self.settings["Target"])

    @property
    def enrichment(self) -> str:
        return str(self.settings.get("Enrichment") or "")

    @property
    def role(self) -> str:
        return str(self.settings["RoleArn"])

    def seal(self, ctx: Context, acting: Context) -> None:
        """The role must be able to use the pipe's key, if it has one. Raises KMS's error."""
        if self.settings.get("KmsKeyIdentifier"):
            customer_keys.sealed(acting, self.settings["KmsKeyIdentifier"], {"aws:pipe:arn": pipe_arn(ctx, self.name)})

    @property
    def is_queue(self) -> bool:
        return settings.service_of(self.source) == "sqs"

    @property
    def reading(self) -> dict[str, Any]:
        """The parameters of its source: BatchSize and the rest."""
        found: dict[str, Any] = self.settings["SourceParameters"][settings.SOURCES[settings.service_of(self.source)]]
        return found

    @property
    def filters(self) -> list[str]:
        """The patterns that a record must match one of."""
        criteria = self.settings["SourceParameters"].get("FilterCriteria") or {}
        return [one.get("Pattern") or "{}" for one in criteria.get("Filters") or ()]


def pipe_arn(ctx: Context, name: str) -> str:
    """A pipe's ARN."""
    return ctx.arn("pipes", f"pipe/{name}")


def on_pipe(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return pipe_arn(ctx, req["Name"])


def find_pipe(ctx: Context, name: str) -> Pipe:
    """The pipe, or NotFoundException."""
    found = ctx.get(Pipe, name)
    if found is None:
        raise errors.not_found(name)
    return found


def _settled(ctx: Context, name: str) -> Pipe:
    """The pipe, if nothing is being done to it."""
    pipe = find_pipe(ctx, name)
    if pipe.state in _CHANGING:
        raise errors.busy(name, pipe.state)
    return pipe


def _heading(ctx: Context, pipe: Pipe, desired: str, state: str) -> dict[str, Any]:
    """Has a pipe begin its way to a state."""
    pipe = ctx.put(replace(pipe, desired=desired, state=state, reason="", modified=ctx.now))
    ctx.after(arrive, pipe.name, pipe.uid, f"{_FAILED[state]}_FAILED")
    return _state(ctx, pipe)


@operation(on=on_pipe)
def create_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Name"]
    if ctx.get(Pipe, name):
        raise errors.exists(name)
    kept = {"Source": req["Source"], "Target": req["Target"], "RoleArn": req["RoleArn"]}
    kept |= {member: req[member] for member in _KEPT if req.get(member)}
    kept["SourceParameters"] = settings.completed(req["Source"], req.get("SourceParameters") or {}, req["Target"])
    settings.check(ctx, "CreatePipe", kept, req)
    if ctx.where(Pipe).count() >= MOST_PIPES:
        raise errors.quota(MOST_PIPES)
    given = req.get("Tags") or {}
    tags.check(given)
    desired = req.get("DesiredState") or "RUNNING"
    ctx.set_tags(pipe_arn(ctx, name), given)
    return _heading(ctx, Pipe(name, ctx.ids.uuid(), kept, desired, "CREATING", ctx.now, ctx.now), desired, "CREATING")


@operation(on=on_pipe)
def update_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.pipes.stream_source import rearrange

    pipe = _settled(ctx, req["Name"])
    kept = {**pipe.settings, "RoleArn": req["RoleArn"]}
    for member in (*_KEPT, "Target"):
        if member in req:
            kept[member] = req[member]
    if "SourceParameters" in req:
        kept["SourceParameters"] = settings.updated(pipe.source, pipe.settings["SourceParameters"], req["SourceParameters"])
    kept = {member: value for member, value in kept.items() if value or member == "SourceParameters"}
    settings.check(ctx, "UpdatePipe", kept, req)
    desired = req.get("DesiredState") or pipe.desired
    changed = replace(pipe, settings=kept)
    if changed.reading.get("ParallelizationFactor") != pipe.reading.get("ParallelizationFactor"):
        rearrange(ctx, pipe)
    return _heading(ctx, changed, desired, "UPDATING")


@operation(on=on_pipe)
def start_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pipe = _settled(ctx, req["Name"])
    if pipe.state != "RUNNING":
        return _heading(ctx, pipe, "RUNNING", "STARTING")
    return _state(ctx, pipe)


@operation(on=on_pipe)
def stop_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pipe = _settled(ctx, req["Name"])
    if pipe.state != "STOPPED":
        return _heading(ctx, pipe, "STOPPED", "STOPPING")
    return _state(ctx, pipe)


@operation(on=on_pipe)
def delete_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.pipes.polling import poll

    pipe = _settled(ctx, req["Name"])
    unwatch(ctx, pipe.source, poll, pipe.name)
    pipe = ctx.put(replace(pipe, desired="DELETED", state="DELETING", modified=ctx.now))
    ctx.after(leave, pipe.name, pipe.uid)
    return _state(ctx, pipe)


@timer
def arrive(ctx: Context, name: str, uid: str, failed: str) -> None:
    """A pipe reaches the state that is desired, or says why it cannot."""
    from cloudjar.services.pipes.polling import poll
    from cloudjar.services.pipes.stream_source import begin

    pipe = ctx.get(Pipe, name)
    if pipe is None or pipe.uid != uid or pipe.state not in _CHANGING:
        return
    if pipe.desired == "STOPPED":
        unwatch(ctx, pipe.source, poll, name)
        ctx.put(replace(pipe, state="STOPPED"))
        return
    try:
        with ctx.transaction():
            acting = ctx.assume(pipe.role, PRINCIPAL)
            pipe.seal(ctx, acting)
            if pipe.is_queue:
                request = {"QueueUrl": queue_url(pipe.source), "AttributeNames": ["VisibilityTimeout"]}
                acting.call("sqs", "GetQueueAttributes", request)
            else:
                begin(ctx, acting, pipe)
    except AwsError as error:
        unwatch(ctx, pipe.source, poll, name)
        ctx.put(replace(pipe, state=failed, reason=f"{error.message} (Service: {settings.service_of(pipe.source)})"[:512]))
        return
    ctx.put(replace(pipe, state="RUNNING"))
    watch(ctx, pipe.source, poll, name)


@timer
def leave(ctx: Context, name: str, uid: str) -> None:
    """A deleted pipe is no more."""
    from cloudjar.services.pipes.stream_source import Position

    pipe = ctx.get(Pipe, name)
    if pipe is None or pipe.uid != uid:
        return
    ctx.delete(pipe)
    ctx.set_tags(pipe_arn(ctx, name), {})
    for position in list(ctx.where(Position, pipe=uid)):
        ctx.delete(position)


@operation(on=on_pipe)
def describe_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pipe = find_pipe(ctx, req["Name"])
    wire = _state(ctx, pipe) | pipe.settings
    if pipe.reason:
        wire["StateReason"] = pipe.reason
    found = ctx.tags(pipe_arn(ctx, pipe.name))
    return wire | ({"Tags": found} if found else {})


@operation(on=lambda ctx, req: pipe_arn(ctx, "*"))
def list_pipes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Pipe)
    if prefix := req.get("NamePrefix"):
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")

    def wanted(pipe: Pipe) -> bool:
        return (
            req.get("DesiredState") in (None, pipe.desired)
            and req.get("CurrentState") in (None, pipe.state)
            and pipe.source.startswith(req.get("SourcePrefix") or "")
            and pipe.target.startswith(req.get("TargetPrefix") or "")
        )

    def wire(pipe: Pipe) -> dict[str, Any]:
        found = _state(ctx, pipe) | {"Source": pipe.source, "Target": pipe.target}
        if pipe.enrichment:
            found["Enrichment"] = pipe.enrichment
        return found | ({"StateReason": pipe.reason} if pipe.reason else {})

    members = ctx.world.host.page_members("pipes", "ListPipes")
    return paging.page(members, req, rows.filtered(wanted), wire, default=100, maximum=100, error=errors.invalid_token())


def _state(ctx: Context, pipe: Pipe) -> dict[str, Any]:
    return {
        "Arn": pipe_arn(ctx, pipe.name),
        "Name": pipe.name,
        "DesiredState": pipe.desired,
        "CurrentState": pipe.state,
        "CreationTime": pipe.created,
        "LastModifiedTime": pipe.modified,
    }
