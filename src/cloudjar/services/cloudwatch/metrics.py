"""Metrics: what is stored, PutMetricData, ListMetrics, and how long data stays."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.cloudwatch import errors

MOST_DIMENSIONS = 30
MOST_VALUES = 150
RETENTION = ((1, timedelta(hours=3), 60), (60, timedelta(days=15), 300), (300, timedelta(days=63), 3600), (3600, timedelta(days=455), 0))
"""Resolution in seconds, how long it is kept, and what it becomes then; 0 for nothing."""
NEWEST = timedelta(hours=2)
OLDEST = timedelta(days=14)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@record("cloudwatch.metric", key=("namespace", "name", "dimensions"), indexes={"uid": "uid"})
class Metric(Record):
    """A metric; `dimensions` is its dimensions' JSON, in order of their names."""

    namespace: str
    name: str
    dimensions: str
    uid: int
    last: datetime

    @property
    def pairs(self) -> list[dict[str, str]]:
        """The dimensions as the API has them."""
        return [{"Name": name, "Value": value} for name, value in json.loads(self.dimensions)]


@record("cloudwatch.bucket", key=("metric", "resolution", "time", "unit"), indexes={"age": ("resolution", "time", "metric", "unit")})
class Bucket(Record):
    """What one metric was told in one slot of time: a summary, and the values with how often each came."""

    metric: int
    resolution: int
    time: datetime
    unit: str
    count: float
    sum: float
    low: float
    high: float
    values: dict[float, float] = {}


def dimensions_key(pairs: list[dict[str, str]] | None) -> str:
    """Dimensions in the form that metrics are stored by."""
    return json.dumps(sorted([pair["Name"], pair["Value"]] for pair in pairs or ()), separators=(",", ":"))


def floor(time: datetime, seconds: int) -> datetime:
    """The beginning of the slot that a time is in."""
    return EPOCH + (time - EPOCH) // timedelta(seconds=seconds) * timedelta(seconds=seconds)


@operation()
def put_metric_data(ctx: Context, req: dict[str, Any]) -> None:
    namespace = req["Namespace"]
    if namespace.startswith("AWS/") and ctx.principal.kind != "service":
        raise errors.invalid_value("The value AWS/ for parameter Namespace is invalid.")
    if req.get("EntityMetricData"):
        raise not_implemented("cloudwatch", "PutMetricData", "EntityMetricData")
    if not req.get("MetricData"):
        raise errors.missing("The parameter MetricData is required.")
    if len(req["MetricData"]) > 1000:
        raise errors.validation("The collection MetricData must not have a size greater than 1000.")
    for at, datum in enumerate(req["MetricData"], 1):
        _check(ctx, datum, f"MetricData.member.{at}")
    for datum in req["MetricData"]:
        _store(ctx, namespace, datum)
    age_if_due(ctx)


def _check(ctx: Context, datum: dict[str, Any], path: str) -> None:
    forms = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if not forms:
        raise errors.missing(f"At least one of the parameters {path}.Value, {path}.Values and {path}.StatisticValues must be specified.")
    if len(forms) > 1:
        raise errors.invalid_combination(
            f"The parameters {path}.{forms[0]} and {path}.{forms[1]} are mutually exclusive and you have specified both."
        )
    numbers = [datum["Value"]] if "Value" in datum else list(datum.get("Values") or (datum.get("StatisticValues") or {}).values())
    for number in (*numbers, *(datum.get("Counts") or ())):
        if not math.isfinite(number) or abs(number) > 2.0**360:
            raise errors.invalid_value(f"The value {number} for parameter {path}.{forms[0]} is invalid.")
    if "Values" in datum:
        if not datum["Values"] or len(datum["Values"]) > MOST_VALUES:
            raise errors.invalid_value(f"The parameter {path}.Values must have 1 to {MOST_VALUES} members.")
        if "Counts" in datum and len(datum["Counts"]) != len(datum["Values"]):
            raise errors.invalid_value(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    dimensions = datum.get("Dimensions") or ()
    if len(dimensions) > MOST_DIMENSIONS:
        raise errors.invalid_value(f"The collection {path}.Dimensions must not have a size greater than {MOST_DIMENSIONS}.")
    if len({pair["Name"] for pair in dimensions}) < len(dimensions):
        raise errors.invalid_value(f"The dimension names of {path} must differ.")
    resolution = datum.get("StorageResolution") or 60
    if resolution not in (1, 60):
        raise errors.invalid_value(f"The value {resolution} for parameter {path}.StorageResolution is invalid: it must be 1 or 60.")
    time = datum.get("Timestamp")
    if time is not None and time > ctx.now + NEWEST:
        raise errors.invalid_value(f"The parameter {path}.Timestamp must specify a time no more than two hours in the future.")
    if time is not None and time < ctx.now - OLDEST:
        raise errors.invalid_value(f"The parameter {path}.Timestamp must specify a time within the past two weeks.")


def touched(ctx: Context, namespace: str, name: str, dimensions: str) -> Metric:
    """A metric that has new data; made if this is its first."""
    metric = ctx.get(Metric, namespace, name, dimensions)
    if metric is None:
        return ctx.put(Metric(namespace, name, dimensions, ctx.world.step(ctx._open(), "cloudwatch"), ctx.now))
    if ctx.now - metric.last > timedelta(minutes=15):
        return ctx.put(replace(metric, last=ctx.now))
    return metric


def _store(ctx: Context, namespace: str, datum: dict[str, Any]) -> None:
    metric = touched(ctx, namespace, datum["MetricName"], dimensions_key(datum.get("Dimensions")))
    resolution = datum.get("StorageResolution") or 60
    time = floor(datum.get("Timestamp") or ctx.now, resolution)
    add(ctx, _bucket(metric.uid, resolution, time, datum))


def _bucket(metric: int, resolution: int, time: datetime, datum: dict[str, Any]) -> Bucket:
    unit = datum.get("Unit") or "None"
    if statistics := datum.get("StatisticValues"):
        count, low, high = statistics["SampleCount"], statistics["Minimum"], statistics["Maximum"]
        # A summary tells how its values lie only where they are all the same.
        values = {low: count} if low == high or count == 1 else {}
        return Bucket(metric, resolution, time, unit, count, statistics["Sum"], low, high, values)
    numbers = [datum["Value"]] if "Value" in datum else datum["Values"]
    counts = datum.get("Counts") or [1.0] * len(numbers)
    values = {}
    for number, count in zip(numbers, counts, strict=True):
        values[number] = values.get(number, 0.0) + count
    total = sum(number * count for number, count in zip(numbers, counts, strict=True))
    return Bucket(metric, resolution, time, unit, sum(counts), total, min(numbers), max(numbers), values)


def add(ctx: Context, more: Bucket) -> None:
    """Adds to what is stored for a slot."""
    old = ctx.get(Bucket, more.metric, more.resolution, more.time, more.unit)
    ctx.put(merged(old, more) if old else more)


def merged(one: Bucket, other: Bucket) -> Bucket:
    """Two buckets as one, with the first one's place."""
    values: dict[float, float] = {}
    # Where one side is only a summary, percentiles of both together cannot be told.
    if one.values and other.values:
        values = dict(one.values)
        for number, count in other.values.items():
            values[number] = values.get(number, 0.0) + count
    low, high = min(one.low, other.low), max(one.high, other.high)
    return replace(one, count=one.count + other.count, sum=one.sum + other.sum, low=low, high=high, values=values)


# Age


AGED_AT_ONCE = 2000
"""Slots that age in one call, so that none takes long."""


@record("cloudwatch.upkeep", key="name")
class Upkeep(Record):
    """When the data of this account and Region was last made coarser."""

    name: str
    since: datetime


def age_if_due(ctx: Context) -> None:
    """Ages data if an hour has passed. Not by a timer: data that nobody adds to or looks at must not keep a clock jumping."""
    upkeep = ctx.get(Upkeep, "")
    if upkeep is None or (abs(ctx.now - upkeep.since) >= timedelta(hours=1) and _age(ctx)):
        ctx.put(Upkeep("", ctx.now))


def _age(ctx: Context) -> bool:
    """Data that is old enough goes into coarser slots, and the oldest goes away. Says whether that was all."""
    left = AGED_AT_ONCE
    for resolution, kept, coarser in RETENTION:
        limit = floor(ctx.now - kept, coarser or resolution)
        old = [bucket for bucket, _ in zip(ctx.ordered_by(Bucket, "age", resolution).ending(limit), range(left), strict=False)]
        for bucket in old:
            ctx.delete(bucket)
            if coarser:
                add(ctx, replace(bucket, resolution=coarser, time=floor(bucket.time, coarser)))
        left -= len(old)
        if not left:
            return False
    forgotten = RETENTION[-1][1]
    for metric in list(ctx.where(Metric).filtered(lambda metric: ctx.now - metric.last > forgotten)):
        ctx.delete(metric)
    return True


@timer
def age(ctx: Context) -> None:
    """Worlds of 0.1.0 have such a timer."""
    age_if_due(ctx)


@operation()
def list_metrics(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.cloudwatch.own import look

    if req.get("IncludeLinkedAccounts") or req.get("OwningAccount"):
        raise not_implemented("cloudwatch", "ListMetrics", "linked accounts")
    look(ctx)
    rows = ctx.where(Metric, namespace=req["Namespace"]) if req.get("Namespace") else ctx.where(Metric)
    name, wanted = req.get("MetricName"), req.get("Dimensions") or []
    newest = timedelta(hours=3) if req.get("RecentlyActive") else timedelta(days=14)

    def listed(metric: Metric) -> bool:
        if (name and metric.name != name) or ctx.now - metric.last > newest + timedelta(minutes=15):
            return False
        pairs = {pair["Name"]: pair["Value"] for pair in metric.pairs}
        return all(one["Name"] in pairs and one.get("Value", pairs[one["Name"]]) == pairs[one["Name"]] for one in wanted)

    def wire(metric: Metric) -> dict[str, Any]:
        return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": metric.pairs}

    members = PageMembers("NextToken", "NextToken", None, "Metrics")
    return paging.page(members, req, rows.filtered(listed), wire, default=500, maximum=500, error=errors.invalid_token())
