"""Embedded metric format: log events that carry metrics of their own.

Source: "Specification: Embedded metric format" in the CloudWatch user guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.logs.groups import NAMESPACE, LogEvent, LogGroup

MOST_METRICS = 100
MOST_DIMENSIONS = 30
MOST_VALUES = 100
_AT_ONCE = 1000
_MARKS = ('"_aws"', '"CloudWatchMetrics"')


def observe(ctx: Context, group: LogGroup, events: list[LogEvent]) -> None:
    """Publishes the metrics that a group's new events carry."""
    found: dict[str, list[dict[str, Any]]] = {}
    broken = 0
    for event in events:
        if all(mark in event.message for mark in _MARKS):
            try:
                for namespace, datum in data_of(event.message):
                    found.setdefault(namespace, []).append(datum)
            except ValueError:
                broken += 1
    if broken:
        ctx.metric(NAMESPACE, "EMFValidationErrors", (("LogGroupName", group.name),), float(broken))
    acting = ctx.as_service("logs.amazonaws.com")
    for namespace, data in found.items():
        for at in range(0, len(data), _AT_ONCE):
            try:
                acting.call("cloudwatch", "PutMetricData", {"Namespace": namespace, "MetricData": data[at : at + _AT_ONCE]})
            except AwsError:
                # Metrics must not keep events from being stored.
                ctx.metric(NAMESPACE, "EMFValidationErrors", (("LogGroupName", group.name),))


def data_of(message: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The metrics of one event, (namespace, PutMetricData's datum); ValueError if it is not as the format wants it."""
    try:
        body = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(message) from error
    metadata = body.get("_aws") if isinstance(body, dict) else None
    if not isinstance(metadata, dict):
        return
    stamp, directives = metadata.get("Timestamp"), metadata.get("CloudWatchMetrics")
    if not isinstance(stamp, int) or not isinstance(directives, list):
        raise ValueError("_aws must have a Timestamp and a list of CloudWatchMetrics")
    try:
        time = datetime.fromtimestamp(stamp / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("Timestamp") from error
    for directive in directives:
        yield from _directive(directive, body, time)


def _directive(directive: Any, body: dict[str, Any], time: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    namespace = directive.get("Namespace") if isinstance(directive, dict) else None
    metrics, sets = (directive.get("Metrics"), directive.get("Dimensions", [[]])) if isinstance(namespace, str) else (None, None)
    if not isinstance(metrics, list) or not isinstance(sets, list) or len(metrics) > MOST_METRICS:
        raise ValueError("a directive must have a Namespace, Dimensions and Metrics")
    dimensions = [_dimensions(names, body) for names in sets or [[]]]
    for metric in metrics:
        name = metric.get("Name") if isinstance(metric, dict) else None
        if not isinstance(name, str):
            raise ValueError("a metric must have a Name")
        given = body.get(name)
        values: list[Any] = [value for value in (given if isinstance(given, list) else [given]) if _is_number(value)]
        if not values or len(values) > MOST_VALUES:
            # AWS leaves out metrics whose target is no number.
            continue
        for pairs in dimensions:
            datum: dict[str, Any] = {
                "MetricName": name,
                "Timestamp": time,
                "Values": [float(value) for value in values],
                "Dimensions": pairs,
            }
            if isinstance(metric.get("Unit"), str):
                datum["Unit"] = metric["Unit"]
            if metric.get("StorageResolution") == 1:
                datum["StorageResolution"] = 1
            yield str(namespace), datum


def _dimensions(names: Any, body: dict[str, Any]) -> list[dict[str, str]]:
    if not isinstance(names, list) or len(names) > MOST_DIMENSIONS or not all(isinstance(body.get(name), str) for name in names):
        raise ValueError("a dimension set must name members that are texts")
    return [{"Name": name, "Value": body[name]} for name in names]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
