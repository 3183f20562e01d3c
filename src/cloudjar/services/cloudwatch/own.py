"""The metrics that services tell of themselves: what the kernel's meter has added up becomes data like any other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cloudjar.kernel.context import Context
from cloudjar.kernel.meter import Batch, Dimensions
from cloudjar.services.cloudwatch.metrics import Bucket, Metric, add, age_if_due, dimensions_key, floor, touched


def keep(ctx: Context, batches: Iterable[Batch]) -> None:
    """Writes what was added up, and reads the gauges of what was used."""
    places = set()
    for batch in batches:
        time = floor(batch.since, 60)
        for (account, region, namespace, name, dimensions, unit), values in batch.series.items():
            there = ctx.at(account=account, region=region)
            places.add((account, region))
            metric = touched(there, namespace, name, _key(dimensions))
            count = sum(values.values())
            total = sum(value * times for value, times in values.items())
            add(there, Bucket(metric.uid, 60, time, unit, count, total, min(values), max(values), values))
        for account, region, namespace, dimensions in batch.used:
            places.add((account, region))
            _read(ctx.at(account=account, region=region), namespace, dimensions, time)
    for account, region in places:
        age_if_due(ctx.at(account=account, region=region))


def look(ctx: Context, namespace: str | None = None, name: str | None = None, pairs: list[dict[str, str]] | None = None) -> None:
    """Before metrics are looked at: what is in memory is stored, and the gauge that is asked for is read."""
    ctx.world.meter.store(ctx)
    age_if_due(ctx)
    if namespace and any(name in mark.names for mark, _ in ctx.world.host.gauges(namespace)):
        _read(ctx, namespace, tuple(sorted((pair["Name"], pair["Value"]) for pair in pairs or ())), ctx.now, name or "")


def _read(ctx: Context, namespace: str, dimensions: Dimensions, time: datetime, wanted: str = "") -> None:
    for mark, read in ctx.world.host.gauges(namespace):
        if mark.seconds > 60 and _is_known(ctx, namespace, wanted, dimensions, floor(time, mark.seconds)):
            continue
        for name, value, unit in read(ctx, dict(dimensions)):
            metric = touched(ctx, namespace, name, _key(dimensions))
            # A later look in the same slot takes the place of an earlier one: AWS tells a gauge once a slot.
            ctx.put(Bucket(metric.uid, 60, floor(time, mark.seconds), unit, 1.0, value, value, value, {value: 1.0}))


def _is_known(ctx: Context, namespace: str, name: str, dimensions: Dimensions, time: datetime) -> bool:
    """Whether a gauge that AWS tells once a day, and that is much work to read, has been read today."""
    metric = ctx.get(Metric, namespace, name, _key(dimensions))
    return metric is not None and ctx.where(Bucket, metric=metric.uid, resolution=60, time=time).first() is not None


def _key(dimensions: Dimensions) -> str:
    return dimensions_key([{"Name": name, "Value": value} for name, value in dimensions])
