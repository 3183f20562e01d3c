"""Event source mappings: which queue or stream feeds which function."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.watches import unwatch, watch
from cloudjar.services.lambda_ import errors, event_source_settings, sealed_filters, tenancy
from cloudjar.services.lambda_.functions import find_function, find_version
from cloudjar.services.lambda_.names import function_arn, named, owner


@record("lambda.event_source_mapping", key="uuid", indexes={"function": ("function", "uuid"), "source": ("source", "uuid")})
class EventSourceMapping(Record):
    """A function fed by a source."""

    uuid: str
    source: str
    function: str
    qualifier: str
    modified: datetime
    batch_size: int
    state: str = "Creating"
    enabled: bool = True
    window_seconds: int = 0
    filters: tuple[str, ...] = ()
    """None here where they are sealed."""
    kms_key: str = ""
    sealed_filters: bytes = b""
    maximum_concurrency: int | None = None
    partial_failures: bool = False
    metrics: tuple[str, ...] = ()
    result: str = "No records processed"
    # Queues
    pollers: tuple[int, int] | None = None
    """The least and the most event pollers, in provisioned mode."""
    window_opened: datetime | None = None
    """When the first of the messages that wait for their batch to fill was seen."""
    # Streams
    starting_position: str = ""
    parallelization: int = 1
    maximum_age_seconds: int = -1
    retries: int = -1
    bisect: bool = False
    tumbling_seconds: int = 0
    on_failure: str = ""

    @property
    def kind(self) -> str:
        """ "sqs" or "dynamodb"."""
        return self.source.split(":")[2]

    @property
    def is_queue(self) -> bool:
        return self.kind == "sqs"


def mapping_arn(ctx: Context, uuid: str) -> str:
    """A mapping's ARN."""
    return ctx.arn("lambda", f"event-source-mapping:{uuid}")


def on_mapping(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return mapping_arn(ctx, req["UUID"])


def find_mapping(ctx: Context, uuid: str) -> EventSourceMapping:
    """The mapping with this id, or ResourceNotFoundException."""
    found = ctx.get(EventSourceMapping, uuid)
    if found is None:
        raise errors.no_policy()
    return found


def to_wire(ctx: Context, mapping: EventSourceMapping, *, listed: bool = False) -> dict[str, Any]:
    """An EventSourceMappingConfiguration. Lists do not show filters that are sealed."""
    wire: dict[str, Any] = {
        "UUID": mapping.uuid,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_seconds,
        "EventSourceArn": mapping.source,
        "FunctionArn": function_arn(ctx, mapping.function, mapping.qualifier),
        "LastModified": mapping.modified,
        "State": mapping.state,
        "StateTransitionReason": "USER_INITIATED" if mapping.is_queue else "User action",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.partial_failures else [],
        "EventSourceMappingArn": mapping_arn(ctx, mapping.uuid),
    }
    if mapping.kms_key:
        wire["KMSKeyArn"] = mapping.kms_key
    if mapping.filters or (mapping.sealed_filters and not listed):
        wire |= sealed_filters.to_wire(ctx, mapping)
    if mapping.maximum_concurrency is not None:
        wire["ScalingConfig"] = {"MaximumConcurrency": mapping.maximum_concurrency}
    if mapping.pollers is not None:
        wire["ProvisionedPollerConfig"] = {"MinimumPollers": mapping.pollers[0], "MaximumPollers": mapping.pollers[1]}
    if mapping.metrics:
        wire["MetricsConfig"] = {"Metrics": list(mapping.metrics)}
    if not mapping.is_queue or mapping.result.startswith("PROBLEM"):
        wire["LastProcessingResult"] = mapping.result
    if not mapping.is_queue:
        wire |= {
            "StartingPosition": mapping.starting_position,
            "ParallelizationFactor": mapping.parallelization,
            "DestinationConfig": {"OnFailure": {"Destination": mapping.on_failure} if mapping.on_failure else {}},
            "MaximumRecordAgeInSeconds": mapping.maximum_age_seconds,
            "BisectBatchOnFunctionError": mapping.bisect,
            "MaximumRetryAttempts": mapping.retries,
            "TumblingWindowInSeconds": mapping.tumbling_seconds,
        }
    return wire


def _on_new(ctx: Context, req: dict[str, Any]) -> str:
    return "*"


@operation(on=_on_new)
def create_event_source_mapping(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_ import stream_source
    from cloudjar.services.lambda_.tags import check_tags

    event_source_settings.check_supported(req, "CreateEventSourceMapping")
    who = named(ctx, req)
    source = event_source_settings.source_of(req)
    find_function(ctx, who.name, who.qualifier)
    version = find_version(ctx, who.name, who.qualifier)
    tenancy.refuse(ctx, who.name, "An event source mapping")
    if version.durable is not None:
        raise not_implemented("lambda", "CreateEventSourceMapping", "durable functions as targets of event source mappings")
    settings = event_source_settings.settings(ctx, req, source)
    check_tags(req.get("Tags") or {})
    acting = event_source_settings.check_source(ctx, source, version)
    settings = sealed_filters.settle(ctx, settings, who.name)
    for other in ctx.where(EventSourceMapping, source=source):
        if (other.function, other.qualifier) == (who.name, who.qualifier):
            raise errors.mapping_exists(source, who.name, other.uuid)
    mapping = ctx.put(EventSourceMapping(ctx.ids.uuid(), source, who.name, who.qualifier, ctx.now, **settings))
    if req.get("Tags"):
        ctx.set_tags(mapping_arn(ctx, mapping.uuid), req["Tags"])
    if mapping.starting_position == "LATEST":
        stream_source.begin_at_end(ctx, acting, mapping)
    ctx.after(ready, mapping.uuid)
    return to_wire(ctx, mapping)


@operation(on=on_mapping)
def update_event_source_mapping(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_ import stream_source

    event_source_settings.check_supported(req, "UpdateEventSourceMapping")
    old = _changeable(ctx, req["UUID"])
    fields = event_source_settings.settings(ctx, req, old.source, old)
    fields = sealed_filters.settle(ctx, fields, named(ctx, req).name if req.get("FunctionName") else old.function, old)
    if req.get("FunctionName"):
        who = named(ctx, req)
        find_version(ctx, who.name, who.qualifier)
        fields |= {"function": who.name, "qualifier": who.qualifier}
    enabled = fields.get("enabled", old.enabled)
    state = "Updating" if enabled == old.enabled else "Enabling" if enabled else "Disabling"
    mapping = ctx.put(replace(old, **fields, modified=ctx.now, state=state))
    if mapping.parallelization != old.parallelization:
        stream_source.rearrange(ctx, mapping)
    ctx.after(ready, mapping.uuid)
    return to_wire(ctx, mapping)


@operation(on=on_mapping)
def get_event_source_mapping(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return to_wire(ctx, find_mapping(ctx, req["UUID"]))


@operation()
def list_event_source_mappings(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(EventSourceMapping)
    if req.get("FunctionName"):
        who = named(owner(ctx, req), req)
        rows = ctx.where(EventSourceMapping, function=who.name).filtered(lambda m: m.qualifier == who.qualifier)
    if req.get("EventSourceArn"):
        rows = rows.filtered(lambda m: m.source == req["EventSourceArn"])
    return ctx.page(req, rows, lambda m: to_wire(ctx, m, listed=True), default=100, maximum=100)


@operation(on=on_mapping)
def delete_event_source_mapping(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_.polling import poll

    mapping = ctx.put(replace(_changeable(ctx, req["UUID"]), state="Deleting", enabled=False))
    unwatch(ctx, mapping.source, poll, mapping.uuid)
    ctx.after(gone, mapping.uuid)
    return to_wire(ctx, mapping)


def _changeable(ctx: Context, uuid: str) -> EventSourceMapping:
    mapping = find_mapping(ctx, uuid)
    if mapping.state not in ("Enabled", "Disabled"):
        raise errors.mapping_in_use(mapping.state)
    return mapping


@timer
def ready(ctx: Context, uuid: str) -> None:
    """A new or changed mapping takes effect."""
    from cloudjar.services.lambda_.polling import poll

    mapping = ctx.get(EventSourceMapping, uuid)
    if mapping is None or mapping.state == "Deleting":
        return
    ctx.put(replace(mapping, state="Enabled" if mapping.enabled else "Disabled"))
    if mapping.enabled:
        watch(ctx, mapping.source, poll, uuid)
    else:
        unwatch(ctx, mapping.source, poll, uuid)


@timer
def gone(ctx: Context, uuid: str) -> None:
    """A deleted mapping is no more."""
    from cloudjar.services.lambda_.stream_source import Position

    mapping = ctx.get(EventSourceMapping, uuid)
    if mapping is not None:
        ctx.delete(mapping)
        ctx.set_tags(mapping_arn(ctx, uuid), {})
    for position in list(ctx.where(Position, mapping=uuid)):
        ctx.delete(position)
