"""Metric filters: log events become CloudWatch metrics."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.filter_pattern import compile_pattern, compile_selector, selectors_of
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_resource, milliseconds

MOST_FILTERS = 100
MOST_VALUES = 150
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
compiled = lru_cache(maxsize=512)(compile_pattern)
"""Patterns, compiled once."""
_selector = lru_cache(maxsize=512)(compile_selector)


@record("logs.metric_filter", key=("group", "name"))
class MetricFilter(Record):
    """A metric filter of one group; `group` is its uid, `transformation` as it was put."""

    group: int
    name: str
    group_name: str
    pattern: str
    transformation: dict[str, Any]
    created: datetime
    transformed: bool = False
    """Whether it looks at what the group's transformer has made of events."""


@operation(on=group_resource)
def put_metric_filter(ctx: Context, req: dict[str, Any]) -> None:
    for member in ("fieldSelectionCriteria", "emitSystemFieldDimensions"):
        if req.get(member):
            raise not_implemented("logs", "PutMetricFilter", member)
    group = find_group(ctx, req["logGroupName"])
    if group.group_class != "STANDARD":
        raise errors.only_standard()
    name, pattern, transformation = req["filterName"], req["filterPattern"], req["metricTransformations"][0]
    compile_pattern(pattern)
    dimensions = transformation.get("dimensions") or {}
    for selector in (transformation["metricValue"], *dimensions.values()):
        if selector.startswith("$"):
            compile_selector(pattern, selector)
    if not transformation["metricValue"].startswith("$") and not _NUMBER.fullmatch(transformation["metricValue"]):
        raise errors.invalid(f"Invalid metric transformation: metricValue {transformation['metricValue']} is not a number or a selector")
    if dimensions and "defaultValue" in transformation:
        raise errors.invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
    if len(dimensions) > 3:
        raise errors.invalid("Invalid metric transformation: at most 3 dimensions.")
    on_transformed = bool(req.get("applyOnTransformedLogs"))
    old = ctx.get(MetricFilter, group.uid, name)
    if old is None:
        if group.metric_filters >= MOST_FILTERS:
            raise errors.limit_exceeded()
        ctx.put(replace(group, metric_filters=group.metric_filters + 1))
    ctx.put(MetricFilter(group.uid, name, group.name, pattern, transformation, old.created if old else ctx.now, on_transformed))


@operation(on=group_resource)
def delete_metric_filter(ctx: Context, req: dict[str, Any]) -> None:
    group = find_group(ctx, req["logGroupName"])
    found = ctx.get(MetricFilter, group.uid, req["filterName"])
    if found is None:
        raise errors.filter_not_found("metric")
    ctx.delete(found)
    ctx.put(replace(group, metric_filters=group.metric_filters - 1))


@operation(on=group_resource)
def describe_metric_filters(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("logGroupName"):
        rows = ctx.where(MetricFilter, group=find_group(ctx, req["logGroupName"]).uid)
    else:
        rows = ctx.where(MetricFilter)
    prefix, metric, namespace = req.get("filterNamePrefix"), req.get("metricName"), req.get("metricNamespace")
    if bool(metric) != bool(namespace):
        raise errors.invalid("metricName and metricNamespace must be given together.")
    if prefix:
        rows = rows.filtered(lambda one: one.name.startswith(prefix))
    if metric:
        rows = rows.filtered(lambda one: (one.transformation["metricName"], one.transformation["metricNamespace"]) == (metric, namespace))
    return ctx.page(req, rows, filter_to_wire, default=50, maximum=50, error=errors.invalid_token())


def filter_to_wire(found: MetricFilter) -> dict[str, Any]:
    return {
        "filterName": found.name,
        "filterPattern": found.pattern,
        "metricTransformations": [found.transformation],
        "creationTime": milliseconds(found.created),
        "logGroupName": found.group_name,
        "applyOnTransformedLogs": found.transformed,
    }


@operation()
def test_metric_filter(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pattern = req["filterPattern"]
    matches = compile_pattern(pattern)
    readers = {selector: compile_selector(pattern, selector) for selector in selectors_of(pattern)}
    found = []
    for number, message in enumerate(req["logEventMessages"], 1):
        if matches(message):
            values = {selector: value for selector, read in readers.items() if (value := read(message)) is not None}
            found.append({"eventNumber": number, "eventMessage": message, "extractedValues": values})
    return {"matches": found}


def observe(ctx: Context, group: LogGroup, events: list[LogEvent]) -> None:
    """Publishes the metrics of a group's new events."""
    for found in ctx.where(MetricFilter, group=group.uid):
        data = _data(found, events)
        acting = ctx.as_service("logs.amazonaws.com")
        for at in range(0, len(data), 1000):
            request = {"Namespace": found.transformation["metricNamespace"], "MetricData": data[at : at + 1000]}
            try:
                acting.call("cloudwatch", "PutMetricData", request)
            except AwsError as error:
                # Metrics must not keep events from being stored.
                ctx.world.host.log_failure(f"metric filter {found.name}", error)


def _data(found: MetricFilter, events: list[LogEvent]) -> list[dict[str, Any]]:
    """PutMetricData's entries: one a minute and set of dimensions."""
    transformation = found.transformation
    matches = compiled(found.pattern)
    given = transformation["metricValue"]
    sums: dict[tuple[int, tuple[tuple[str, str], ...]], dict[float, float]] = {}
    quiet: set[int] = set()
    for event in events:
        minute = event.time // 60_000
        message = (found.transformed and event.transformed) or event.message
        if not matches(message):
            quiet.add(minute)
            continue
        text = _selector(found.pattern, given)(message) if given.startswith("$") else given
        if text is None or not _NUMBER.fullmatch(text):
            continue
        dimensions = _dimensions(found, message)
        values = sums.setdefault((minute, dimensions), {})
        values[float(text)] = values.get(float(text), 0.0) + 1.0
    if "defaultValue" in transformation:
        for minute in quiet:
            sums.setdefault((minute, ()), {transformation["defaultValue"]: 1.0})
    entries = []
    for (minute, dimensions), values in sums.items():
        numbers = list(values)
        for at in range(0, len(numbers), MOST_VALUES):
            part = numbers[at : at + MOST_VALUES]
            entry: dict[str, Any] = {
                "MetricName": transformation["metricName"],
                "Timestamp": datetime.fromtimestamp(minute * 60, UTC),
                "Values": part,
                "Counts": [values[number] for number in part],
            }
            if dimensions:
                entry["Dimensions"] = [{"Name": name, "Value": value} for name, value in dimensions]
            if transformation.get("unit"):
                entry["Unit"] = transformation["unit"]
            entries.append(entry)
    return entries


def _dimensions(found: MetricFilter, message: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for name, selector in (found.transformation.get("dimensions") or {}).items():
        value = _selector(found.pattern, selector)(message)
        if value:
            pairs.append((name, value))
    return tuple(pairs)
