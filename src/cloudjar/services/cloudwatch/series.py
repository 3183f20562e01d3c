"""Reading a metric's data as a series of points, one a period."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.cloudwatch.metrics import RETENTION, Bucket, Metric, floor, merged
from cloudjar.services.cloudwatch.statistics import statistic

Points = dict[datetime, float]


def slots(
    ctx: Context, metric: Metric | None, start: datetime, end: datetime, period: int, unit: str | None = None, *, by_unit: bool = False
) -> dict[tuple[datetime, str], Bucket]:
    """Buckets of [start, end), one for each period from `start` on that has data, and for each unit if `by_unit`."""
    found: dict[tuple[datetime, str], Bucket] = {}
    if metric is None:
        return found
    step = timedelta(seconds=period)
    for resolution, _, _ in RETENTION:
        # Coarse data says nothing of finer periods.
        if resolution > period:
            break
        for bucket in ctx.where(Bucket, metric=metric.uid, resolution=resolution).starting(start).ending(end):
            if unit and bucket.unit != unit:
                continue
            time = start + (bucket.time - start) // step * step
            key = (time, bucket.unit if by_unit else "")
            known = found.get(key)
            found[key] = merged(known, bucket) if known else replace(bucket, time=time)
    return dict(sorted(found.items()))


def points(ctx: Context, metric: Metric | None, start: datetime, end: datetime, period: int, stat: str, unit: str | None) -> Points:
    """A statistic's points in [start, end), on multiples of the period."""
    out: Points = {}
    for (time, _), bucket in slots(ctx, metric, floor(start, period), end, period, unit).items():
        value = statistic(bucket, stat)
        if value is not None:
            out[time] = value
    return out
